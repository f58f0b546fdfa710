package token_test

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/reevehq/reeve/session/token"
)

// desk is an issuer that is asked about opaque tokens.
type desk struct {
	mu     sync.Mutex
	answer func(raw string) string
	err    error
	took   time.Duration
	asked  int
	now    atomic.Int32
	most   atomic.Int32
}

func (d *desk) ask(ctx context.Context, raw string) ([]byte, error) {
	n := d.now.Add(1)
	defer d.now.Add(-1)
	for most := d.most.Load(); n > most && !d.most.CompareAndSwap(most, n); most = d.most.Load() {
	}
	d.mu.Lock()
	d.asked++
	answer, err, took := d.answer, d.err, d.took
	d.mu.Unlock()
	select {
	case <-time.After(took):
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	if err != nil {
		return nil, err
	}
	return []byte(answer(raw)), nil
}

func (d *desk) set(edit func()) {
	d.mu.Lock()
	defer d.mu.Unlock()
	edit()
}

func (d *desk) queries() int {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.asked
}

// active is an answer, with edited members.
func active(edits ...string) string {
	now := time.Now().Unix()
	return object(map[string]string{
		"active": "true", "use": `"access"`, "iss": `"` + issuerName + `"`, "aud": `"` + audience + `"`, "sub": `"bob"`, "iat": fmt.Sprint(now), "exp": fmt.Sprint(now + 600),
		"org": `{"id":"acme"}`, "client_id": `"web"`,
	}, edits...)
}

const opaqueToken = "op_0123456789abcdefghijklmnop"

func opaqueIssuer(t testing.TB, d *desk, edit ...func(*token.IntrospectorConfig)) token.Issuer {
	t.Helper()
	cfg := token.IntrospectorConfig{Form: token.Form{Prefix: "op_", MinLength: 20, MaxLength: 60}, Ask: d.ask, PerSecond: 20, MaxAtOnce: 4}
	for _, e := range edit {
		e(&cfg)
	}
	o, err := token.NewIntrospector(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return foreign(t, func(i *token.Issuer) { i.Opaque, i.Keys, i.Algorithms = o, nil, nil })
}

func TestAnOpaqueTokenIsWhatItsIssuerSaysOfIt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := &desk{answer: func(raw string) string {
			if raw != opaqueToken {
				return `{"active":false}`
			}
			return active("iat", "946684800", "exp", "946685400") // the first ten minutes of a bubble
		}}
		v := verifier(t, opaqueIssuer(t, d))
		var wg sync.WaitGroup
		for range 30 { // one query for all that come at once
			wg.Go(func() {
				s := strangerOf(t, v, "", opaqueToken)
				if s.User.String() != "bob" || s.Tenant.String() != "acme" || s.Issuer != issuerName || s.IssuedAt.Unix() != 946684800 {
					t.Errorf("%+v", s)
				}
			})
		}
		wg.Wait()
		for range 59 {
			time.Sleep(time.Second)
			strangerOf(t, v, "", opaqueToken)
		}
		if _, ok := v.Cached(opaqueToken); !ok || d.queries() != 1 {
			t.Errorf("%d questions in a minute, known %v", d.queries(), ok)
		}
		time.Sleep(2 * time.Second)
		if _, ok := v.Cached(opaqueToken); ok {
			t.Error("it is remembered for longer than a minute")
		}
		strangerOf(t, v, "", opaqueToken)
		// One that is revoked is refused within the minute, and what is not active is
		// remembered as well.
		d.set(func() { d.answer = func(string) string { return `{"active":false}` } })
		time.Sleep(61 * time.Second)
		asked := d.queries()
		for range 50 {
			if _, err := v.Verify(t.Context(), opaqueToken); !errors.Is(err, token.ErrInvalid) || errors.Is(err, token.ErrUnavailable) {
				t.Fatalf("got %v", err)
			}
		}
		if n := d.queries() - asked; n != 1 {
			t.Errorf("%d questions about a token that is not active", n)
		}
	})
}

func TestAnOpaqueTokenIsRememberedNoLongerThanItLives(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := &desk{answer: func(string) string { return active("exp", fmt.Sprint(time.Now().Unix()+10)) }}
		v := verifier(t, opaqueIssuer(t, d, func(*token.IntrospectorConfig) {}))
		i := opaqueIssuer(t, d)
		i.Leeway = -1
		if err := v.Replace(i); err != nil {
			t.Fatal(err)
		}
		strangerOf(t, v, "", opaqueToken)
		time.Sleep(9 * time.Second)
		if _, ok := v.Cached(opaqueToken); !ok {
			t.Error("it is forgotten")
		}
		time.Sleep(2 * time.Second)
		if _, ok := v.Cached(opaqueToken); ok {
			t.Error("it outlives itself")
		}
	})
}

