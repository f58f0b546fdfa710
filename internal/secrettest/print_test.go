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

	"github.com/google/go-cmp/cmp"
	"github.com/redis/go-redis/v9"

	"github.com/reevehq/reeve/authz/policy/redispolicy"
	"github.com/reevehq/reeve/session"
	"github.com/reevehq/reeve/session/memstore"
	"github.com/reevehq/reeve/session/redisstore"
	"github.com/reevehq/reeve/session/token"
	"github.com/reevehq/reeve/tenant/rls"
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

// dump is what printers by reflection alone do, as spew and go-cmp's diff: they follow every
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

// A test that compares two configs prints what differs, and its log is read by many.
func TestADiffOfTwoConfigsShowsNoKey(t *testing.T) {
	one, other := canaries(), session.NewSecretKey([]byte(strings.ToUpper(canary)))
	all := cmp.Exporter(func(reflect.Type) bool { return true })
	for kind, key := range one {
		for name, diff := range map[string]string{
			"Options":      cmp.Diff(session.Config{Key: key}, session.Config{Key: other}),
			"SignerConfig": cmp.Diff(token.SignerConfig{Key: key}, token.SignerConfig{Key: other}, all),
			"a slice":      cmp.Diff([]session.SecretKey{key}, []session.SecretKey{other, key}),
			"hidden":       cmp.Diff(struct{ k *session.SecretKey }{&key}, struct{ k *session.SecretKey }{&other}, all),
		} {
			if diff == "" {
				t.Errorf("%s: two keys (%s) are one", name, kind)
			}
			if how := shows(diff); how != "" {
				t.Errorf("a diff of %s shows a key (%s) %s", name, kind, how)
			}
		}
	}
}

func TestNoExportedTypeShowsAConfiguredKey(t *testing.T) {
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
	// The walk fills what the services fill.
	for _, typ := range []reflect.Type{
		reflect.TypeFor[session.SecretKey](), reflect.TypeFor[session.Config](), reflect.TypeFor[redisstore.Config](), reflect.TypeFor[redispolicy.PublisherConfig](),
		reflect.TypeFor[token.SignerConfig](), reflect.TypeFor[token.DPoPConfig](),
	} {
		if !holders[typ.String()] {
			t.Errorf("%v was not filled", typ)
		}
	}
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

// What a service keeps for its whole life is made of its keys, and shows none.
func TestNothingThatWasMadeOfAKeyShowsIt(t *testing.T) {
	secret := canaries()["random bytes"]
	private := canaries()["Ed25519"]
	must := func(v any, err error) any {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
	client := redis.NewClient(&redis.Options{Addr: "127.0.0.1:1", ContextTimeoutEnabled: true})
	defer client.Close()
	store := must(redisstore.Open("redis://:"+canary[:20]+"@127.0.0.1:1", redisstore.Config{NameKey: secret, SealKeys: []session.SecretKey{secret}})).(*redisstore.Store)
	defer store.Close()
	sign := func(alg token.Algorithm, key session.SecretKey) *token.Signer {
		return must(token.NewSigner(token.SignerConfig{Issuer: "https://id.test", Audience: "api", KeyID: "k", Algorithm: alg, Key: key})).(*token.Signer)
	}
	for name, v := range map[string]any{
		"session.Manager":       *must(session.NewManager(memstore.New(), session.Config{Key: secret})).(*session.Manager),
		"session.Manager, more": *must(session.NewManager(store, session.Config{Key: session.NewSecretKey([]byte(strings.ToUpper(canary))), PreviousKeys: []session.SecretKey{secret}})).(*session.Manager),
		"token.Signer of HMAC":  *sign(token.HS256, secret), "token.Signer of Ed25519": *sign(token.EdDSA, private),
		"token.Key": must(token.NewKey("k", token.HS512, secret)), "token.Issuer": sign(token.HS256, secret).Issuer(),
		"token.KeySet":              *must(token.NewKeySet(sign(token.HS256, secret).Key())).(*token.KeySet),
		"token.DPoPVerifier":        *must(token.NewDPoPVerifier(token.DPoPConfig{Origins: []string{"https://api.test"}, NonceKey: secret})).(*token.DPoPVerifier),
		"redispolicy.Publisher":     *must(redispolicy.NewPublisher(redispolicy.PublisherConfig{Client: client, Name: "shop", Key: private})).(*redispolicy.Publisher),
		"rls.Signer":                *must(rls.NewSigner(rls.SignerConfig{Key: secret, KeyID: "k"})).(*rls.Signer),
		"rls.SignerConfig":          rls.SignerConfig{Key: secret, KeyID: "k"},
		"pointer to redisstore":     store,
		"a slice of SecretKey":      []session.SecretKey{secret, private},
		"a map of SecretKey":        map[string]session.SecretKey{"k": secret},
		"a map keyed by SecretKey":  map[session.SecretKey]int{secret: 1},
		"a channel's worth":         struct{ k, l session.SecretKey }{secret, private},
		"an error that holds a key": fmt.Errorf("key %v: %+v", secret, private),
	} {
		if how := shows(printed(v)); how != "" {
			t.Errorf("%s shows a key %s", name, how)
		}
	}
}

// The test sees what it is for: a key in a field of its own type, and one in a plain slice.
func TestThePrintersShowWhatIsNotHidden(t *testing.T) {
	for name, v := range map[string]any{
		"bytes": struct{ Key []byte }{[]byte(canary)}, "hidden bytes": struct{ key []byte }{[]byte(canary)}, "a named type": struct{ k named }{named(canary)},
		"a private key": struct{ Key ed25519.PrivateKey }{ed25519.NewKeyFromSeed([]byte(canary)[:32])}, "text": struct{ s string }{canary},
	} {
		if shows(printed(v)) == "" {
			t.Errorf("%s: nothing is seen", name)
		}
	}
}

type named []byte

func (named) String() string               { return "[redacted]" }
func (named) MarshalText() ([]byte, error) { return []byte("[redacted]"), nil }
