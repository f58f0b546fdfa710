package session

import (
	"crypto/hmac"
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"log/slog"
	"strings"

	"github.com/reevehq/reeve/tenant"
)

// RefreshToken is the text that a client exchanges, once, for its successor. It redacts
// itself in every printer; [RefreshToken.Reveal] is the one way to the text. The zero
// RefreshToken is empty.
//
// The text is behind a function for the reason given at [SecretKey].
type RefreshToken struct{ text *func() string }

// Reveal returns the text for the client. The result is a secret.
func (t RefreshToken) Reveal() string {
	if t.text == nil {
		return ""
	}
	return (*t.text)()
}

// IsZero reports whether there is no token.
func (t RefreshToken) IsZero() bool { return t.text == nil }

// String returns a placeholder, and so do the other printers.
func (t RefreshToken) String() string { return "session.RefreshToken(" + redacted + ")" }

// GoString implements [fmt.GoStringer].
func (t RefreshToken) GoString() string { return t.String() }

// Format implements [fmt.Formatter], so that no verb reaches the text.
func (t RefreshToken) Format(f fmt.State, _ rune) { fmt.Fprint(f, t.String()) }

// LogValue implements [slog.LogValuer].
func (t RefreshToken) LogValue() slog.Value { return slog.StringValue(t.String()) }

// MarshalText implements [encoding.TextMarshaler] with a placeholder.
func (t RefreshToken) MarshalText() ([]byte, error) { return []byte(redacted), nil }

// refreshClaims are those of an authenticated refresh token.
type refreshClaims struct {
	ref        Ref
	generation uint64 // steps since sign-in
	secret     [secretBytes]byte
}

// The text of a refresh token is refreshPrefix and the base64url of
//
//	key id | session id | generation | secret | length of tenant | tenant | user | MAC
//
// where the MAC covers the prefix and all before it.
const (
	refreshPrefix  = "r1."
	secretBytes    = 32
	refreshFixed   = keyIDBytes + idBytes + 8 + secretBytes + 1
	maxRefreshBody = refreshFixed + tenant.MaxIDLength + MaxUserIDLength + macBytes
)

var refreshEncoding = base64.RawURLEncoding

// seal writes the claims as a token of key.
func (c refreshClaims) seal(key *refreshKey) RefreshToken {
	body := make([]byte, 0, maxRefreshBody)
	body = append(body, key.id[:]...)
	body = append(body, c.ref.ID.Bytes()...)
	body = binary.BigEndian.AppendUint64(body, c.generation)
	body = append(body, c.secret[:]...)
	body = append(body, byte(len(c.ref.Tenant.String())))
	body = append(body, c.ref.Tenant.String()...)
	body = append(body, c.ref.User.String()...)
	body = append(body, key.mac(body)...)
	text := refreshPrefix + refreshEncoding.EncodeToString(body)
	reveal := func() string { return text }
	return RefreshToken{&reveal}
}

// openRefresh returns the claims of a token that one of the keys has sealed, and that
// key. The checks cost the same bounded work for whatever text, ask nobody, and trust no
// byte before the MAC is right. Every failure is [ErrRefreshInvalid].
func openRefresh(text string, keys []*refreshKey) (refreshClaims, *refreshKey, error) {
	encoded, ok := strings.CutPrefix(text, refreshPrefix)
	if !ok {
		return refused("not a refresh token")
	}
	if len(encoded) > refreshEncoding.EncodedLen(maxRefreshBody) {
		return refused("too long")
	}
	body, err := refreshEncoding.DecodeString(encoded)
	// One token has one spelling: the decoder alone would skip line breaks and ignore
	// spare bits.
	if err != nil || refreshEncoding.EncodeToString(body) != encoded {
		return refused("not base64url")
	}
	if len(body) < refreshFixed+macBytes {
		return refused("too short")
	}
	payload, mac := body[:len(body)-macBytes], body[len(body)-macBytes:]
	key := findKey(keys, [keyIDBytes]byte(payload))
	if key == nil {
		return refused("of no known key")
	}
	if !hmac.Equal(mac, key.mac(payload)) {
		return refused("forged")
	}
	claims, err := parseClaims(payload[keyIDBytes:])
	if err != nil {
		return refused("authentic and malformed")
	}
	return claims, key, nil
}

func refused(why string) (refreshClaims, *refreshKey, error) {
	return refreshClaims{}, nil, fmt.Errorf("%w: %s", ErrRefreshInvalid, why)
}

// parseClaims reads an authenticated payload after its key id. It is at least
// refreshFixed-keyIDBytes long.
func parseClaims(b []byte) (refreshClaims, error) {
	var c refreshClaims
	var err error
	if c.ref.ID, err = IDFromBytes(b[:idBytes]); err != nil {
		return refreshClaims{}, err
	}
	b = b[idBytes:]
	c.generation, b = binary.BigEndian.Uint64(b), b[8:]
	c.secret, b = [secretBytes]byte(b), b[secretBytes:]
	n := int(b[0])
	if b = b[1:]; len(b) < n {
		return refreshClaims{}, fmt.Errorf("%w: no tenant", ErrInvalidID)
	}
	if c.ref.Tenant, err = tenant.Parse(string(b[:n])); err != nil {
		return refreshClaims{}, err
	}
	if c.ref.User, err = ParseUserID(string(b[n:])); err != nil {
		return refreshClaims{}, err
	}
	return c, nil
}
