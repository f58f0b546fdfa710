package erasure_test

import (
	"context"
	"errors"
	"iter"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/reevehq/reeve/session"
	"github.com/reevehq/reeve/session/erasure"
	"github.com/reevehq/reeve/tenant"
)

var (
	acme  = tenant.MustParse("acme")
	alice = session.MustParseUserID("alice")
)

// journal is a session store and two other places, any of which may fail, and what they were asked.
type journal struct {
	calls []string
	at    []time.Time
	fails map[string]error
}

func (j *journal) note(call string) error {
	j.calls, j.at = append(j.calls, call), append(j.at, time.Now())
	return j.fails[call]
}

func (j *journal) EraseUser(_ context.Context, t tenant.ID, u session.UserID) error {
	return j.note("sessions of " + u.String() + " in " + t.String())
}

func (j *journal) EraseTenant(_ context.Context, t tenant.ID, users iter.Seq2[session.UserID, error]) error {
	for u, err := range users {
		if err != nil {
			return err
		}
		if err := j.note("sessions of " + u.String() + " in " + t.String()); err != nil {
			return err
		}
	}
	return nil
}

func (j *journal) SetTenantStatus(_ context.Context, t tenant.ID, status tenant.Status) error {
	return j.note(t.String() + " is " + status.String())
}

func (j *journal) users(_ context.Context, t tenant.ID) iter.Seq2[session.UserID, error] {
	return func(yield func(session.UserID, error) bool) {
		if err := j.note("users of " + t.String()); err != nil {
			yield(session.UserID{}, err)
			return
		}
		yield(alice, nil)
	}
}

func (j *journal) config() erasure.Config {
	cfg := erasure.Config{Sessions: j, Users: j.users}
	for _, name := range []string{"tables", "files"} {
		cfg.UserSteps = append(cfg.UserSteps, erasure.UserStep{Name: name, Erase: func(_ context.Context, t tenant.ID, u session.UserID) error {
			return j.note(name + " of " + u.String() + " in " + t.String())
		}})
		cfg.TenantSteps = append(cfg.TenantSteps, erasure.TenantStep{Name: name, Erase: func(_ context.Context, t tenant.ID) error {
			return j.note(name + " of " + t.String())
		}})
	}
	return cfg
}

