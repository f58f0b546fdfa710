package session_test

import (
	"context"
	"encoding/base64"
	"errors"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/reevehq/reeve/internal/testneed"
	"github.com/reevehq/reeve/session"
)

// tabs refreshes n times at once with one token and returns every successor's text.
func tabs(t *testing.T, m *session.Manager, token session.RefreshToken, n int) map[string]int {
	t.Helper()
	start := make(chan struct{})
	var mu sync.Mutex
	got := map[string]int{}
	var wg sync.WaitGroup
	for range n {
		wg.Go(func() {
			<-start
			_, next, err := m.Refresh(t.Context(), token.Reveal())
			if err != nil {
				t.Errorf("Refresh: %v", err)
				return
			}
			mu.Lock()
			defer mu.Unlock()
			got[next.Reveal()]++
		})
	}
	close(start)
	wg.Wait()
	return got
}

// Keycloak's CVE-2026-1035 minted many tokens of one; SuperTokens displaces the winner;
// others sign everybody out. Here all get one successor, byte for byte.
func TestParallelRefreshesGetOneSuccessor(t *testing.T) {
	m := newManager(t, newStore(t), session.Config{})
	_, token := signIn(t, m)
	rounds, many := 100, 20
	if testneed.Soak() {
		rounds, many = 1000, 100
	}
	for round := range rounds {
		got := tabs(t, m, token, many)
		if len(got) != 1 {
			t.Fatalf("round %d: %d successors", round, len(got))
		}
		for text, n := range got {
			if n != many || text == token.Reveal() {
				t.Fatalf("round %d: %d of %d got the successor", round, n, many)
			}
			_, next, err := m.Refresh(t.Context(), text)
			if err != nil {
				t.Fatalf("round %d: the successor is refused: %v", round, err)
			}
			token = next
		}
	}
}

func TestARefreshWhoseAnswerWasLostIsRepeatedByteForByte(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := newManager(t, newStore(t), session.Config{})
		s, token := signIn(t, m)
		_, lost, err := m.Refresh(t.Context(), token.Reveal())
		if err != nil {
			t.Fatal(err)
		}
		time.Sleep(session.DefaultRefreshGrace) // the last moment
		got, again, err := m.Refresh(t.Context(), token.Reveal())
		if err != nil || again.Reveal() != lost.Reveal() || got.Ref() != s.Ref() {
			t.Fatalf("the retry got another successor: %v", err)
		}
		if _, _, err := m.Refresh(t.Context(), again.Reveal()); err != nil {
			t.Fatalf("the successor is refused: %v", err)
		}
	})
}

// RFC 9700 §4.14.2: two parties hold the token, and nobody can tell which is the thief.
func TestARefreshTokenThatIsUsedLateEndsTheSession(t *testing.T) {
	for name, late := range map[string]func(t *testing.T, m *session.Manager, next string){
		"after the grace":              func(*testing.T, *session.Manager, string) { time.Sleep(session.DefaultRefreshGrace + 1) },
		"after its successor was used": func(t *testing.T, m *session.Manager, next string) { mustRefresh(t, m, next) },
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				m := newManager(t, newStore(t), session.Config{})
				s, token := signIn(t, m)
				next := mustRefresh(t, m, token.Reveal())
				late(t, m, next)
				_, reused, err := m.Refresh(t.Context(), token.Reveal())
				wantErr(t, "Refresh", err, session.ErrRefreshReused)
				if !reused.IsZero() || errors.Is(err, session.ErrRefreshInvalid) {
					t.Errorf("%v, %v", reused, err)
				}
				_, err = m.Load(t.Context(), s.Ref())
				wantErr(t, "Load", err, session.ErrNotFound)
				for _, text := range []string{token.Reveal(), next} {
					_, _, err = m.Refresh(t.Context(), text)
					wantErr(t, "Refresh of the family", err, session.ErrRefreshInvalid)
				}
			})
		})
	}
}

// steps is a store that keeps what generation each step was of.
type steps struct {
	session.Store
	seen []uint64
}

func (s *steps) Refresh(ctx context.Context, ref session.Ref, step session.RefreshStep) (session.RefreshOutcome, error) {
	s.seen = append(s.seen, step.Generation)
	return s.Store.Refresh(ctx, ref, step)
}

