package filepolicy_test

import (
	"bytes"
	"context"
	"errors"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/fstest"
	"time"

	"github.com/reevehq/reeve/authz/policy"
	"github.com/reevehq/reeve/authz/policy/filepolicy"
	"github.com/reevehq/reeve/internal/testneed"
	"github.com/reevehq/reeve/internal/testwait"
	"github.com/reevehq/reeve/policies"
	"github.com/reevehq/reeve/tenant"
)

// fixture is a folder with a policy in it, and an engine that follows it.
type fixture struct {
	t        *testing.T
	dir      string
	engine   *policy.Engine
	follower *filepolicy.Follower
	log      *lockedBuffer
}

type lockedBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (b *lockedBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.Write(p)
}

func (b *lockedBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.String()
}

const (
	viewersRead = "p, role:viewer, *, doc, read, true, allow\n"
	nobodyReads = "p, role:viewer, *, doc, read, true, deny\n"
)

// never is a poll that no test lives to see.
const never = time.Hour

func newFixture(t *testing.T, cfg filepolicy.Config) *fixture {
	t.Helper()
	p := &fixture{t: t, dir: filepath.Join(t.TempDir(), "policies"), log: &lockedBuffer{}}
	fill(t, p.dir, viewersRead)
	p.follow(cfg)
	return p
}

// fill makes a folder with a policy.
func fill(t *testing.T, dir, rows string) {
	t.Helper()
	if err := os.MkdirAll(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	write(t, filepath.Join(dir, "model.conf"), model(t))
	write(t, filepath.Join(dir, "policy.csv"), rows)
}

func write(t *testing.T, path, content string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
}

func (p *fixture) follow(cfg filepolicy.Config) {
	p.t.Helper()
	var err error
	if p.engine, err = policy.Load(os.DirFS(p.dir), policy.Options{Logger: slog.New(slog.NewTextHandler(p.log, nil))}); err != nil {
		p.t.Fatal(err)
	}
	if cfg.Debounce == 0 {
		cfg.Debounce = 20 * time.Millisecond
	}
	cfg.Engine, cfg.Folder = p.engine, p.dir
	p.follower = started(p.t, cfg)
	testwait.Until(p.t, "it looks a first time", func() bool { return p.follower.Stats().Checks > 0 })
}

// started is a follower that is started, and closed when the test ends.
func started(t *testing.T, cfg filepolicy.Config) *filepolicy.Follower {
	t.Helper()
	f, err := filepolicy.NewFollower(cfg)
	if err != nil {
		t.Fatal(err)
	}
	if err := f.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = f.Close() })
	return f
}

// reads reports whether a viewer may read a document.
func (p *fixture) reads() bool {
	p.t.Helper()
	d, err := p.engine.Decide(context.Background(), bobReads)
	if err != nil {
		p.t.Fatal(err)
	}
	return d.Allowed()
}

var bobReads = policy.Request{
	Tenant:  tenant.MustParse("acme"),
	Subject: policy.Subject{ID: "bob", Roles: policy.RoleNames{"viewer"}},
	Action:  "read",
	Object:  policy.Object{Type: "doc", ID: "1", Tenant: tenant.MustParse("acme")},
}

