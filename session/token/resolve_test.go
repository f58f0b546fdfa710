package token_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/reevehq/reeve/session/token"
	"github.com/reevehq/reeve/tenant"
)

// directory is a service's table of issuers.
type directory struct {
	mu     sync.Mutex
	known  map[string]token.Issuer
	err    error
	took   time.Duration
	asked  map[string]int
	now    atomic.Int32
	atOnce atomic.Int32
}

func (d *directory) resolve(ctx context.Context, iss string) (token.Issuer, error) {
	n := d.now.Add(1)
	defer d.now.Add(-1)
	for most := d.atOnce.Load(); n > most && !d.atOnce.CompareAndSwap(most, n); most = d.atOnce.Load() {
	}
	d.mu.Lock()
	d.asked[iss]++
	i, err, took := d.known[iss], d.err, d.took
	d.mu.Unlock()
	select {
	case <-time.After(took):
		return i, err
	case <-ctx.Done():
		return token.Issuer{}, ctx.Err()
	}
}

func (d *directory) set(edit func()) {
	d.mu.Lock()
	defer d.mu.Unlock()
	edit()
}

func (d *directory) queries() (n int) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, asked := range d.asked {
		n += asked
	}
	return n
}

// resolving is a verifier with a directory of one customer's issuer, and its token.
func resolving(t *testing.T, edit ...func(*token.Issuer)) (*token.Verifier, *directory, string) {
	t.Helper()
	const name = "https://acme.example.com"
	i := foreign(t, append([]func(*token.Issuer){func(i *token.Issuer) { i.Name, i.Tenant, i.UserPrefix = name, tenant.MustParse("acme"), "acme:" }}, edit...)...)
	d := &directory{known: map[string]token.Issuer{name: i}, asked: map[string]int{}, took: time.Millisecond}
	v, err := token.NewVerifierWithConfig(token.VerifierConfig{Issuers: []token.Issuer{trust(t, token.EdDSA)}, MaxIssuers: 50, Resolve: d.resolve})
	if err != nil {
		t.Fatal(err)
	}
	return v, d, theirsOf("iss", `"`+name+`"`)
}

func TestAnIssuerIsFoundByTheServicesOwnLookUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		v, d, _ := resolving(t)
		const name = "https://acme.example.com"
		raw := func() string { return theirsOf("iss", `"`+name+`"`) }
		var wg sync.WaitGroup
		for range 40 { // one query for all that come at once
			wg.Go(func() {
				if s := strangerOf(t, v, "", raw()); s.User.String() != "acme:f:1:bob" || s.Issuer != name {
					t.Errorf("user %v by %s", s.User, s.Issuer)
				}
			})
		}
		wg.Wait()
		if n := d.queries(); n != 1 {
			t.Errorf("%d questions", n)
		}
		accepts(t, v, good(token.EdDSA)) // one that is configured is not asked about
		time.Sleep(11 * time.Minute)
		strangerOf(t, v, "", raw())
		if n := d.queries(); n != 2 {
			t.Errorf("%d questions after 11 minutes", n)
		}
		// A customer who is gone is gone with the next token, remembered ones included.
		old := raw()
		strangerOf(t, v, "", old)
		d.set(func() { delete(d.known, name) })
		if !v.Remove(name) {
			t.Error("it was not known")
		}
		if _, ok := v.Cached(old); ok {
			t.Error("a token of an issuer that is gone is remembered")
		}
		if _, err := v.Verify(t.Context(), old); !errors.Is(err, token.ErrInvalid) || errors.Is(err, token.ErrUnavailable) {
			t.Errorf("got %v", err)
		}
	})
}

