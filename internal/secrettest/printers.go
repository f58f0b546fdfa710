package secrettest

//lint:file-ignore SA1019 keys of known bytes can only be made by hand

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rsa"
	"encoding/base64"
	"encoding/gob"
	"encoding/hex"
	"encoding/json"
	"encoding/xml"
	"errors"
	"fmt"
	"log"
	"log/slog"
	"math/big"
	"reflect"
	"strings"
	"testing"

	"github.com/reevehq/reeve/session"
)

const canary = "canary-K3y-of-32-bytes-or-a-bit+more/0123456789abcdefghijklmnopq"

// canaries are keys of each kind whose secret bytes are those of canary.
func canaries() map[string]session.SecretKey {
	seed := []byte(canary)[:ed25519.SeedSize]
	ec := &ecdsa.PrivateKey{D: new(big.Int).SetBytes(seed)}
	ec.Curve = elliptic.P256()
	rs := &rsa.PrivateKey{D: new(big.Int).SetBytes([]byte(canary)), Primes: []*big.Int{new(big.Int).SetBytes(seed)}}
	rs.N, rs.E = big.NewInt(15), 3
	return map[string]session.SecretKey{
		"random bytes": session.NewSecretKey([]byte(canary)), "Ed25519": session.NewPrivateKey(ed25519.NewKeyFromSeed(seed)),
		"ECDSA": session.NewPrivateKey(ec), "RSA": session.NewPrivateKey(rs),
	}
}

// shows returns how out shows the canary, "" when it does not. A part of it is enough.
func shows(out string) string {
	part := []byte(canary)[:12]
	lower := strings.ToLower(out)
	decimal := strings.Trim(fmt.Sprint(part), "[]")
	for how, form := range map[string]string{
		"as text": string(part), "in hexadecimal": hex.EncodeToString(part), "in hexadecimal with spaces": fmt.Sprintf("% x", part),
		"in base64": base64.StdEncoding.EncodeToString(part), "in decimal": decimal, "in decimal with commas": strings.ReplaceAll(decimal, " ", ","),
		"in Go syntax": strings.TrimSuffix(strings.TrimPrefix(fmt.Sprintf("%#v", part), "[]byte{"), "}"), "in octal": strings.Trim(fmt.Sprintf("%o", part), "[]"),
		"in binary": strings.Trim(fmt.Sprintf("%b", part), "[]"), "as a number": new(big.Int).SetBytes([]byte(canary)[:ed25519.SeedSize]).String(),
	} {
		if strings.Contains(lower, strings.ToLower(form)) {
			return how
		}
	}
	return ""
}

// hidden has what it holds where fmt may not ask: it calls no method on an unexported field.
type hidden struct{ v any }

type embedded struct {
	hidden
	Shown any
}

// printed is v by every printer, by itself, by pointer and inside others.
func printed(v any) string {
	pointer := reflect.New(reflect.TypeOf(v))
	pointer.Elem().Set(reflect.ValueOf(v))
	var out bytes.Buffer
	text, structured := slog.New(slog.NewTextHandler(&out, nil)), slog.New(slog.NewJSONHandler(&out, nil))
	logger := log.New(&out, "", 0)
	for _, x := range []any{
		v, pointer.Interface(), hidden{v}, &hidden{v}, hidden{pointer.Interface()}, embedded{hidden{v}, v}, &embedded{hidden{v}, pointer.Interface()},
		[]any{v, hidden{v}}, map[string]any{"v": v, "h": hidden{v}}, [1]any{v}, reflect.ValueOf(v), pointer.Elem(),
	} {
		for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%X", "%d", "%b", "%o", "%c", "%U", "%e", "%t", "%p", "% x", "%#x", "%w", "%!"} {
			fmt.Fprintf(&out, verb+"\n", x)
		}
		fmt.Fprintln(&out, x, fmt.Sprint(x), errors.Join(fmt.Errorf("x: %v", x)))
		logger.Print(x)
		text.Info("m", "x", x, slog.Group("g", "x", x))
		structured.Info("m", "x", x, slog.Group("g", "x", x))
		if b, err := json.Marshal(x); err == nil {
			out.Write(b)
		} else {
			out.WriteString(err.Error())
		}
		if b, err := xml.Marshal(x); err == nil {
			out.Write(b)
		}
	}
	if err := gob.NewEncoder(&out).Encode(v); err != nil {
		out.WriteString(err.Error())
	}
	dump(&out, reflect.ValueOf(v), 0)
	return out.String()
}

