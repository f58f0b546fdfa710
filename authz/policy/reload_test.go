package policy_test

import (
	"bytes"
	"io/fs"
	"log/slog"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/reevehq/reeve/authz/policy"
	"github.com/reevehq/reeve/internal/testneed"
	"github.com/reevehq/reeve/policies"
)

// answers are the decisions on a fixed set of requests.
func answers(t *testing.T, e *policy.Engine) []policy.Decision {
	t.Helper()
	var out []policy.Decision
	for _, role := range []string{"viewer", "editor", "admin"} {
		for _, object := range standardObjects() {
			actions := []policy.Action{"read", "update", "delete"}
			if object.Route != "" {
				actions = []policy.Action{"GET", "POST", "PUT"}
			}
			for _, action := range actions {
				out = append(out, decide(t, e, asks("alice", action, object, role)))
			}
		}
	}
	return out
}

func TestAFileCutAtAnyByteLoadsOrChangesNothing(t *testing.T) {
	whole, err := fs.ReadFile(policies.Files(), "policy.csv")
	if err != nil {
		t.Fatal(err)
	}
	attributes, err := fs.ReadFile(policies.Files(), "attributes.csv")
	if err != nil {
		t.Fatal(err)
	}
	var log bytes.Buffer
	e, err := policy.Load(policies.Files(), policy.Options{Logger: slog.New(slog.NewTextHandler(&log, nil))})
	if err != nil {
		t.Fatal(err)
	}
	before := answers(t, e)
	revision := e.Revision()
	loaded, refused, cuts := 0, 0, testneed.Scale(len(whole), 1)
	for n := 0; n < len(whole); n += len(whole) / cuts {
		cut := folder(map[string]string{"policy.csv": string(whole[:n]), "attributes.csv": string(attributes)})
		if err := e.Reload(cut); err == nil {
			loaded++
			if err := e.Reload(policies.Files()); err != nil {
				t.Fatal(err)
			}
			continue
		}
		refused++
		if e.Revision() != revision {
			t.Fatalf("cut at %d: refused, and yet revision %s", n, e.Revision())
		}
		if refused%20 == 1 {
			if diff := cmp.Diff(before, answers(t, e)); diff != "" {
				t.Fatalf("cut at %d: refused, and yet\n%s", n, diff)
			}
		}
	}
	if loaded == 0 || refused < cuts/4 {
		t.Errorf("%d loaded, %d refused", loaded, refused)
	}
	if s := e.Stats(); s.Refused != int64(refused) || s.Loads != int64(1+2*loaded) || s.Revision != revision || s.Rules != len(e.Rules()) {
		t.Errorf("the metrics are %+v", s)
	}
	if n := strings.Count(log.String(), "policy refused"); n != refused {
		t.Errorf("%d lines in the log", n)
	}
}

// Two policies give opposite answers. Every decision has to be one policy's, reasons and
// revision included, while the policies change places and broken ones are refused.
func TestD9DecisionsDuringReloadsAreEachOnePolicys(t *testing.T) {
	one, two, broken := with(fine), with("# moved down", "p, role:viewer, *, doc, read, true, deny"), with(fine+"p, x")
	e := mustLoad(t, one)
	first := e.Revision()
	second := mustLoad(t, two).Revision()
	r := asks("bob", "read", doc("1"), "viewer")
	var stop atomic.Bool
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for !stop.Load() {
				d, err := e.Decide(t.Context(), r)
				ok := err == nil && len(d.Reasons) == 1
				switch {
				case ok && d.Revision == first && d.Allowed() && d.Reasons[0].Line == 1:
				case ok && d.Revision == second && !d.Allowed() && d.Reasons[0].Line == 2:
				default:
					t.Errorf("%+v %v", d, err)
					return
				}
				e.Covers("GET", "/x")
			}
		})
	}
	for range testneed.Scale(60, 50) {
		for _, fsys := range []fs.FS{two, broken, one} {
			if err := e.Reload(fsys); (err == nil) == (strings.Contains(string(mustRead(fsys)), "p, x")) {
				t.Errorf("reload: %v", err)
			}
		}
	}
	stop.Store(true)
	wg.Wait()
}

func mustRead(fsys fs.FS) []byte {
	data, err := fs.ReadFile(fsys, "policy.csv")
	if err != nil {
		panic(err)
	}
	return data
}

func TestReloadsAreLogged(t *testing.T) {
	var log bytes.Buffer
	e, err := policy.Load(with(fine), policy.Options{Logger: slog.New(slog.NewTextHandler(&log, nil))})
	if err != nil {
		t.Fatal(err)
	}
	if err := e.Reload(with("p, x")); err == nil {
		t.Fatal("it loads")
	}
	lines := strings.Split(strings.TrimSpace(log.String()), "\n")
	if len(lines) != 2 || !strings.Contains(lines[0], "policy loaded") || !strings.Contains(lines[1], "policy refused") || !strings.Contains(lines[1], e.Revision()) {
		t.Errorf("%q", lines)
	}
}
