package middleware

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/netip"
	"testing"
	"testing/synctest"
	"time"

	"github.com/reevehq/reeve/session/token"
)

// forger refuses every token.
type forger struct{}

func (forger) Verify(context.Context, string) (*token.Verified, error) { return nil, token.ErrInvalid }

// TestAFloodOfForgedTokensLeavesNothingBehind sends 20,000 tokens, each of which would
// name a tenant of its own if anybody read it.
func TestAFloodOfForgedTokensLeavesNothingBehind(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := &Authenticator{tokens: forger{}, limits: newLimits(4, 1, 1)}
		x := &exchange{r: &http.Request{}, match: unmatched{}}
		for i := range 20_000 {
			if _, err := l.verify(context.Background(), x, credential{raw: fmt.Sprintf("tenant-%d", i)}); !errors.Is(err, token.ErrInvalid) {
				t.Fatal(err)
			}
		}
		if n, free := l.limits.tokens.Parties(), l.limits.tokens.Free(); n != 1 || free != 4 {
			t.Errorf("%d clients are kept, %d slots are free", n, free)
		}
	})
}

// TestProofsAreVerifiedWithinALimit verifies 50 proofs at once, in slots of their own:
// that unknown clients hold all the others changes nothing.
func TestProofsAreVerifiedWithinALimit(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := &Authenticator{tokens: forger{}, limits: newLimits(2, 1, 1)}
		for range 2 {
			if _, err := a.limits.tokens.Acquire(t.Context(), netip.Prefix{}); err != nil {
				t.Fatal(err)
			}
		}
		inside, refused := make(chan struct{}, 50), make(chan error, 50)
		for range 50 {
			go func() {
				_, err := a.verifyProofLimited(context.Background(), netip.Prefix{}, func() (*token.DPoPProof, error) {
					inside <- struct{}{}
					time.Sleep(time.Minute)
					return nil, token.ErrInvalidProof
				})
				refused <- err
			}()
		}
		time.Sleep(time.Second)
		if len(inside) != 2 || len(refused) != 48 {
			t.Errorf("%d proofs at once, %d answered", len(inside), len(refused))
		}
		for range 48 {
			if err := <-refused; !errors.Is(err, ErrOverloaded) {
				t.Errorf("a proof without a place is answered %v", err)
			}
		}
		time.Sleep(time.Hour)
		synctest.Wait()
		if free := a.limits.proofs.Free(); free != 2 {
			t.Errorf("%d of 2 places came back", free)
		}
	})
}
