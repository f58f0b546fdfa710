package job_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/reevehq/reeve/tenant"
	"github.com/reevehq/reeve/tenant/job"
)

var acme, globex = tenant.MustParse("acme"), tenant.MustParse("globex")

type statuses map[tenant.ID]tenant.Status

var errDown = errors.New("down")

func (s statuses) TenantStatus(_ context.Context, id tenant.ID) (tenant.Status, error) {
	if s == nil {
		return tenant.Active, errDown
	}
	return s[id], nil
}

func key(id string, seed byte) job.Key {
	random := make([]byte, 32)
	for i := range random {
		random[i] = seed + byte(i)
	}
	k, err := job.NewKey(id, random)
	if err != nil {
		panic(err)
	}
	return k
}

func sealer(t testing.TB, change func(*job.Config)) *job.Sealer {
	t.Helper()
	cfg := job.Config{Queue: "export", Keys: []job.Key{key("k1", 1)}, Statuses: statuses{acme: tenant.Active, globex: tenant.Active}}
	if change != nil {
		change(&cfg)
	}
	s, err := job.NewSealer(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func in(t testing.TB, id tenant.ID) context.Context {
	t.Helper()
	ctx, err := tenant.BindUnchecked(t.Context(), id)
	if err != nil {
		t.Fatal(err)
	}
	return ctx
}

func seal(t testing.TB, s *job.Sealer) string {
	t.Helper()
	sealed, err := s.Seal(in(t, acme), job.New{Subject: "alice", Revision: "r1", Payload: []byte("payload")})
	if err != nil {
		t.Fatal(err)
	}
	return sealed
}

func TestAJobComesBackInItsTenant(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := sealer(t, nil)
		sealed := seal(t, s)
		now := time.Now().Truncate(time.Second)
		var first job.Job
		for range 2 {
			ctx, j, err := s.Open(t.Context(), sealed)
			if err != nil {
				t.Fatal(err)
			}
			if id, err := tenant.Require(ctx); err != nil || id != acme {
				t.Errorf("the context is %q's, %v", id, err)
			}
			if j.Tenant != acme || j.Subject != "alice" || j.Revision != "r1" || string(j.Payload) != "payload" || !j.Issued.Equal(now) || !j.Expires.Equal(now.Add(24*time.Hour)) {
				t.Errorf("%+v", j)
			}
			if first.ID != "" && j.ID != first.ID {
				t.Error("one envelope has two ids")
			}
			first = j
		}
		if _, other, err := s.Open(t.Context(), seal(t, s)); err != nil || other.ID == first.ID {
			t.Errorf("two jobs have one id: %v", err)
		}
		if _, _, err := s.Open(in(t, acme), sealed); err != nil {
			t.Errorf("in the context of its tenant: %v", err)
		}
	})
}

