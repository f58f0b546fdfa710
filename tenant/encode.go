package tenant

import (
	"crypto/sha256"
	"encoding/base32"
	"fmt"
	"strings"
	"unicode/utf8"
)

const (
	// encoded begins every id that Encode made of a name that is none.
	encoded = "x--"

	// maxName is the longest name that Encode takes, in bytes.
	maxName = 1024

	hexDigits = "0123456789abcdef"
)

// Encode returns the tenant that a provider's name stands for: the name itself where it is an
// id, and otherwise one that begins with "x--", in which every byte but letters, digits and
// '-' is written as '_' and two hexadecimal digits:
//
//	acme             acme
//	org_2abcDEF      org_2abcDEF
//	acme.example     x--acme_2eexample
//
// No two names have one id. A name whose id would be longer than [MaxIDLength] has the digest
// of the name in it, so that this holds as far as nobody finds two texts of one SHA-256. The
// empty name, invalid UTF-8 and more than 1,024 bytes are an error wrapping [ErrInvalidID].
func Encode(name string) (ID, error) {
	switch {
	case name == "":
		return ID{}, fmt.Errorf("%w: empty", ErrInvalidID)
	case len(name) > maxName:
		return ID{}, fmt.Errorf("%w: %d bytes, at most %d are allowed", ErrInvalidID, len(name), maxName)
	case !utf8.ValidString(name):
		return ID{}, fmt.Errorf("%w: not UTF-8", ErrInvalidID)
	}
	if id, err := Parse(name); err == nil && !strings.HasPrefix(name, encoded) {
		return id, nil
	}
	b := []byte(encoded)
	for i := range len(name) {
		if c := name[i]; c != '_' && allowed(c, false) {
			b = append(b, c)
		} else {
			b = append(b, '_', hexDigits[c>>4], hexDigits[c&15])
		}
	}
	if len(b) > MaxIDLength {
		// "__" stands in no escaped name.
		sum := sha256.Sum256([]byte(name))
		b = append([]byte(encoded+"__"), strings.ToLower(base32.HexEncoding.WithPadding(base32.NoPadding).EncodeToString(sum[:]))...)
	}
	return Parse(string(b))
}
