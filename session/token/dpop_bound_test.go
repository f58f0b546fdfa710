package token_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/reevehq/reeve/session"
	"github.com/reevehq/reeve/session/token"
)

// A bound token names no session until its sender has proved to hold the key.
func TestABoundTokenNamesNoSessionBeforeItsProof(t *testing.T) {
	v, p := verifier(t, trust(t, token.EdDSA)), proofs(t, allProofAlgorithms)
	raw := good(token.EdDSA, "cnf", `{"jkt":"`+thumbprint()+`"}`)
	request := wantRequest
	request.Token = raw
	for range 2 { // the second is from the verifier's memory
		bound, err := v.Verify(context.Background(), raw)
		if err != nil {
			t.Fatal(err)
		}
		if bound.Thumbprint() != thumbprint() || bound.Ref() != (session.Ref{}) {
			t.Fatalf("thumbprint %q, ref %v", bound.Thumbprint(), bound.Ref())
		}
		shown, err := p.Verify(proof(token.EdDSA, "ath", `"`+athOf(raw)+`"`), request)
		if err != nil {
			t.Fatal(err)
		}
		proved, err := bound.Prove(shown)
		if err != nil || proved.Ref() != wantRef || proved.Thumbprint() != thumbprint() || proved.TokenID() != "t-1" {
			t.Fatalf("proved: %v, %v", proved.Ref(), err)
		}
		if bound.Ref() != (session.Ref{}) {
			t.Fatal("proving one unlocks the other")
		}
		another, err := p.Verify(ours().forge(token.ES256, proofHeader(ours(), token.ES256), proofClaims("ath", `"`+athOf(raw)+`"`)), request)
		if err != nil {
			t.Fatal(err)
		}
		if got, err := bound.Prove(another); got != nil || !errors.Is(err, token.ErrInvalid) {
			t.Errorf("a proof by another key: %v, %v", got, err)
		}
		for name, none := range map[string]*token.DPoPProof{"nil": nil, "the zero Proof": {}} {
			if got, err := bound.Prove(none); got != nil || !errors.Is(err, token.ErrInvalidProof) {
				t.Errorf("%s: %v, %v", name, got, err)
			}
		}
		bearer := accepts(t, v, good(token.EdDSA))
		if got, err := bearer.Prove(shown); got != nil || !errors.Is(err, token.ErrInvalid) {
			t.Errorf("a bearer token proved: %v, %v", got, err)
		}
		if got, err := new(token.Verified).Prove(shown); got != nil || err == nil {
			t.Errorf("the zero Verified proved: %v, %v", got, err)
		}
	}
}

func TestTheSignerBindsATokenToAKey(t *testing.T) {
	s := signer(t, config(token.EdDSA))
	signed, err := s.SignBound(sess(time.Hour), thumbprint())
	if err != nil {
		t.Fatal(err)
	}
	got, err := verifier(t, s.Issuer()).Verify(context.Background(), signed.Reveal())
	if err != nil || got.Thumbprint() != thumbprint() {
		t.Errorf("got %q, %v", got.Thumbprint(), err)
	}
	for _, bad := range []string{"", "x", thumbprint() + "A", thumbprint()[:42], thumbprint()[:42] + "\n", strings.Repeat(`"`, 43)} {
		if signed, err := s.SignBound(sess(time.Hour), bad); err == nil || signed.Reveal() != "" {
			t.Errorf("bound to %q", bad)
		}
	}
}

func TestReplayKeysDifferByKeyAndByID(t *testing.T) {
	v := proofs(t, allProofAlgorithms)
	keys := map[token.ReplayKey]string{}
	for name, raw := range map[string]string{
		"one":            proof(token.EdDSA),
		"another jti":    proof(token.EdDSA, "jti", `"p-2"`),
		"another key":    proof(token.ES256),
		"another signer": theirs().forge(token.EdDSA, proofHeader(theirs(), token.EdDSA), proofClaims()),
	} {
		p, err := v.Verify(raw, wantRequest)
		if err != nil {
			t.Fatal(err)
		}
		if twin, ok := keys[p.ReplayKey()]; ok {
			t.Errorf("%s and %s share a replay key", name, twin)
		}
		keys[p.ReplayKey()] = name
	}
	a, _ := v.Verify(proof(token.EdDSA), wantRequest)
	b, _ := v.Verify(proof(token.EdDSA, "x", "1"), wantRequest)
	if a.ReplayKey() != b.ReplayKey() {
		t.Error("a jti that is signed twice is two")
	}
}

// A plain token of a bound session would be a bearer's, of use to whoever steals it: a service
// that offers both kinds of refresh would undo the binding by the wrong one.
func TestABoundSessionIsSignedForItsKeyAlone(t *testing.T) {
	s := signer(t, config(token.EdDSA))
	other := strings.Repeat("A", len(thumbprint()))
	for name, row := range map[string]struct {
		key            any
		plain, ours, x bool // whether Sign, SignBound to the key and to another key succeed
	}{
		"no key":              {nil, true, true, true},
		"the key":             {thumbprint(), false, true, false},
		"another key":         {other, false, false, true},
		"an empty key":        {"", false, false, false},
		"a key that is none":  {int64(5), false, false, false},
		"a key that is a set": {[]string{thumbprint()}, false, false, false},
	} {
		bound := sess(time.Hour)
		if row.key != nil {
			var err error
			if bound.Attributes, err = session.NewAttributes(map[string]any{session.KeyAttribute: row.key}); err != nil {
				t.Fatal(err)
			}
		}
		_, plain := s.Sign(bound)
		_, ours := s.SignBound(bound, thumbprint())
		_, x := s.SignBound(bound, other)
		for what, got := range map[string]struct {
			err error
			ok  bool
		}{"Sign": {plain, row.plain}, "SignBound": {ours, row.ours}, "SignBound to another": {x, row.x}} {
			if (got.err == nil) != got.ok || got.err != nil && !errors.Is(got.err, session.ErrInvalid) {
				t.Errorf("%s: %s: %v", name, what, got.err)
			}
		}
	}
}

func TestNobodySignsForASessionWhoseUserActsAsAnother(t *testing.T) {
	away := sess(time.Hour)
	var err error
	if away.Acting, err = session.NewActing(session.MustParseUserID("bob"), "ticket 7"); err != nil {
		t.Fatal(err)
	}
	s := signer(t, config(token.EdDSA))
	_, plain := s.Sign(away)
	_, bound := s.SignBound(away, thumbprint())
	if !errors.Is(plain, session.ErrNotFound) || !errors.Is(bound, session.ErrNotFound) {
		t.Errorf("got %v and %v", plain, bound)
	}
}