func TestAJobThatMayNotBeRunIsRefusedAndSaysWhatToDo(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := sealer(t, nil)
		sealed := seal(t, s)
		with := func(known statuses) *job.Sealer {
			return sealer(t, func(c *job.Config) { c.Statuses = known })
		}
		parts := strings.Split(sealed, ".")
		foreign, err := s.Seal(in(t, globex), job.New{Subject: "mallory", Payload: []byte("x")})
		if err != nil {
			t.Fatal(err)
		}
		theirs := strings.Split(foreign, ".")
		refuse := func(name string, s *job.Sealer, ctx context.Context, sealed string, want error, do job.Disposition) {
			t.Helper()
			got, j, err := s.Open(ctx, sealed)
			if !errors.Is(err, want) || got != nil || j.ID != "" || !j.Tenant.IsZero() || j.Payload != nil {
				t.Errorf("%s: %+v, %v", name, j, err)
			}
			if d := job.DispositionOf(err); d != do {
				t.Errorf("%s: %s, want %s", name, d, do)
			}
		}
		refuse("suspended", with(statuses{acme: tenant.Suspended}), t.Context(), sealed, tenant.ErrSuspended, job.Park)
		refuse("gone", with(statuses{}), t.Context(), sealed, tenant.ErrUnknown, job.Drop)
		refuse("an outage", with(statuses(nil)), t.Context(), sealed, errDown, job.Retry)
		refuse("nobody to ask", sealer(t, func(c *job.Config) { c.Statuses = nil }), t.Context(), sealed, job.ErrInvalid, job.Retry)
		refuse("in another tenant", s, in(t, globex), sealed, tenant.ErrMismatch, job.Retry)
		refuse("another queue", sealer(t, func(c *job.Config) { c.Queue = "delete" }), t.Context(), sealed, job.ErrForged, job.Reject)
		refuse("another key of the same id", sealer(t, func(c *job.Config) { c.Keys = []job.Key{key("k1", 2)} }), t.Context(), sealed, job.ErrForged, job.Reject)
		refuse("another key", sealer(t, func(c *job.Config) { c.Keys = []job.Key{key("k2", 1)} }), t.Context(), sealed, job.ErrForged, job.Reject)
		refuse("the zero Sealer", &job.Sealer{}, t.Context(), sealed, job.ErrForged, job.Reject)
		for name, forged := range map[string]string{
			"empty": "", "dots": "...", "no signature": strings.Join(parts[:3], "."), "an empty signature": strings.Join(parts[:3], ".") + ".",
			"another version": strings.Replace(sealed, "rj1", "rj2", 1), "the body of another tenant": strings.Join([]string{parts[0], parts[1], theirs[2], parts[3]}, "."),
			"a part more": sealed + ".x", "a space": sealed + " ", "a line": sealed + "\n", "cut": sealed[:len(sealed)-1], "padding": sealed + "=",
			"too long": sealed + strings.Repeat("x", 3<<20),
		} {
			refuse(name, s, t.Context(), forged, job.ErrForged, job.Reject)
		}
		for i := range len(sealed) {
			b := []byte(sealed)
			if b[i] ^= 1; b[i] == '.' {
				continue
			}
			refuse(fmt.Sprintf("byte %d is changed", i), s, t.Context(), string(b), job.ErrForged, job.Reject)
		}
		late := sealer(t, func(c *job.Config) { c.Lifetime = time.Hour })
		short := seal(t, late)
		time.Sleep(time.Hour - time.Second)
		if _, _, err := late.Open(t.Context(), short); err != nil {
			t.Errorf("a second before its end: %v", err)
		}
		time.Sleep(time.Second)
		refuse("at its end", late, t.Context(), short, job.ErrExpired, job.Drop)
	})
}