func TestAnErasureRunsInOrderAndSaysWhatFailed(t *testing.T) {
	broken := errors.New("broken")
	tenantCalls := []string{"acme is suspended", "users of acme", "sessions of alice in acme", "tables of acme", "files of acme"}
	userCalls := []string{"sessions of alice in acme", "tables of alice in acme", "files of alice in acme"}
	user := func(e *erasure.Eraser, ctx context.Context) (erasure.Report, error) { return e.User(ctx, acme, alice) }
	whole := func(e *erasure.Eraser, ctx context.Context) (erasure.Report, error) { return e.Tenant(ctx, acme) }
	for name, row := range map[string]struct {
		erase func(*erasure.Eraser, context.Context) (erasure.Report, error)
		fails []string
		calls []string
		err   string // of each step that failed
		steps string // each with + when it was done, - when it failed, ? when it was skipped
	}{
		"a user":                                    {user, nil, userCalls, "", "sessions+ tables+ files+"},
		"a user whose sessions are left":            {user, userCalls[:1], userCalls[:1], "erasure: user: sessions: broken", "sessions- tables? files?"},
		"a user of whom a step fails":               {user, userCalls[1:2], userCalls, "erasure: user: tables: broken", "sessions+ tables- files+"},
		"a user of whom all steps fail":             {user, userCalls[1:], userCalls, "erasure: user: tables: broken\nerasure: user: files: broken", "sessions+ tables- files-"},
		"a tenant":                                  {whole, nil, tenantCalls, "", "close+ sessions+ tables+ files+"},
		"a tenant that is not closed":               {whole, tenantCalls[:1], tenantCalls[:1], "erasure: tenant: close: broken", "close- sessions? tables? files?"},
		"a tenant whose users nobody knows":         {whole, tenantCalls[1:2], tenantCalls[:2], "erasure: tenant: sessions: broken", "close+ sessions- tables? files?"},
		"a tenant of whose users sessions are left": {whole, tenantCalls[2:3], tenantCalls[:3], "erasure: tenant: sessions: broken", "close+ sessions- tables? files?"},
		"a tenant of which a step fails":            {whole, tenantCalls[3:4], tenantCalls, "erasure: tenant: tables: broken", "close+ sessions+ tables- files+"},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				j := &journal{fails: map[string]error{}}
				for _, call := range row.fails {
					j.fails[call] = broken
				}
				e, err := erasure.New(j.config())
				if err != nil {
					t.Fatal(err)
				}
				report, err := row.erase(e, t.Context())
				text := ""
				if err != nil {
					text = err.Error()
				}
				if text != row.err || row.err != "" && !errors.Is(err, broken) {
					t.Errorf("got %v, want %s", err, row.err)
				}
				if !slices.Equal(j.calls, row.calls) {
					t.Errorf("calls %q, want %q", j.calls, row.calls)
				}
				if got := summary(report); got != row.steps {
					t.Errorf("steps %s, want %s", got, row.steps)
				}
				// The first call lets nobody in; what may be written after it is waited for.
				if len(j.at) > 1 && j.at[1].Sub(j.at[0]) < 2*time.Second {
					t.Errorf("the second call came %v after the first", j.at[1].Sub(j.at[0]))
				}
				j.fails, j.calls = nil, nil
				if _, err := row.erase(e, t.Context()); err != nil || len(j.calls) < len(row.calls) {
					t.Errorf("made again: %v, calls %q", err, j.calls)
				}
			})
		})
	}
}

func summary(r erasure.Report) string {
	var all []string
	for _, s := range r.Steps {
		mark := "+"
		switch {
		case s.Skipped:
			mark = "?"
		case s.Err != nil:
			mark = "-"
		}
		all = append(all, s.Name+mark)
	}
	return strings.Join(all, " ")
}

func TestAnErasureThatIsCancelledSaysSoAndBeginsNoStep(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		j := &journal{}
		e, err := erasure.New(j.config())
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second) // while it waits
		defer cancel()
		report, err := e.Tenant(ctx, acme)
		if !errors.Is(err, context.DeadlineExceeded) || summary(report) != "close+ sessions? tables? files?" {
			t.Errorf("%v, %s", err, summary(report))
		}
		if len(j.calls) != 1 {
			t.Errorf("calls %q", j.calls)
		}
	})
}

func TestAConfigWithAMistakeIsNoEraser(t *testing.T) {
	none := func(context.Context, tenant.ID) error { return nil }
	for want, cfg := range map[string]erasure.Config{
		"Sessions: required":                      {},
		"Users: required with TenantSteps":        {TenantSteps: []erasure.TenantStep{{Name: "tables", Erase: none}}},
		`TenantSteps: a second step "sessions"`:   {TenantSteps: []erasure.TenantStep{{Name: "sessions", Erase: none}}},
		`TenantSteps: a second step "close"`:      {TenantSteps: []erasure.TenantStep{{Name: "close", Erase: none}}},
		`TenantSteps: a second step "tables"`:     {TenantSteps: []erasure.TenantStep{{Name: "tables", Erase: none}, {Name: "tables", Erase: none}}},
		`TenantSteps: step "tables" has no Erase`: {TenantSteps: []erasure.TenantStep{{Name: "tables"}}},
		"UserSteps: a step without a name":        {UserSteps: []erasure.UserStep{{}}},
		`UserSteps: step "tables" has no Erase`:   {UserSteps: []erasure.UserStep{{Name: "tables"}}},
	} {
		e, err := erasure.New(cfg)
		if e != nil || err == nil || !strings.HasPrefix(err.Error(), "erasure: invalid config: ") || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want %s", err, want)
		}
	}
}
