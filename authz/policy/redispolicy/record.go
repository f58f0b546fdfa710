package redispolicy

import (
	"crypto"
	"crypto/ed25519"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"time"
)

// Publication is one publication of a policy.
type Publication struct {
	// Sequence orders publications. It grows with each, also when Redis lost its data
	// meanwhile, because it is never less than the publisher's clock in milliseconds.
	Sequence uint64

	// ID is the policy's revision, as policy.Engine.Revision returns it. Publishing the
	// same files again, or going back to them, is another Sequence and the same ID.
	ID string

	Hash        string // SHA-256 of the bundle, in hexadecimal
	Size        int    // of the bundle, in bytes
	PublishedAt time.Time
}

// record is a Publication as Redis holds it: a line of words, the last of which signs the others.
// The name of the policy is one of them, so that a record signed for another policy, or for another
// environment, is no record of this one.
type record struct {
	Publication
	text string
}

// version is the first word of records. Another format would be another version.
const version = "reeve-policy-1"

var recordForm = regexp.MustCompile(`^` + version + ` [a-z0-9_-]{1,64} [1-9][0-9]{0,15} [0-9a-f]{64} [0-9a-f]{32} [1-9][0-9]{0,9} [1-9][0-9]{0,15} [A-Za-z0-9_-]{86}$`)

// sign makes the record of a publication of the policy name.
func sign(name string, r Publication, key crypto.Signer) (record, error) {
	r.PublishedAt = r.PublishedAt.Truncate(time.Millisecond)
	words := strings.Join([]string{
		version, name, strconv.FormatUint(r.Sequence, 10), r.Hash, r.ID, strconv.Itoa(r.Size),
		strconv.FormatInt(r.PublishedAt.UnixMilli(), 10),
	}, " ")
	signature, err := key.Sign(nil, []byte(words), crypto.Hash(0)) // Ed25519 hashes for itself
	if err != nil {
		return record{}, fmt.Errorf("redispolicy: sign: %w", err)
	}
	return record{r, words + " " + base64.RawURLEncoding.EncodeToString(signature)}, nil
}

// parseRecord returns the record that a text is, if it is one of the policy name and signed
// by one of the keys. Otherwise the error wraps [ErrUntrusted].
func parseRecord(name, text string, trusted []ed25519.PublicKey) (record, error) {
	if !recordForm.MatchString(text) {
		return record{}, fmt.Errorf("%w: not a record", ErrUntrusted)
	}
	words := strings.Split(text, " ")
	signed := text[:strings.LastIndexByte(text, ' ')]
	signature, err := base64.RawURLEncoding.Strict().DecodeString(words[7])
	if err != nil || !verified(trusted, signed, signature) {
		return record{}, fmt.Errorf("%w: no trusted key signed it", ErrUntrusted)
	}
	if words[1] != name {
		return record{}, fmt.Errorf("%w: it is of the policy %s", ErrUntrusted, words[1])
	}
	// The form leaves these no way to fail.
	sequence, _ := strconv.ParseUint(words[2], 10, 64)
	size, _ := strconv.Atoi(words[5])
	at, _ := strconv.ParseInt(words[6], 10, 64)
	return record{Publication{sequence, words[4], words[3], size, time.UnixMilli(at)}, text}, nil
}

func verified(trusted []ed25519.PublicKey, signed string, signature []byte) bool {
	for _, key := range trusted {
		if ed25519.Verify(key, []byte(signed), signature) {
			return true
		}
	}
	return false
}

func hexadecimal(sum [32]byte) string { return hex.EncodeToString(sum[:]) }