func TestAnIssuerThatNobodyKnowsCostsOneQuestionAMinute(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		v, d, _ := resolving(t)
		evil := theirs().forge(token.EdDSA, headerOf(token.EdDSA), claimsOf("iss", `"https://evil.example.com"`))
		for range 100 {
			if _, err := v.Verify(t.Context(), evil); !errors.Is(err, token.ErrInvalid) || !strings.Contains(err.Error(), "is not trusted") {
				t.Fatalf("got %v", err)
			}
			time.Sleep(500 * time.Millisecond)
		}
		if n := d.queries(); n != 1 {
			t.Errorf("%d questions in 50 s", n)
		}
		// One that is registered meanwhile is known a minute later, or at once after Remove.
		d.set(func() { d.known["https://evil.example.com"] = d.known["https://acme.example.com"] })
		v.Remove("https://evil.example.com")
		if _, err := v.Verify(t.Context(), evil); !errors.Is(err, token.ErrUnavailable) || !strings.Contains(err.Error(), `Name: "https://acme.example.com", and`) {
			t.Errorf("an entry of another name: %v", err)
		}
		// iss that is no name is not asked about.
		before := d.queries()
		for _, iss := range []string{`"a\nb"`, `"` + strings.Repeat("x", 300) + `"`, `"é"`} {
			if _, err := v.Verify(t.Context(), theirsOf("iss", iss)); !errors.Is(err, token.ErrInvalid) {
				t.Errorf("%s: %v", iss, err)
			}
		}
		if d.queries() != before {
			t.Error("it was asked about what is no name")
		}
	})
}

func TestALookUpThatFailsIsAnOutage(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		v, d, raw := resolving(t)
		outage := func(what, why string) {
			t.Helper()
			if _, err := v.Verify(t.Context(), raw); !errors.Is(err, token.ErrUnavailable) || errors.Is(err, token.ErrInvalid) || !strings.Contains(fmt.Sprint(err), why) {
				t.Errorf("%s: %v", what, err)
			}
			time.Sleep(2 * time.Second)
		}
		d.set(func() { d.err = token.ErrInvalid }) // an error that it has no business to return
		outage("an error", "token: invalid")
		d.set(func() { d.err, d.took = nil, time.Hour })
		outage("no answer", "deadline")
		ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
		defer cancel()
		began := time.Now()
		if _, err := v.Verify(ctx, raw); !errors.Is(err, token.ErrUnavailable) || time.Since(began) > 150*time.Millisecond {
			t.Errorf("a request that cannot wait: %v after %v", err, time.Since(began))
		}
		time.Sleep(5 * time.Second)
		d.set(func() {
			d.took = 0
			i := d.known["https://acme.example.com"]
			i.Audience = ""
			d.known["https://acme.example.com"] = i
		})
		outage("a bad entry", "Audience: required")
		d.set(func() {
			i := d.known["https://acme.example.com"]
			i.Audience, i.MaxLength = audience, token.LongestMaxLength
			d.known["https://acme.example.com"] = i
		})
		outage("an entry for longer tokens than any", "MaxLength: 16384")
		d.set(func() {
			i := d.known["https://acme.example.com"]
			i.MaxLength = 0
			d.known["https://acme.example.com"] = i
		})
		strangerOf(t, v, "", theirsOf("iss", `"https://acme.example.com"`))
	})
	panics, err := token.NewVerifierWithConfig(token.VerifierConfig{Resolve: func(context.Context, string) (token.Issuer, error) { panic("x") }})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := panics.Verify(t.Context(), good(token.EdDSA)); !errors.Is(err, token.ErrUnavailable) {
		t.Errorf("a panic: %v", err)
	}
}

// A flood of made-up issuers is asked about 8 at a time, and no more than 64 wait.
func TestMadeUpIssuersFloodNobody(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		v, d, raw := resolving(t)
		strangerOf(t, v, "", raw)
		d.set(func() { d.took = 100 * time.Millisecond })
		var wg sync.WaitGroup
		var outages, refusals atomic.Int32
		for n := range 500 {
			wg.Go(func() {
				_, err := v.Verify(t.Context(), theirs().forge(token.EdDSA, headerOf(token.EdDSA), claimsOf("iss", fmt.Sprintf(`"https://evil%d.example.com"`, n))))
				switch {
				case errors.Is(err, token.ErrUnavailable):
					outages.Add(1)
				case errors.Is(err, token.ErrInvalid):
					refusals.Add(1)
				default:
					t.Errorf("got %v", err)
				}
			})
		}
		synctest.Wait()
		strangerOf(t, v, "", raw) // one that is known goes on
		wg.Wait()
		if d.atOnce.Load() > 8 || refusals.Load() != 64 || outages.Load() != 436 {
			t.Errorf("%d at once, %d refused, %d unavailable", d.atOnce.Load(), refusals.Load(), outages.Load())
		}
	})
}