// The generation is authentic: it is what tells a store that was set back from a thief.
func TestARefreshSaysHowManyStepsWereTakenBeforeIt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := &steps{Store: newStore(t)}
		m := newManager(t, store, session.Config{})
		s, token := signIn(t, m)
		text := token.Reveal()
		for range 3 {
			text = mustRefresh(t, m, text)
		}
		if !slices.Equal(store.seen, []uint64{0, 1, 2}) {
			t.Errorf("the steps were of the generations %v", store.seen)
		}
		// Another family of the same tokens: the store has lost all its steps.
		lost, first := signIn(t, m)
		second := mustRefresh(t, m, mustRefresh(t, m, first.Reveal()))
		if err := store.Revoke(t.Context(), lost.Ref()); err != nil {
			t.Fatal(err)
		}
		if _, err := store.Create(t.Context(), session.Session{ID: lost.ID, Tenant: lost.Tenant, User: lost.User, IdleTimeout: time.Hour},
			session.CreateOptions{Lifetime: time.Hour, Refresh: session.Digest{1}}); err != nil {
			t.Fatal(err)
		}
		for _, wait := range []time.Duration{0, session.BehindLimit} {
			time.Sleep(wait)
			_, next, err := m.Refresh(t.Context(), second)
			wantErr(t, "Refresh while the store is behind", err, session.ErrUnavailable)
			if !next.IsZero() || errors.Is(err, session.ErrRefreshReused) {
				t.Errorf("%v, %v", next, err)
			}
		}
		time.Sleep(time.Nanosecond)
		_, _, err := m.Refresh(t.Context(), second)
		wantErr(t, "Refresh after the limit", err, session.ErrRefreshInvalid)
		_, err = m.Load(t.Context(), lost.Ref())
		wantErr(t, "Load after the limit", err, session.ErrNotFound)
		if _, err := m.Load(t.Context(), s.Ref()); err != nil {
			t.Errorf("another session of the user: %v", err)
		}
	})
}

func mustRefresh(t *testing.T, m *session.Manager, text string) string {
	t.Helper()
	_, next, err := m.Refresh(t.Context(), text)
	if err != nil {
		t.Fatalf("Refresh: %v", err)
	}
	return next.Reveal()
}

// nightscout/nocturne #326: 415 of 679 revocations for reuse hit honest users.
func TestAStragglerWithinTheGraceIsNoTheft(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := newManager(t, newStore(t), session.Config{})
		s, token := signIn(t, m)
		current := token.Reveal()
		for range 50 { // a fast tab and one that is always a step behind
			next := mustRefresh(t, m, current)
			time.Sleep(9 * time.Second)
			if again := mustRefresh(t, m, current); again != next {
				t.Fatal("the straggler got another successor")
			}
			current = next
		}
		if _, err := m.Load(t.Context(), s.Ref()); err != nil {
			t.Fatal(err)
		}
	})
}

func TestWithoutAGraceEveryRepetitionIsReuse(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := newManager(t, newStore(t), session.Config{RefreshGrace: -time.Second})
		_, token := signIn(t, m)
		mustRefresh(t, m, token.Reveal())
		_, _, err := m.Refresh(t.Context(), token.Reveal())
		wantErr(t, "Refresh", err, session.ErrRefreshReused)
	})
}

// ASVS 10.4.8.
func TestNoRefreshMovesTheAbsoluteExpiry(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := newManager(t, newStore(t), session.Config{Lifetime: 2 * time.Hour})
		s, token := signIn(t, m)
		end := time.Now().Add(2 * time.Hour)
		current := token.Reveal()
		for time.Until(end) > time.Minute {
			time.Sleep(time.Minute)
			current = mustRefresh(t, m, current)
		}
		time.Sleep(time.Until(end))
		_, _, err := m.Refresh(t.Context(), current)
		wantErr(t, "Refresh", err, session.ErrRefreshInvalid)
		_, err = m.Load(t.Context(), s.Ref())
		wantErr(t, "Load", err, session.ErrNotFound)
	})
}

func TestRefreshingKeepsAnIdleSessionAliveAndLetsAnUnusedOneEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := newManager(t, newStore(t), session.Config{IdleTimeout: time.Minute})
		_, token := signIn(t, m)
		current := token.Reveal()
		for range 10 {
			time.Sleep(50 * time.Second)
			current = mustRefresh(t, m, current)
		}
		time.Sleep(time.Minute + 1)
		_, _, err := m.Refresh(t.Context(), current)
		wantErr(t, "Refresh", err, session.ErrRefreshInvalid)
	})
}

// Instances change the key one after the other. Meanwhile a token of either key works on
// every instance that knows both, and a repeated refresh gets the same bytes whichever
// instance answers. Were they two texts of one secret, each would have a successor of its
// own, and using both would look like theft.
func TestAKeyIsChangedWithoutASignOut(t *testing.T) {
	store := newStore(t)
	prepared := newManager(t, store, session.Config{Key: key('o'), PreviousKeys: []session.SecretKey{key('n')}})
	changed := newManager(t, store, session.Config{Key: key('n'), PreviousKeys: []session.SecretKey{key('x'), key('o')}})
	done := newManager(t, store, session.Config{Key: key('n')})

	_, token := signIn(t, prepared)
	current := token.Reveal()
	for _, instances := range [][]*session.Manager{{prepared, changed}, {changed, prepared}, {prepared, changed, prepared}} {
		next := mustRefresh(t, instances[0], current)
		for _, other := range instances[1:] {
			if mustRefresh(t, other, current) != next {
				t.Fatal("two instances gave two successors of one token")
			}
		}
		current = next
	}
	_, _, err := done.Refresh(t.Context(), current)
	wantErr(t, "Refresh with a key that was dropped", err, session.ErrRefreshInvalid)
	current = mustRefresh(t, changed, current)
	next := mustRefresh(t, done, current)
	if next == current {
		t.Error("the family did not go on")
	}

	// Rolled back too far: the step was sealed with a key that this instance lacks. It
	// cannot answer, and that is not the client's fault.
	_, token = signIn(t, done)
	lost := mustRefresh(t, prepared, token.Reveal())
	_, _, err = done.Refresh(t.Context(), token.Reveal())
	wantErr(t, "Refresh where the sealing key is unknown", err, session.ErrUnavailable)
	if mustRefresh(t, changed, token.Reveal()) != lost {
		t.Error("the step was lost")
	}
}

