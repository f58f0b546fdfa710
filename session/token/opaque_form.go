package token

import (
	"encoding/base64"
	"errors"
	"fmt"
	"strings"
)

// base62url is the alphabet of most opaque tokens.
const base62url = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"

// Form is the form of an issuer's opaque tokens. Texts of another form are never sent to it.
type Form struct {
	// Prefix begins each of them, such as "ory_at_". Default: none.
	Prefix string

	// MinLength and MaxLength are those of the whole text in bytes. Required: at least 16, at
	// most [MaxLength].
	MinLength, MaxLength int

	// Alphabet are the characters behind the prefix, printable ASCII without the space. Default:
	// letters, digits, '-' and '_'. With '.' it needs a Prefix that begins no JWT.
	Alphabet string

	// Encrypted says that the tokens are compact JWEs (RFC 7516), which only their issuer can
	// open: five parts, of which the first names how they are encrypted. It goes without Prefix and
	// Alphabet. Nothing in such a token is believed, or decrypted: the issuer is asked.
	Encrypted bool
}

// matches reports whether a text has the form.
func (f *Form) matches(raw string) bool {
	if len(raw) < f.MinLength || len(raw) > f.MaxLength || !strings.HasPrefix(raw, f.Prefix) {
		return false
	}
	if f.Encrypted {
		return isEncrypted(raw)
	}
	for _, c := range []byte(raw[len(f.Prefix):]) {
		if strings.IndexByte(f.Alphabet, c) < 0 {
			return false
		}
	}
	return true
}

// isEncrypted reports whether a text is a JWE in compact form. One with a direct key has no
// second part.
func isEncrypted(raw string) bool {
	parts := strings.Split(raw, ".")
	if len(parts) != 5 {
		return false
	}
	for n, part := range parts {
		if _, err := base64.RawURLEncoding.Strict().DecodeString(part); err != nil || part == "" && n != 1 {
			return false
		}
	}
	text, _ := base64.RawURLEncoding.Strict().DecodeString(parts[0])
	header, err := readTree(string(text))
	if err != nil {
		return false
	}
	for _, name := range []string{"alg", "enc"} {
		if value, _ := header[name].(string); value == "" {
			return false
		}
	}
	return true
}

func (f *Form) validate() (errs []error) {
	if f.MinLength < shortestOpaque || f.MaxLength > MaxLength || f.MaxLength < f.MinLength || len(f.Prefix) >= f.MinLength {
		errs = append(errs, fmt.Errorf("Form.MinLength, Form.MaxLength: %d and %d, from %d to %d and longer than the prefix are allowed", f.MinLength, f.MaxLength, shortestOpaque, MaxLength))
	}
	if f.Encrypted {
		if f.Prefix != "" || f.Alphabet != "" {
			errs = append(errs, errors.New("Form.Encrypted: beside Prefix or Alphabet: a JWE has its own"))
		}
		return errs
	}
	if f.Prefix != "" && !graphic(f.Prefix) {
		errs = append(errs, errors.New("Form.Prefix: not printable ASCII without spaces"))
	}
	if !graphic(f.Alphabet) {
		errs = append(errs, errors.New("Form.Alphabet: not printable ASCII without spaces"))
	}
	if strings.Contains(f.Alphabet, ".") && (f.Prefix == "" || strings.HasPrefix(f.Prefix, "e") || strings.Contains(f.Prefix, ".")) {
		errs = append(errs, errors.New("Form.Alphabet: with '.' a JWT has the form too: name a Prefix that begins none, so not with e"))
	}
	return errs
}

// overlaps reports whether a text may have both forms, or may seem to.
func (f *Form) overlaps(g *Form) bool {
	if f.Encrypted != g.Encrypted { // the others have no '.', or a Prefix that no JWE begins with
		return false
	}
	return (strings.HasPrefix(f.Prefix, g.Prefix) || strings.HasPrefix(g.Prefix, f.Prefix)) && f.MinLength <= g.MaxLength && g.MinLength <= f.MaxLength
}

// graphic reports whether s is printable ASCII without the space.
func graphic(s string) bool { return printable(s, maxText) && !strings.Contains(s, " ") }