// A refusal by the clock alone is not remembered: the token is good in a moment.
func TestAnOpaqueTokenThatIsEarlyIsAskedAboutAgain(t *testing.T) {
	for name, edit := range map[string][]string{
		"issued ahead":    {"iat", "946684810", "exp", "946685400"}, // ten seconds into the bubble
		"not valid yet":   {"iat", "946684800", "nbf", "946684870", "exp", "946685400"},
		"signed in ahead": {"iat", "946684800", "auth_time", "946684810", "exp", "946685400"},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				d := &desk{answer: func(string) string { return active(edit...) }}
				i := opaqueIssuer(t, d)
				i.Foreign.AuthTime = "auth_time"
				v := verifier(t, i)
				if _, err := v.Verify(t.Context(), opaqueToken); !errors.Is(err, token.ErrInvalid) {
					t.Fatalf("too early: %v", err)
				}
				time.Sleep(11 * time.Second)
				strangerOf(t, v, "", opaqueToken)
			})
		})
	}
}

func TestAnAnswerThatDoesNotFitIsRefused(t *testing.T) {
	for name, c := range map[string]struct {
		answer string
		want   error
		why    string
	}{
		"a refresh token":        {active("use", `"refresh"`), token.ErrInvalid, "not of the kind"},
		"another audience":       {active("aud", `"x"`), token.ErrInvalid, "aud does not name"},
		"no audience":            {active("aud", ""), token.ErrInvalid, "aud does not name"},
		"another issuer":         {active("iss", `"x"`), token.ErrInvalid, "iss is not"},
		"no user":                {active("sub", ""), token.ErrInvalid, "the user is missing"},
		"no tenant":              {active("org", ""), token.ErrInvalid, "the tenant is missing"},
		"no iat":                 {active("iat", ""), token.ErrInvalid, "iat is missing"},
		"no exp":                 {active("exp", ""), token.ErrInvalid, "exp is missing"},
		"expired":                {active("iat", "1", "exp", "2"), token.ErrInvalid, "expired"},
		"not active":             {`{"active":false}`, token.ErrInvalid, "not active"},
		"active twice":           {strings.Replace(active(), "{", `{"active":false,`, 1), token.ErrUnavailable, "not strict JSON"},
		"active as a text":       {active("active", `"true"`), token.ErrUnavailable, "does not say"},
		"no word of it":          {`{}`, token.ErrUnavailable, "does not say"},
		"no JSON":                {"<html>", token.ErrUnavailable, "not strict JSON"},
		"nothing":                {"", token.ErrUnavailable, "not strict JSON"},
		"more than there may be": {strings.Repeat(" ", 65<<10), token.ErrUnavailable, "more than 64 KiB"},
	} {
		d := &desk{answer: func(string) string { return c.answer }}
		got, err := verifier(t, opaqueIssuer(t, d)).Verify(t.Context(), opaqueToken)
		if got != nil || !errors.Is(err, c.want) || errors.Is(err, token.ErrInvalid) == errors.Is(err, token.ErrUnavailable) || !strings.Contains(fmt.Sprint(err), c.why) {
			t.Errorf("%s: %v", name, err)
		}
		if err != nil && strings.Contains(err.Error(), opaqueToken) {
			t.Errorf("%s: the error repeats the token", name)
		}
	}
}

func TestTextsOfAnotherFormAreNeverSent(t *testing.T) {
	d := &desk{answer: func(string) string { return active() }}
	native := trust(t, token.EdDSA, func(i *token.Issuer) { i.Name = "https://own.example.com" })
	v := verifier(t, opaqueIssuer(t, d), native)
	for _, raw := range []string{
		"", "op_", "op_short", "op_" + strings.Repeat("a", 100), "xx_0123456789abcdefghijklmnop", "OP_0123456789abcdefghijklmnop", "op_0123456789abc.efghijklmnop", "op_0123456789abc efghijklmnop",
		"op_0123456789abc\nefghijklmnop", good(token.EdDSA), theirsOf(), strings.Repeat("a", 9000),
	} {
		if _, err := v.Verify(t.Context(), raw); !errors.Is(err, token.ErrInvalid) {
			t.Errorf("%q: %v", raw, err)
		}
	}
	if d.queries() != 0 {
		t.Errorf("%d questions", d.queries())
	}
	if _, err := v.Verify(t.Context(), ours().forge(token.EdDSA, headerOf(token.EdDSA), claimsOf("iss", `"https://own.example.com"`))); err != nil {
		t.Errorf("a JWT beside opaque tokens: %v", err)
	}
}