func TestKeysAreChangedWithoutAJobLost(t *testing.T) {
	with := func(keys ...job.Key) *job.Sealer { return sealer(t, func(c *job.Config) { c.Keys = keys }) }
	older, newer := key("k1", 1), key("k2", 2)
	both, turned := with(older, newer), with(newer, older)
	for name, pair := range map[string][2]*job.Sealer{
		"the new key is known": {with(older), both}, "before all know it": {both, with(older)}, "the new key signs": {turned, both}, "the old one is still known": {both, turned}, "the old one is gone": {turned, with(newer)},
	} {
		if _, _, err := pair[1].Open(t.Context(), seal(t, pair[0])); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, _, err := with(newer).Open(t.Context(), seal(t, both)); !errors.Is(err, job.ErrForged) {
		t.Errorf("a key that was taken away opens: %v", err)
	}
}

func TestOnlyAJobOfATenantIsSealed(t *testing.T) {
	s := sealer(t, nil)
	if sealed, err := s.Seal(t.Context(), job.New{Subject: "alice"}); !errors.Is(err, tenant.ErrNoScope) || sealed != "" {
		t.Errorf("no tenant: %q, %v", sealed, err)
	}
	for name, n := range map[string]job.New{
		"no subject": {}, "a long subject": {Subject: strings.Repeat("a", 256)}, "a long revision": {Subject: "a", Revision: strings.Repeat("a", 129)},
		"a large payload": {Subject: "a", Payload: make([]byte, job.MaxPayload+1)}, "no UTF-8": {Subject: "a\xff"},
	} {
		if sealed, err := s.Seal(in(t, acme), n); !errors.Is(err, job.ErrInvalid) || sealed != "" {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := (&job.Sealer{}).Seal(in(t, acme), job.New{Subject: "a"}); !errors.Is(err, job.ErrInvalid) {
		t.Errorf("the zero Sealer: %v", err)
	}
	largest, err := s.Seal(in(t, acme), job.New{Subject: strings.Repeat("a", 255), Revision: strings.Repeat("a", 128), Payload: make([]byte, job.MaxPayload)})
	if err != nil {
		t.Fatal(err)
	}
	if _, j, err := s.Open(t.Context(), largest); err != nil || len(j.Payload) != job.MaxPayload {
		t.Errorf("the largest job: %v", err)
	}
}

func TestAnInvalidConfigNamesEachField(t *testing.T) {
	_, err := job.NewSealer(job.Config{Keys: []job.Key{{}, key("a", 1), key("a", 2)}, Lifetime: 31 * 24 * time.Hour})
	for _, want := range []string{"job: invalid config: Queue: ", "Keys[0]: ", "Keys[2]: ", "Lifetime: "} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q is not in %v", want, err)
		}
	}
	for name, make := range map[string]func() (job.Key, error){
		"short": func() (job.Key, error) { return job.NewKey("a", make([]byte, 31)) }, "zeros": func() (job.Key, error) { return job.NewKey("a", make([]byte, 32)) },
		"no id": func() (job.Key, error) { return job.NewKey("", []byte(strings.Repeat("ab", 16))) }, "a dot": func() (job.Key, error) { return job.NewKey("a.b", []byte(strings.Repeat("ab", 16))) },
	} {
		if k, err := make(); err == nil || !k.IsZero() {
			t.Errorf("%s is a key: %v", name, err)
		}
	}
}

// FuzzOpen: no text makes Open panic, and whatever opens is what was sealed.
func FuzzOpen(f *testing.F) {
	s := sealer(f, nil)
	genuine := seal(f, s)
	for _, text := range []string{genuine, "", "rj1.k1..", "rj1.k1.e30.", strings.ToUpper(genuine), genuine + "A"} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		ctx, j, err := s.Open(t.Context(), text)
		if text == genuine && err != nil {
			t.Fatal(err)
		}
		if err == nil && (j.Tenant != acme || j.Subject != "alice" || string(j.Payload) != "payload") { // by another process of the fuzzer
			t.Fatalf("%q was never sealed: %+v", text, j)
		}
		if err != nil && (!errors.Is(err, job.ErrForged) || ctx != nil || j.ID != "") {
			t.Fatalf("%q: %v", text, err)
		}
	})
}

// FuzzSeal: whatever is sealed comes back as it was.
func FuzzSeal(f *testing.F) {
	f.Add("alice", "r1", []byte("payload"))
	f.Add("a\xff", "", []byte(nil))
	f.Add("\u2028<&>", "\"", []byte{0})
	s := sealer(f, nil)
	f.Fuzz(func(t *testing.T, subject, revision string, payload []byte) {
		sealed, err := s.Seal(in(t, acme), job.New{Subject: subject, Revision: revision, Payload: payload})
		if err != nil {
			if !errors.Is(err, job.ErrInvalid) {
				t.Fatal(err)
			}
			return
		}
		_, j, err := s.Open(t.Context(), sealed)
		if err != nil || j.Subject != subject || j.Revision != revision || !bytes.Equal(j.Payload, payload) || j.Tenant != acme {
			t.Fatalf("%+v, %v", j, err)
		}
	})
}

func TestAKeyIsNotPrinted(t *testing.T) {
	k, err := job.NewKey("k1", []byte("0123456789abcdefSECRETSECRETSECRET"))
	if err != nil {
		t.Fatal(err)
	}
	cfg := job.Config{Queue: "export", Keys: []job.Key{k}}
	for _, format := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%d"} {
		for _, v := range []any{k, &k, cfg, &cfg} {
			if out := fmt.Sprintf(format, v); strings.Contains(out, "SECRET") || strings.Contains(strings.ToUpper(out), "534543524554") || strings.Contains(out, "83 69 67") {
				t.Errorf("%s of %T: %s", format, v, out)
			}
		}
	}
}
