package policy

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"

	"github.com/reevehq/reeve/authz/policy/condition"
	"github.com/reevehq/reeve/authz/policy/internal/sqltext"
)

// ErrCursor means that a cursor is none of this list: it is of another type, tenant or order, or no
// page ended there. A handler hands it on, and the middleware answers it 400.
var ErrCursor = errors.New("policy: a cursor of another list, or none")

// maxCursor is the length of the longest cursor, and maxKey that of the longest text within.
const (
	maxCursor = 8 << 10
	maxKey    = 4 << 10
)

// A cursor is the base64 of the digest of its list and of the values of its keys, each in the form
// of its kind. It is neither secret nor signed, since it can say nothing but where among the
// objects of the caller's own Predicate a page begins.
const digestSize = 8

// digest identifies the list of a cursor.
func (p *Page) digest() []byte {
	var b strings.Builder
	fmt.Fprintf(&b, "1 %q %q", p.predicate.tenant.String(), p.predicate.kind)
	for _, k := range p.keys {
		fmt.Fprintf(&b, " %q %d %q %t", k.name, k.Kind, k.Column, k.Descending)
	}
	sum := sha256.Sum256([]byte(b.String()))
	return sum[:digestSize]
}

// cursor returns the cursor of the page after an object.
func (p *Page) cursor(o Object) (string, error) {
	out := p.digest()
	for _, k := range p.keys {
		x, ok := keyValue(k, o)
		if !ok {
			return "", fmt.Errorf("%w: the object %s has no attribute %s of kind %s, which the list is in the order of: select its column", ErrMisused, shown(quote(o.Type+":"+o.ID)), k.name, k.Kind)
		}
		switch x := x.(type) {
		case string:
			if k.Kind == KindUUID {
				raw, _ := hex.DecodeString(strings.ReplaceAll(x, "-", ""))
				out = append(out, raw...)
				continue
			}
			if len(x) > maxKey {
				return "", fmt.Errorf("%w: the attribute %s that the list is in the order of has %d bytes, at most %d are allowed", ErrMisused, k.name, len(x), maxKey)
			}
			out = append(binary.BigEndian.AppendUint16(out, uint16(len(x))), x...)
		case int64:
			out = binary.BigEndian.AppendUint64(out, uint64(x))
		case float64:
			out = binary.BigEndian.AppendUint64(out, math.Float64bits(x))
		case time.Time:
			out = binary.BigEndian.AppendUint64(out, uint64(sqltext.Micros(x)))
		case bool:
			out = append(out, 0)
			if x {
				out[len(out)-1] = 1
			}
		}
	}
	text := base64.RawURLEncoding.EncodeToString(out)
	if len(text) > maxCursor {
		return "", fmt.Errorf("%w: the attributes that the list is in the order of make a cursor of %d bytes, at most %d are allowed", ErrMisused, len(text), maxCursor)
	}
	return text, nil
}

// keyValue returns what the database has in the column of a key: numbers and times beyond the
// domains of conditions are values here.
func keyValue(k sortKey, o Object) (any, bool) {
	if k.name == "id" {
		return idValue(k.Kind, o.ID)
	}
	if o.Attributes == nil {
		return nil, false
	}
	x, ok := attributeOf(o.Attributes, k.name, k.Kind)
	if !ok || x == nil || !k.Kind.Takes(x) {
		return nil, false
	}
	switch x := x.(type) {
	case time.Time:
		return x, isKeyTime(x)
	case float64:
		return x, true
	case float32:
		return float64(x), true
	case uint64:
		if x > math.MaxInt64 {
			return nil, false
		}
	case uint:
		if uint64(x) > math.MaxInt64 {
			return nil, false
		}
	}
	switch k.Kind {
	case KindInt:
		n, err := strconv.ParseInt(fmt.Sprint(x), 10, 64)
		return n, err == nil
	case KindFloat:
		f, err := strconv.ParseFloat(fmt.Sprint(x), 64)
		return f, err == nil
	case KindUUID:
		v, _ := condition.ValueOf(KindUUID, x)
		return v.Text(), v.Kind() == KindUUID
	}
	return x, true
}

// isKeyTime reports whether every database has the time, or it is one of PostgreSQL that is infinite.
func isKeyTime(t time.Time) bool {
	return -4000 < t.Year() && t.Year() < 100_000 || t.Equal(sqltext.Infinity) || t.Equal(sqltext.MinusInfinity)
}

// idValue is keyValue for the id.
func idValue(k AttributeKind, id string) (any, bool) {
	switch k {
	case KindInt:
		n, err := strconv.ParseInt(id, 10, 64)
		return n, err == nil && strconv.FormatInt(n, 10) == id
	case KindUUID:
		return id, condition.UUID(id).Kind() == KindUUID
	}
	return id, id != ""
}

// read returns the values of a cursor, one for each key.
func (p *Page) read(cursor string) ([]any, error) {
	if len(cursor) > maxCursor {
		return nil, fmt.Errorf("%w: %d bytes", ErrCursor, len(cursor))
	}
	rest, err := base64.RawURLEncoding.Strict().DecodeString(cursor)
	if err != nil || strings.ContainsAny(cursor, "\r\n") {
		return nil, fmt.Errorf("%w: it is no base64", ErrCursor)
	}
	cut := func(n int) []byte {
		if len(rest) < n {
			rest, err = nil, errors.New("it ends too early")
			return make([]byte, n)
		}
		out := rest[:n]
		rest = rest[n:]
		return out
	}
	if string(cut(digestSize)) != string(p.digest()) {
		return nil, fmt.Errorf("%w: it is of another list", ErrCursor)
	}
	var values []any
	for _, k := range p.keys {
		switch k.Kind {
		case KindInt:
			values = append(values, int64(binary.BigEndian.Uint64(cut(8))))
		case KindFloat:
			values = append(values, math.Float64frombits(binary.BigEndian.Uint64(cut(8))))
		case KindTime:
			at := sqltext.OfMicros(int64(binary.BigEndian.Uint64(cut(8))))
			if !isKeyTime(at) {
				return nil, fmt.Errorf("%w: %s is no time of a database", ErrCursor, k.name)
			}
			values = append(values, at)
		case KindBool:
			b := cut(1)[0]
			if b > 1 {
				return nil, fmt.Errorf("%w: %s is no bool", ErrCursor, k.name)
			}
			values = append(values, b == 1)
		case KindUUID:
			x := hex.EncodeToString(cut(16))
			values = append(values, x[:8]+"-"+x[8:12]+"-"+x[12:16]+"-"+x[16:20]+"-"+x[20:])
		default:
			n := int(binary.BigEndian.Uint16(cut(2)))
			if n > maxKey {
				return nil, fmt.Errorf("%w: %s has %d bytes", ErrCursor, k.name, n)
			}
			text := string(cut(n))
			if k.name == "id" && text == "" {
				return nil, fmt.Errorf("%w: no object is without an id", ErrCursor)
			}
			values = append(values, text)
		}
	}
	if err != nil || len(rest) > 0 {
		return nil, fmt.Errorf("%w: it is not as long as its values", ErrCursor)
	}
	return values, nil
}