// jwe is a text of the form of a JWE in compact form, whose header is that text.
func jwe(header string) string {
	part := base64.RawURLEncoding.EncodeToString
	return part([]byte(header)) + "." + part([]byte("an encrypted key")) + "." + part([]byte("an iv")) + "." + part([]byte("a ciphertext")) + "." + part([]byte("a tag"))
}

// An encrypted JWT that only its issuer can open is an opaque token where the form says so: the
// issuer is asked, and the header is believed in nothing. A text that is no JWE is never sent.
func TestAnEncryptedJWTIsAnOpaqueTokenWhereTheFormSaysSo(t *testing.T) {
	const header = `{"alg":"A256GCMKW","enc":"A256GCM","kid":"1"}`
	fine := jwe(header)
	encrypted := func(c *token.IntrospectorConfig) {
		c.Form = token.Form{Encrypted: true, MinLength: 60, MaxLength: 400}
	}
	d := &desk{answer: func(raw string) string {
		if raw != fine {
			return `{"active":false}`
		}
		return active()
	}}
	own := trust(t, token.EdDSA, func(i *token.Issuer) { i.Name = "https://own.example.com" })
	v := verifier(t, opaqueIssuer(t, d, encrypted), own)
	if s := strangerOf(t, v, "", fine); s.User.String() != "bob" || s.Issuer != issuerName {
		t.Errorf("%+v", s)
	}
	direct := strings.Split(jwe(`{"alg":"dir","enc":"A256GCM"}`), ".")
	direct[1] = ""
	if _, err := v.Verify(t.Context(), strings.Join(direct, ".")); !errors.Is(err, token.ErrInvalid) || d.queries() != 2 {
		t.Errorf("one with a direct key that is not active: %v, after %d questions", err, d.queries())
	}
	for name, raw := range map[string]string{
		"a JWT":                     good(token.EdDSA),
		"four parts":                fine[:strings.LastIndex(fine, ".")],
		"six parts":                 fine + ".AAAA",
		"no tag":                    fine[:strings.LastIndex(fine, ".")+1],
		"a header without enc":      jwe(`{"alg":"A256GCMKW","kid":"1","typ":"JWT"}`),
		"a header without alg":      jwe(`{"enc":"A256GCM","kid":"1","typ":"JWT"}`),
		"a header that is no JSON":  jwe(`A256GCMKW and A256GCM`),
		"a member twice":            jwe(`{"alg":"A256GCMKW","alg":"dir","enc":"A256GCM"}`),
		"an enc that is no text":    jwe(`{"alg":"A256GCMKW","enc":true}`),
		"a part that is no base64":  strings.Replace(fine, ".", ".!", 1),
		"longer than the form":      jwe(`{"alg":"A256GCMKW","enc":"A256GCM","kid":"` + strings.Repeat("1", 400) + `"}`),
		"a reference, as of others": opaqueToken + opaqueToken + opaqueToken,
	} {
		if _, err := v.Verify(t.Context(), raw); !errors.Is(err, token.ErrInvalid) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if d.queries() != 2 {
		t.Errorf("%d questions, want none about what is no JWE", d.queries()-2)
	}
	if _, err := verifier(t, opaqueIssuer(t, d)).Verify(t.Context(), fine); !errors.Is(err, token.ErrInvalid) || d.queries() != 2 {
		t.Errorf("where no form says so: %v", err)
	}
	if _, err := v.Verify(t.Context(), ours().forge(token.EdDSA, headerOf(token.EdDSA), claimsOf("iss", `"https://own.example.com"`))); err != nil {
		t.Errorf("a JWT beside encrypted ones: %v", err)
	}
}

// Made-up tokens cost their issuer no more than so many queries, and those who are known
// nothing.
func TestMadeUpOpaqueTokensFloodNobody(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := &desk{took: 50 * time.Millisecond, answer: func(raw string) string {
			if raw == opaqueToken {
				return active()
			}
			return `{"active":false}`
		}}
		v := verifier(t, opaqueIssuer(t, d))
		strangerOf(t, v, "", opaqueToken)
		began := time.Now()
		var wg sync.WaitGroup
		for n := range 1000 {
			time.Sleep(2 * time.Millisecond)
			wg.Go(func() {
				_, err := v.Verify(t.Context(), fmt.Sprintf("op_made-up-%020d", n))
				if err == nil || errors.Is(err, token.ErrInvalid) == errors.Is(err, token.ErrUnavailable) {
					t.Errorf("got %v", err)
				}
			})
			if _, ok := v.Cached(opaqueToken); !ok {
				t.Error("who is known is not")
			}
		}
		wg.Wait()
		seconds := time.Since(began).Seconds()
		if n := float64(d.queries()); n > 1+20+20*seconds || d.most.Load() > 4 {
			t.Errorf("%v questions in %.1f s, %d at once", n, seconds, d.most.Load())
		}
		time.Sleep(time.Second)
		d.set(func() { d.answer = func(string) string { return active() } })
		strangerOf(t, v, "", "op_a-genuine-new-one-0001") // and it is over when it is over
	})
}