// model is the standard model.
func model(t *testing.T) string {
	t.Helper()
	data, err := fs.ReadFile(policies.Files(), policy.ModelFile)
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

func (p *fixture) path(name string) string { return filepath.Join(p.dir, name) }

func TestAWatchedFolderIsFollowedHoweverItChanges(t *testing.T) {
	rename := func(t *testing.T, from, to string) {
		t.Helper()
		if err := os.Rename(from, to); err != nil {
			t.Fatal(err)
		}
	}
	for name, change := range map[string]func(t *testing.T, p *fixture){
		"a file is written in place": func(t *testing.T, p *fixture) { write(t, p.path("policy.csv"), nobodyReads) },
		"a file is renamed over, as editors do": func(t *testing.T, p *fixture) {
			write(t, p.path(".policy.csv.swp"), nobodyReads)
			rename(t, p.path(".policy.csv.swp"), p.path("policy.csv"))
		},
		"a file is moved away and written anew": func(t *testing.T, p *fixture) {
			rename(t, p.path("policy.csv"), p.path("policy.csv~"))
			write(t, p.path("policy.csv"), nobodyReads)
		},
		"a tenant's file is added in a new folder": func(t *testing.T, p *fixture) {
			if err := os.Mkdir(p.path("tenants"), 0o700); err != nil {
				t.Fatal(err)
			}
			write(t, p.path("tenants/acme.csv"), "p, role:viewer, acme, doc, read, true, deny\n")
		},
		"the folder is replaced": func(t *testing.T, p *fixture) {
			fill(t, p.dir+".new", nobodyReads)
			rename(t, p.dir, p.dir+".old")
			rename(t, p.dir+".new", p.dir)
		},
		"the folder is deleted and made anew": func(t *testing.T, p *fixture) {
			if err := os.RemoveAll(p.dir); err != nil {
				t.Fatal(err)
			}
			testwait.Until(t, "the loss is seen", func() bool { return p.follower.Stats().Err != nil })
			if !p.reads() {
				t.Error("without a folder another policy decides")
			}
			fill(t, p.dir, nobodyReads)
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := newFixture(t, filepolicy.Config{Poll: never})
			if !p.reads() {
				t.Fatal("the policy does not allow")
			}
			change(t, p)
			testwait.Until(t, "the change is effective", func() bool { return !p.reads() })
			// And once more, wherever the change has left the watch.
			write(t, p.path("policy.csv"), viewersRead)
			if err := os.RemoveAll(p.path("tenants")); err != nil {
				t.Fatal(err)
			}
			testwait.Until(t, "a second change is effective", p.reads)
			// The engine decides by the new policy a moment before it is counted.
			testwait.Until(t, "both reloads are counted", func() bool {
				s := p.follower.Stats()
				return s.Err == nil && s.Revision == p.engine.Revision() && s.Reloads >= 2 && s.Notified
			})
		})
	}
}

