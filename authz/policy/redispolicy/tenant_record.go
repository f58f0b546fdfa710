package redispolicy

import (
	"crypto"
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/reevehq/reeve/tenant"
)

// TenantPublication is one publication of one tenant's own rows.
type TenantPublication struct {
	Tenant   tenant.ID
	Sequence uint64 // as that of a [Publication], of the tenant's own

	Hash        string // SHA-256 of the rows, in hexadecimal
	Size        int    // of the rows, in bytes
	PublishedAt time.Time
}

// tenantRecord is a TenantPublication as Redis holds it. It begins otherwise than a record, so that
// neither is ever taken for the other, whoever signed it.
type tenantRecord struct {
	TenantPublication
	text string
}

const tenantVersion = "reeve-tenant-rows-1"

var tenantRecordForm = regexp.MustCompile(`^` + tenantVersion + ` [a-z0-9_-]{1,64} [A-Za-z0-9][A-Za-z0-9_-]{0,62} [1-9][0-9]{0,15} [0-9a-f]{64} (?:0|[1-9][0-9]{0,9}) [1-9][0-9]{0,15} [A-Za-z0-9_-]{86}$`)

// signTenant makes the record of a publication of rows, beside the policy name.
func signTenant(name string, r TenantPublication, key crypto.Signer) (tenantRecord, error) {
	r.PublishedAt = r.PublishedAt.Truncate(time.Millisecond)
	words := strings.Join([]string{
		tenantVersion, name, r.Tenant.String(), strconv.FormatUint(r.Sequence, 10), r.Hash, strconv.Itoa(r.Size),
		strconv.FormatInt(r.PublishedAt.UnixMilli(), 10),
	}, " ")
	signature, err := key.Sign(nil, []byte(words), crypto.Hash(0)) // Ed25519 hashes for itself
	if err != nil {
		return tenantRecord{}, fmt.Errorf("redispolicy: sign: %w", err)
	}
	return tenantRecord{r, words + " " + base64.RawURLEncoding.EncodeToString(signature)}, nil
}

// parseTenantRecord returns the record that a text is, if it is one of the tenant's rows beside the
// policy name, and signed by one of the tenant's keys. Otherwise the error wraps [ErrUntrusted].
func parseTenantRecord(name string, id tenant.ID, text string, trusted []ed25519.PublicKey) (tenantRecord, error) {
	if !tenantRecordForm.MatchString(text) {
		return tenantRecord{}, fmt.Errorf("%w: not a record of a tenant's rows", ErrUntrusted)
	}
	words := strings.Split(text, " ")
	signed := text[:strings.LastIndexByte(text, ' ')]
	signature, err := base64.RawURLEncoding.Strict().DecodeString(words[7])
	if err != nil || !verified(trusted, signed, signature) {
		return tenantRecord{}, fmt.Errorf("%w: no key of the tenant signed it", ErrUntrusted)
	}
	if words[1] != name || words[2] != id.String() {
		return tenantRecord{}, fmt.Errorf("%w: it is of the tenant %s, beside the policy %s", ErrUntrusted, words[2], words[1])
	}
	// The form leaves these no way to fail.
	sequence, _ := strconv.ParseUint(words[3], 10, 64)
	size, _ := strconv.Atoi(words[5])
	at, _ := strconv.ParseInt(words[6], 10, 64)
	return tenantRecord{TenantPublication{id, sequence, words[4], size, time.UnixMilli(at)}, text}, nil
}

// check returns an error wrapping [ErrCorrupt] unless these are the rows that r names.
func (r TenantPublication) check(rows string) error {
	if len(rows) != r.Size || hexadecimal(sha256.Sum256([]byte(rows))) != r.Hash {
		return fmt.Errorf("%w: the rows of %s are not those that were published as %d", ErrCorrupt, r.Tenant, r.Sequence)
	}
	return nil
}
