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
		for name, none := range map[string]*token.Proof{"nil": nil, "the zero Proof": {}} {
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
	got, err := verifier(t, s.Trust()).Verify(context.Background(), signed.Reveal())
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