// Kubernetes shows a ConfigMap as files that lead to ..data/<file>, where ..data leads to a
// folder of its own for each version and is swapped by a rename.
func TestASwappedConfigMapIsFollowed(t *testing.T) {
	dir := t.TempDir()
	p := &fixture{t: t, dir: filepath.Join(dir, "policies"), log: &lockedBuffer{}}
	link := func(to, at string) {
		if err := os.Symlink(to, at); err != nil {
			t.Fatal(err)
		}
	}
	version := func(n int, rows string) {
		data := "..2026_" + strconv.Itoa(n)
		fill(t, p.path(data), rows)
		link(data, p.path("..data_tmp"))
		if err := os.Rename(p.path("..data_tmp"), p.path("..data")); err != nil {
			t.Fatal(err)
		}
		if err := os.RemoveAll(p.path("..2026_" + strconv.Itoa(n-1))); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Mkdir(p.dir, 0o700); err != nil {
		t.Fatal(err)
	}
	version(1, viewersRead)
	link("..data/model.conf", p.path("model.conf"))
	link("..data/policy.csv", p.path("policy.csv"))
	p.follow(filepolicy.Config{Poll: never})
	for n := 2; n < 8; n++ {
		rows := viewersRead
		if n%2 == 0 {
			rows = nobodyReads
		}
		version(n, rows)
		testwait.Until(t, "it decides by version "+strconv.Itoa(n), func() bool { return p.reads() == (n%2 == 1) })
	}
	// The mount itself may be a link that is pointed elsewhere.
	fill(t, filepath.Join(dir, "release"), nobodyReads)
	if err := os.Rename(p.dir, p.dir+".old"); err != nil {
		t.Fatal(err)
	}
	link("release", p.dir)
	testwait.Until(t, "it decides by the other release", func() bool { return !p.reads() })
	write(t, filepath.Join(dir, "release", "policy.csv"), viewersRead)
	testwait.Until(t, "a change within it is effective", p.reads)
}

func TestABrokenFileIsRefusedOnceAndTheOldPolicyDecides(t *testing.T) {
	var told atomic.Int64
	p := newFixture(t, filepolicy.Config{Poll: 5 * time.Millisecond, OnReload: func(s filepolicy.Stats) { told.Add(1) }})
	before := p.engine.Revision()
	write(t, p.path("policy.csv"), viewersRead+"p, role:viewer, *, doc, read, true, denny\n")
	testwait.Until(t, "it is refused", func() bool { return p.follower.Stats().Refused == 1 })
	looked := p.follower.Stats().Checks
	testwait.Until(t, "it is looked at again", func() bool { return p.follower.Stats().Checks > looked+5 })
	s := p.follower.Stats()
	if s.Refused != 1 || s.Reloads != 0 || !errors.Is(s.Err, policy.ErrInvalid) || s.Revision != before || !p.reads() || told.Load() != 1 {
		t.Errorf("%+v", s)
	}
	if n := strings.Count(p.log.String(), "policy refused"); n != 1 || !strings.Contains(p.log.String(), "policy.csv:2:37") {
		t.Errorf("%d records: %s", n, p.log)
	}
	write(t, p.path("policy.csv"), nobodyReads)
	testwait.Until(t, "the correction is effective", func() bool { return !p.reads() })
	if err := os.Remove(p.path("policy.csv")); err != nil {
		t.Fatal(err)
	}
	testwait.Until(t, "a deleted file is refused", func() bool { return p.follower.Stats().Refused == 2 })
	if p.reads() {
		t.Error("without a file another policy decides")
	}
	write(t, p.path("policy.csv"), nobodyReads)
	testwait.Until(t, "the same again is no error", func() bool { return p.follower.Stats().Err == nil })
	if s := p.follower.Stats(); s.Reloads != 1 || told.Load() != 3 {
		t.Errorf("%+v, told %d times", s, told.Load())
	}
}

func TestABurstOfWritesIsAFewReloads(t *testing.T) {
	p := newFixture(t, filepolicy.Config{Poll: never, Debounce: 200 * time.Millisecond, MaxDelay: time.Second})
	began := time.Now()
	for n := range 100 {
		write(t, p.path("policy.csv"), viewersRead+"# "+strconv.Itoa(n)+"\n")
	}
	write(t, p.path("policy.csv"), nobodyReads)
	took := time.Since(began)
	testwait.Until(t, "the last is effective", func() bool { return !p.reads() })
	// One when it is quiet, one for each second that it is not.
	if s := p.follower.Stats(); s.Reloads > 2+int64(took/(200*time.Millisecond)) || s.Reloads+s.Refused > 10+int64(took/(200*time.Millisecond)) {
		t.Errorf("%d reloads, %d refused for 101 writes in %v", s.Reloads, s.Refused, took)
	}
}

func TestAFolderThatIsNeverQuietIsReadAllTheSame(t *testing.T) {
	p := newFixture(t, filepolicy.Config{Poll: never, Debounce: 300 * time.Millisecond, MaxDelay: 400 * time.Millisecond})
	write(t, p.path("policy.csv"), nobodyReads)
	n := 0
	testwait.Until(t, "the change is effective", func() bool {
		n++
		write(t, p.path("unrelated"), strconv.Itoa(n))
		return !p.reads()
	})
}

func TestPollingFindsWhatNobodyTellsOf(t *testing.T) {
	p := newFixture(t, filepolicy.Config{Poll: 10 * time.Millisecond})
	// The file that the link leads to is in a folder that is not watched.
	elsewhere := filepath.Join(t.TempDir(), "policy.csv")
	write(t, elsewhere, viewersRead+"# elsewhere\n")
	if err := os.Symlink(elsewhere, p.path("next")); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(p.path("next"), p.path("policy.csv")); err != nil {
		t.Fatal(err)
	}
	testwait.Until(t, "the link is followed", func() bool { return p.follower.Stats().Reloads == 1 })
	write(t, elsewhere, nobodyReads)
	testwait.Until(t, "the change is effective", func() bool { return !p.reads() })
}

func TestWhatChangedBeforeTheStartIsLoadedByIt(t *testing.T) {
	p := newFixture(t, filepolicy.Config{})
	if err := p.follower.Close(); err != nil {
		t.Fatal(err)
	}
	write(t, p.path("policy.csv"), nobodyReads)
	started(t, filepolicy.Config{Engine: p.engine, Folder: p.dir, Poll: never})
	testwait.Until(t, "the change is effective", func() bool { return !p.reads() })
}

func TestSyncLoadsWhatTheFolderHoldsNow(t *testing.T) {
	p := newFixture(t, filepolicy.Config{})
	if err := p.follower.Close(); err != nil {
		t.Fatal(err)
	}
	f, err := filepolicy.NewFollower(filepolicy.Config{Engine: p.engine, Folder: p.dir})
	if err != nil {
		t.Fatal(err)
	}
	write(t, p.path("policy.csv"), nobodyReads)
	if err := f.Sync(t.Context()); err != nil || p.reads() {
		t.Errorf("after a change: %v", err)
	}
	write(t, p.path("policy.csv"), nobodyReads+"p, x\n")
	for range 2 {
		if err := f.Sync(t.Context()); !errors.Is(err, policy.ErrInvalid) || p.reads() {
			t.Errorf("a policy that does not load: %v", err)
		}
	}
	if err := os.Mkdir(p.path("tenants"), 0o700); err != nil {
		t.Fatal(err)
	}
	write(t, p.path("policy.csv"), viewersRead)
	write(t, p.path("tenants/globex.csv"), "p, role:viewer, globex, doc, read, true, alow\n")
	for range 2 {
		if err := f.Sync(t.Context()); !errors.Is(err, policy.ErrTenantHeld) || !p.reads() {
			t.Errorf("one tenant's file does not load: %v", err)
		}
	}
	write(t, p.path("tenants/globex.csv"), "p, role:viewer, globex, doc, read, true, allow\n")
	if err := f.Sync(t.Context()); err != nil {
		t.Errorf("all files are good: %v", err)
	}
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	if err := f.Sync(ended); !errors.Is(err, context.Canceled) {
		t.Errorf("a context that is over: %v", err)
	}
}

func TestAFollowerEndsWithItsContextAndIsStartedOnce(t *testing.T) {
	p := newFixture(t, filepolicy.Config{})
	if err := p.follower.Start(t.Context()); !errors.Is(err, filepolicy.ErrStarted) {
		t.Errorf("a second start: %v", err)
	}
	f, err := filepolicy.NewFollower(filepolicy.Config{Engine: p.engine, Folder: p.dir})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	if err := f.Start(ctx); err != nil {
		t.Fatal(err)
	}
	cancel()
	for _, closing := range []*filepolicy.Follower{f, f, p.follower} {
		if err := closing.Close(); err != nil {
			t.Error(err)
		}
	}
	write(t, p.path("policy.csv"), nobodyReads)
	if p.follower.Stats().Reloads != 0 || !p.reads() {
		t.Error("a closed follower reloads")
	}
	if err := p.follower.Start(t.Context()); !errors.Is(err, filepolicy.ErrStarted) {
		t.Errorf("a start after Close: %v", err)
	}
	never, err := filepolicy.NewFollower(filepolicy.Config{Engine: p.engine, Folder: p.dir})
	if err != nil {
		t.Fatal(err)
	}
	if err := never.Close(); err != nil {
		t.Error(err)
	}
	if err := never.Start(t.Context()); !errors.Is(err, filepolicy.ErrStarted) {
		t.Errorf("closed before its start: %v", err)
	}
}

func TestAConfigThatIsWrongNamesEveryField(t *testing.T) {
	p := newFixture(t, filepolicy.Config{})
	for _, c := range []struct {
		name string
		cfg  filepolicy.Config
		want []string
	}{
		{"the zero Config", filepolicy.Config{}, []string{"Engine: required", "Folder: required"}},
		{"an engine that nobody loaded", filepolicy.Config{Engine: &policy.Engine{}, Folder: p.dir}, []string{"Engine: required"}},
		{"a folder that is not there", filepolicy.Config{Engine: p.engine, Folder: p.path("nowhere")}, []string{"Folder: "}},
		{"a file", filepolicy.Config{Engine: p.engine, Folder: p.path("policy.csv")}, []string{"Folder: "}},
		{"negatives", filepolicy.Config{Engine: p.engine, Folder: p.dir, Debounce: -1, MaxDelay: -1, Poll: -1},
			[]string{"Debounce: -1ns: not below zero", "MaxDelay: -1ns: not below zero", "Poll: -1ns: not below zero"}},
		{"a delay under the quiet time", filepolicy.Config{Engine: p.engine, Folder: p.dir, Debounce: time.Second, MaxDelay: time.Millisecond}, []string{"MaxDelay: 1ms: not less than Debounce, which is 1s"}},
	} {
		_, err := filepolicy.NewFollower(c.cfg)
		if err == nil {
			t.Errorf("%s: accepted", c.name)
			continue
		}
		text, ours := strings.CutPrefix(err.Error(), "filepolicy: invalid config: ")
		lines := strings.Split(text, "\n")
		if !ours || len(lines) != len(c.want) {
			t.Errorf("%s: %v", c.name, err)
		}
		for i, want := range c.want {
			if i < len(lines) && !strings.HasPrefix(lines[i], want) {
				t.Errorf("%s: got %s, want %s", c.name, lines[i], want)
			}
		}
	}
	if f, err := filepolicy.NewFollower(filepolicy.Config{Engine: p.engine, Folder: p.dir, Debounce: 3 * time.Second}); err != nil || f.Close() != nil {
		t.Errorf("a quiet time beyond the default delay: %v", err)
	}
}

// Eight callers decide while the folder changes place with another policy and with broken
// ones. Every decision is wholly one of the two policies'.
func TestD26AWatchedPolicyIsNeverStaleAndNeverMixed(t *testing.T) {
	p := newFixture(t, filepolicy.Config{Poll: never, Debounce: time.Millisecond})
	first := p.engine.Revision()
	other, err := policy.Load(fstest.MapFS{"model.conf": {Data: []byte(model(t))}, "policy.csv": {Data: []byte(nobodyReads)}}, policy.Options{})
	if err != nil {
		t.Fatal(err)
	}
	second := other.Revision()
	var stop atomic.Bool
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for !stop.Load() {
				d, err := p.engine.Decide(context.Background(), bobReads)
				one, two := d.Revision == first && d.Allowed(), d.Revision == second && !d.Allowed() && len(d.Reasons) == 1
				if err != nil || !one && !two {
					t.Errorf("%+v %v", d, err)
					return
				}
			}
		})
	}
	rounds := 10
	if testneed.Soak() {
		rounds *= 20
	}
	for n := range rounds {
		write(t, p.path(".next"), nobodyReads+"p, x")
		for _, rows := range []string{nobodyReads + "p, x", []string{nobodyReads, viewersRead}[n%2]} {
			write(t, p.path(".next"), rows)
			if err := os.Rename(p.path(".next"), p.path("policy.csv")); err != nil {
				t.Fatal(err)
			}
		}
		testwait.Until(t, "it decides by the round's policy", func() bool { return p.reads() == (n%2 == 1) })
	}
	stop.Store(true)
	wg.Wait()
}