// dump prints as printers by reflection alone do, such as spew and go-cmp's diff: they follow every
// pointer, read unexported fields, and call no method.
func dump(out *bytes.Buffer, v reflect.Value, depth int) {
	if depth > 40 || !v.IsValid() {
		return
	}
	switch v.Kind() {
	case reflect.Pointer, reflect.Interface:
		dump(out, v.Elem(), depth+1)
	case reflect.Struct:
		if pkg := v.Type().PkgPath(); !strings.HasPrefix(pkg, module) && !strings.HasPrefix(pkg, "crypto/") && pkg != "math/big" && pkg != "" {
			return // clients, locks and maps of other packages hold nothing of ours
		}
		for i := range v.NumField() {
			fmt.Fprintf(out, "%s: ", v.Type().Field(i).Name)
			dump(out, v.Field(i), depth+1)
		}
	case reflect.Slice, reflect.Array:
		if v.Type().Elem().Kind() == reflect.Uint8 {
			text := make([]byte, v.Len())
			for i := range text {
				text[i] = byte(v.Index(i).Uint())
			}
			fmt.Fprintf(out, "%s %x\n", text, text)
			return
		}
		for i := range min(v.Len(), 16) {
			dump(out, v.Index(i), depth+1)
		}
	case reflect.Map:
		for _, k := range v.MapKeys() {
			dump(out, k, depth+1)
			dump(out, v.MapIndex(k), depth+1)
		}
	case reflect.String:
		fmt.Fprintf(out, "%s %x\n", v.String(), v.String())
	}
}

// checkPrinters puts keys of each kind wherever a service could into the types, prints them, and
// returns the types that hold one.
func checkPrinters(t *testing.T, types []reflect.Type) map[string]bool {
	t.Helper()
	holders := map[string]bool{}
	for kind, key := range canaries() {
		for _, typ := range types {
			if typ.Kind() == reflect.Interface {
				continue
			}
			v := reflect.New(typ).Elem()
			if !fill(v, key, 0) {
				continue
			}
			holders[typ.String()] = true
			if how := shows(printed(v.Interface())); how != "" {
				t.Errorf("%v shows a key (%s) %s", typ, kind, how)
			}
		}
	}
	return holders
}

// fill puts the key wherever a service could, and reports whether it found a place.
func fill(v reflect.Value, key session.SecretKey, depth int) bool {
	if v.Type() == reflect.TypeFor[session.SecretKey]() {
		v.Set(reflect.ValueOf(key))
		return true
	}
	if depth > 4 {
		return false
	}
	found := false
	switch v.Kind() {
	case reflect.Struct:
		for i := range v.NumField() {
			if v.Type().Field(i).IsExported() {
				found = fill(v.Field(i), key, depth+1) || found
			}
		}
	case reflect.Pointer:
		inner := reflect.New(v.Type().Elem())
		if found = fill(inner.Elem(), key, depth+1); found {
			v.Set(inner)
		}
	case reflect.Slice:
		inner := reflect.MakeSlice(v.Type(), 1, 1)
		if found = fill(inner.Index(0), key, depth+1); found {
			v.Set(inner)
		}
	case reflect.Map:
		inner := reflect.New(v.Type().Elem()).Elem()
		if found = fill(inner, key, depth+1); found {
			v.Set(reflect.MakeMap(v.Type()))
			v.SetMapIndex(reflect.Zero(v.Type().Key()), inner)
		}
	}
	return found
}
