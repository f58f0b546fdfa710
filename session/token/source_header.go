package token

import (
	"context"
	"fmt"
	"net/textproto"
	"slices"
	"strings"
	"time"
)

// notHeaders are headers in which no issuer's tokens come.
var notHeaders = []string{"Authorization", "Proxy-Authorization", "Cookie", "Set-Cookie", "Host", "Dpop", "Origin"}

// http1 returns a header's name as net/http has it.
func http1(name string) string { return textproto.CanonicalMIMEHeaderKey(name) }

func (i *Issuer) validateHeader() error {
	switch {
	case i.Header == "":
		return nil
	case len(i.Header) > maxText || strings.Trim(i.Header, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-") != "":
		return fmt.Errorf("Header: %s is not the name of a header, of letters, digits and -", quote(i.Header))
	case slices.Contains(notHeaders, i.Header):
		return fmt.Errorf("Header: %s has a meaning of its own: name the header that the provider sets", i.Header)
	}
	return nil
}

// Headers returns the names of the headers, other than Authorization, in which tokens of
// trusted issuers come, in canonical form and sorted. A request that has one of them beside
// another credential, wherever that stands, has two and is refused.
func (v *Verifier) Headers() []string {
	t := v.issuers.load()
	if t == nil {
		return nil
	}
	headers := slices.Clone(t.headers)
	slices.Sort(headers)
	return headers
}

// VerifyHeader is [Verifier.Verify] for a token that came in the header of that name, one of
// [Verifier.Headers]. It accepts tokens of issuers with that Header and of no others, as
// Verify accepts none of theirs: a token that a proxy puts into a header of its own is none
// that a caller may send as a bearer token.
func (v *Verifier) VerifyHeader(ctx context.Context, name, raw string) (*Verified, error) {
	if name == "" {
		return nil, refusal("no header")
	}
	return v.verifyFrom(ctx, http1(name), raw)
}

// CachedHeader is [Verifier.Cached] for a token that came in the header of that name.
func (v *Verifier) CachedHeader(name, raw string) (*Verified, bool) {
	return v.cachedFrom(http1(name), raw)
}

// cachedFrom returns a token that was accepted before, from where it came then.
func (v *Verifier) cachedFrom(from, raw string) (*Verified, bool) {
	issuers := v.issuers.load()
	if len(raw) > issuers.limit() {
		return nil, false
	}
	if i := issuers.opaqueOf(raw); i != nil {
		return i.Opaque.get().cached(i, from, raw, time.Now())
	}
	a := v.seen.find(v.seen.digest(raw))
	if a == nil || a.issuer.Header != from {
		return nil, false
	}
	if stands, err := a.stands(over, v, time.Now()); err != nil || !stands {
		return nil, false
	}
	return a.verified, true
}

// elsewhere is the refusal of a token that did not come where its issuer's tokens do.
const elsewhere = refusal("it did not come in the header of its issuer")