// The server pays one MAC for a forgery, and the store nothing.
func TestAForgedOrMalformedRefreshTokenAsksNobody(t *testing.T) {
	store := &spy{Store: newStore(t)}
	m := newManager(t, store, session.Config{})
	s, token := signIn(t, m)
	outsider := newManager(t, newStore(t), session.Config{Key: key('e')})
	_, foreign := signIn(t, outsider)
	text := token.Reveal()
	body := strings.TrimPrefix(text, "r1.")
	raw, err := base64.RawURLEncoding.DecodeString(body)
	if err != nil {
		t.Fatal(err)
	}
	encode := func(b []byte) string { return "r1." + base64.RawURLEncoding.EncodeToString(b) }

	hostile := map[string]string{
		"empty":                     "",
		"the prefix":                "r1.",
		"no prefix":                 body,
		"another version":           "r2." + body,
		"upper-case prefix":         "R1." + body,
		"the prefix twice":          "r1." + text,
		"of another key":            foreign.Reveal(),
		"a session id":              s.ID.Reveal(),
		"padded":                    text + "=",
		"with a line break":         text[:20] + "\n" + text[20:],
		"with a final line break":   text + "\r\n",
		"with a space before":       " " + text,
		"with a NUL":                text + "\x00",
		"standard alphabet":         strings.NewReplacer("-", "+", "_", "/").Replace(text) + "+",
		"with a segment more":       text + ".",
		"with a byte more":          encode(append(raw[:len(raw):len(raw)], 0)),
		"without the last byte":     encode(raw[:len(raw)-1]),
		"without the MAC":           encode(raw[:len(raw)-32]),
		"with a MAC of zeros":       encode(append(raw[:len(raw)-32:len(raw)-32], make([]byte, 32)...)),
		"very long":                 text + strings.Repeat("A", 1<<20),
		"a kilobyte of zeros":       encode(make([]byte, 1024)),
		"as long as one may be":     encode(make([]byte, 8+32+8+32+1+63+255+32)),
		"as short as one may be":    encode(make([]byte, 8+32+8+32+1+32)),
		"a byte shorter than it is": encode(raw[1:]),
		"not UTF-8":                 "r1.\xff\xfe",
		"look-alike letters":        "r1." + strings.Replace(body, body[:1], "а", 1),
	}
	for i := range raw { // every bit of every field is authenticated
		flipped := append([]byte(nil), raw...)
		flipped[i] ^= 1 << (i % 8)
		hostile["flipped byte "+string(rune('0'+i%10))+" of "+encode([]byte{byte(i)})] = encode(flipped)
	}
	// Spare bits: other last letters that decode to the same bytes.
	if rem := len(raw) % 3; rem != 0 {
		const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
		last := strings.IndexByte(alphabet, text[len(text)-1])
		hostile["with spare bits set"] = text[:len(text)-1] + string(alphabet[last|1])
	}
	asked := store.calls.Load()
	for name, text := range hostile {
		got, next, err := m.Refresh(t.Context(), text)
		if !errors.Is(err, session.ErrRefreshInvalid) || !got.ID.IsZero() || !next.IsZero() {
			t.Errorf("%s: %v", name, err)
		}
		if strings.HasPrefix(name, "very long") && (err == nil || !strings.Contains(err.Error(), "too long")) {
			t.Errorf("a megabyte was decoded before it was refused: %v", err)
		}
		if err != nil && len(text) > 10 && strings.Contains(err.Error(), text[3:10]) {
			t.Errorf("%s: the error contains the token", name)
		}
	}
	if store.calls.Load() != asked {
		t.Error("the store was asked about a forgery")
	}
	if _, _, err := m.Refresh(t.Context(), text); err != nil {
		t.Errorf("the genuine token: %v", err)
	}
}

// A reader of Redis must be able to use none of its values: neither the token nor its secret.
func TestTheStoreNeverSeesASecret(t *testing.T) {
	store := &recorder{Store: newStore(t)}
	m := newManager(t, store, session.Config{})
	_, token := signIn(t, m)
	texts := []string{token.Reveal()}
	for range 5 {
		texts = append(texts, mustRefresh(t, m, texts[len(texts)-1]))
	}
	for _, text := range texts {
		raw, err := base64.RawURLEncoding.DecodeString(strings.TrimPrefix(text, "r1."))
		if err != nil {
			t.Fatal(err)
		}
		secret := [32]byte(raw[8+32+8:])
		for _, seen := range store.seen {
			if seen == secret {
				t.Fatal("a secret was given to the store")
			}
		}
	}
	if len(store.seen) != 1+3*5 {
		t.Errorf("%d values were recorded", len(store.seen))
	}
}