func TestATemplateIsForTheTenantInItsNameAlone(t *testing.T) {
	const name = "https://login.example.com/{tenant}/v2.0"
	v := verifier(t, foreign(t, func(i *token.Issuer) { i.Name = name }))
	of := func(iss, id string) string { return theirsOf("iss", `"`+iss+`"`, "org", `{"id":"`+id+`"}`) }
	for _, id := range []string{"acme", "72f988bf-86f1-41af-91ab-2d7cd011db47", "org_2abcDEF"} {
		s := strangerOf(t, v, "", of("https://login.example.com/"+id+"/v2.0", id))
		if s.Issuer != "https://login.example.com/"+id+"/v2.0" || s.Tenant.String() != id {
			t.Errorf("%s by %s", s.Tenant, s.Issuer)
		}
	}
	for what, raw := range map[string]string{
		"another tenant's":         of("https://login.example.com/acme/v2.0", "globex"),
		"one in another case":      of("https://login.example.com/acme/v2.0", "Acme"),
		"a claim that is missing":  theirsOf("iss", `"https://login.example.com/acme/v2.0"`, "org", ""),
		"the template itself":      of(name, "acme"),
		"the braces":               of("https://login.example.com/{acme}/v2.0", "acme"),
		"an empty segment":         of("https://login.example.com//v2.0", ""),
		"two segments":             of("https://login.example.com/acme/x/v2.0", "acme/x"),
		"a dot":                    of("https://login.example.com/../v2.0", ".."),
		"an escape":                of("https://login.example.com/ac%6de/v2.0", "ac%6de"),
		"a query":                  of("https://login.example.com/acme?/v2.0", "acme?"),
		"another host":             of("https://evil.example.com/acme/v2.0", "acme"),
		"a host that begins so":    of("https://login.example.com.evil.org/acme/v2.0", "acme"),
		"another version":          of("https://login.example.com/acme/v1.0", "acme"),
		"something behind":         of("https://login.example.com/acme/v2.0/", "acme"),
		"no version":               of("https://login.example.com/acme", "acme"),
		"nothing between the ends": of("https://login.example.com/v2.0", "acme"),
	} {
		if got, err := v.Verify(context.Background(), raw); got != nil || !errors.Is(err, token.ErrInvalid) {
			t.Errorf("%s: %v", what, err)
		}
	}
	// An entry of the exact name goes before, and of two templates that would do neither does.
	one := foreign(t, func(i *token.Issuer) { i.Name, i.UserPrefix = "https://login.example.com/{tenant}/v2.0", "a:" })
	exact := foreign(t, func(i *token.Issuer) {
		i.Name, i.UserPrefix, i.SameAs = "https://login.example.com/acme/v2.0", "b:", one.Name
	})
	exact.Keys = one.Keys
	both := verifier(t, one, exact)
	if s := strangerOf(t, both, "", of("https://login.example.com/acme/v2.0", "acme")); s.User.String() != "b:f:1:bob" {
		t.Errorf("by the template: %s", s.User)
	}
	v2 := foreign(t, func(i *token.Issuer) { i.Name, i.UserPrefix = "https://login.example.com/{tenant}/v2", "a:" })
	acme := foreign(t, func(i *token.Issuer) { i.Name, i.UserPrefix = "https://login.example.com/acme/{tenant}", "c:" })
	raw := of("https://login.example.com/acme/v2", "acme")
	strangerOf(t, verifier(t, v2), "", raw)
	if _, err := verifier(t, v2, acme).Verify(context.Background(), raw); !errors.Is(err, token.ErrInvalid) {
		t.Errorf("two templates: %v", err)
	}
}

// An issuer that is added later is held against those that were found before.
func TestAnAddedIssuerIsHeldAgainstThoseThatWereFound(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		v, d, _ := resolving(t, func(i *token.Issuer) { i.UserPrefix = "" })
		raw := func() string { return theirsOf("iss", `"https://acme.example.com"`) }
		strangerOf(t, v, "", raw())
		old := raw()
		strangerOf(t, v, "", old)
		if err := v.Add(foreign(t, func(i *token.Issuer) { i.Name, i.Tenant = "https://two.example.com", tenant.MustParse("acme") })); err != nil {
			t.Fatal(err)
		}
		for _, raw := range []string{old, raw()} {
			if _, err := v.Verify(t.Context(), raw); !errors.Is(err, token.ErrUnavailable) || !strings.Contains(fmt.Sprint(err), "UserPrefix: issuer") {
				t.Errorf("two persons are one user: %v", err)
			}
		}
		if d.queries() != 2 {
			t.Errorf("%d questions", d.queries())
		}
	})
}