func TestAnOutageOfTheIssuerIsNoRefusal(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := &desk{err: token.ErrInvalid, answer: func(string) string { return active() }}
		v := verifier(t, opaqueIssuer(t, d))
		if _, err := v.Verify(t.Context(), opaqueToken); !errors.Is(err, token.ErrUnavailable) || errors.Is(err, token.ErrInvalid) {
			t.Errorf("got %v", err)
		}
		d.set(func() { d.err, d.took = nil, time.Hour })
		ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
		defer cancel()
		if _, err := v.Verify(ctx, opaqueToken); !errors.Is(err, token.ErrUnavailable) {
			t.Errorf("got %v", err)
		}
		time.Sleep(3 * time.Second)
		d.set(func() { d.took = 0 })
		strangerOf(t, v, "", opaqueToken)
	})
	d := &desk{answer: func(string) string { panic("x") }}
	if _, err := verifier(t, opaqueIssuer(t, d)).Verify(t.Context(), opaqueToken); !errors.Is(err, token.ErrUnavailable) {
		t.Errorf("a panic: %v", err)
	}
}

func TestEachRefusedIntrospectorNamesItsFieldAndWhy(t *testing.T) {
	ask := func(context.Context, string) ([]byte, error) { return nil, nil }
	fine := token.Form{Prefix: "op_", MinLength: 20, MaxLength: 60}
	for want, cfg := range map[string]token.IntrospectorConfig{
		"token: invalid config: Ask: required":      {Form: fine},
		"Form.MinLength, Form.MaxLength: 0 and 0":   {Ask: ask},
		"MaxAtOnce: -1 is less than 0":              {Form: fine, Ask: ask, MaxAtOnce: -1},
		"Form.Prefix: not printable":                {Form: token.Form{Prefix: "o p", MinLength: 20, MaxLength: 60}, Ask: ask},
		"Form.Alphabet: with '.' a JWT":             {Form: token.Form{MinLength: 20, MaxLength: 60, Alphabet: "abc."}, Ask: ask},
		"Form.Encrypted: beside Prefix or Alphabet": {Form: token.Form{Prefix: "op_", MinLength: 20, MaxLength: 60, Encrypted: true}, Ask: ask},
		"begins none, so not with e":                {Form: token.Form{Prefix: "eyJ", MinLength: 20, MaxLength: 60, Alphabet: "abc."}, Ask: ask},
	} {
		if o, err := token.NewIntrospector(cfg); o != nil || err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got  %v\nwant %s", err, want)
		}
	}
	d := &desk{}
	for want, edit := range map[string]func(*token.Issuer){
		"Opaque: NewIntrospector makes one":         func(i *token.Issuer) { i.Opaque = new(token.Introspector) },
		"Opaque: only an issuer with Foreign":       func(i *token.Issuer) { i.Foreign = nil },
		"Foreign.Kind: required with Opaque":        func(i *token.Issuer) { i.Foreign.Kind, i.Foreign.Types = nil, nil },
		"Foreign.IDTokens: beside Opaque":           func(i *token.Issuer) { i.Foreign.IDTokens = true },
		"Opaque: beside a template":                 func(i *token.Issuer) { i.Name = "https://x/{tenant}" },
		`Foreign.Kind: "header:cat": opaque tokens`: func(i *token.Issuer) { i.Foreign.Kind = map[string]string{"header:cat": "x"} },
	} {
		i := opaqueIssuer(t, d)
		edit(&i)
		if _, err := token.NewVerifier(i); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got  %v\nwant %s", err, want)
		}
	}
	one, two := opaqueIssuer(t, d), opaqueIssuer(t, d)
	one.UserPrefix, two.UserPrefix, two.Name = "a:", "b:", "https://two.example.com"
	if _, err := token.NewVerifier(one, two); err == nil || !strings.Contains(err.Error(), "Opaque: a text of its Form may be of issuer") {
		t.Errorf("two issuers of one form: %v", err)
	}
}
