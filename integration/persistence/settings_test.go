//go:build linux

package persistence

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"log/slog"
	"testing"
	"time"

	"github.com/redis/go-redis/v9/logging"

	"github.com/reevehq/reeve/integration/redisserver"
	"github.com/reevehq/reeve/internal/testwait"
	"github.com/reevehq/reeve/session"
	"github.com/reevehq/reeve/session/redisstore"
	"github.com/reevehq/reeve/tenant"
)

// setting is one of Redis's persistence.
type setting struct {
	name    string
	args    []string
	replica bool // a change waits for a replica, which is promoted after the fault
}

var settings = []setting{
	{"none", []string{"--appendonly", "no"}, false},
	{"AOF everysec", []string{"--appendfsync", "everysec"}, false},
	{"AOF always", nil, false},
	{"WAIT 1, no AOF", []string{"--appendonly", "no"}, true},
}

// row counts the losses of a setting in a fault. Each session was acknowledged, and so was each revocation.
type row struct {
	sessions, lost  int           // live ones, and how many of them were dead afterwards
	revoked, undone int           // ended ones, and how many of them were live afterwards
	window          time.Duration // how long before the fault the oldest revocation was that was undone
	bytes           int64         // that were written and not on the disk
}

// fixture is a Redis with a setting, and what was done in it.
type fixture struct {
	t       *testing.T
	cfg     redisstore.Config
	primary *redisserver.Server
	replica *redisserver.Server // nil without one
	live    []session.Ref
	revoked []session.Ref
	at      []time.Time // of each revocation's acknowledgement
}

var acme = tenant.MustParse("acme")

func newFixture(t *testing.T, s setting) *fixture {
	t.Helper()
	name, seal := sha256.Sum256([]byte("name")), sha256.Sum256([]byte("seal"))
	w := &fixture{t: t, primary: redisserver.Start(t, s.args...), cfg: redisstore.Config{
		NameKey: session.NewSecretKey(name[:]), SealKeys: []session.SecretKey{session.NewSecretKey(seal[:])},
		Timeout: 5 * time.Second, Logger: slog.New(slog.DiscardHandler),
	}}
	if s.replica {
		w.replica = redisserver.StartReplica(t, w.primary)
		w.cfg.WaitReplicas = 1
	}
	return w
}

// manager returns sessions on a server, as an instance that knows nothing yet.
func (w *fixture) manager(server *redisserver.Server, cfg redisstore.Config) *session.Manager {
	w.t.Helper()
	store, err := redisstore.Open(server.URL(), cfg)
	if err != nil {
		w.t.Fatal(err)
	}
	w.t.Cleanup(func() { store.Close() })
	key := sha256.Sum256([]byte("session"))
	m, err := session.NewManager(store, session.Config{Key: session.NewSecretKey(key[:])})
	if err != nil {
		w.t.Fatal(err)
	}
	return m
}

// create makes sessions, each of a user of its own, and all of them acknowledged.
func (w *fixture) create(m *session.Manager, n int) []session.Ref {
	w.t.Helper()
	var refs []session.Ref
	for range n {
		user, err := session.ParseUserID(fmt.Sprintf("user-%d", len(w.live)+len(w.revoked)+len(refs)))
		if err != nil {
			w.t.Fatal(err)
		}
		s, _, err := m.Create(w.t.Context(), session.SignIn{Tenant: acme, User: user})
		if err != nil {
			w.t.Fatal(err)
		}
		refs = append(refs, s.Ref())
	}
	return refs
}

// act signs users in, and then ends half of the sessions. halfway is called between: what is to be on
// the disk is there then.
func (w *fixture) act(halfway func()) {
	w.t.Helper()
	m := w.manager(w.primary, w.cfg)
	// A replica is in step only some time after it has started.
	testwait.Until(w.t, "the tenant is set up, on the replica too", func() bool {
		return m.SetTenantStatus(w.t.Context(), acme, tenant.Active) == nil
	})
	w.live = w.create(m, 40)
	w.revoked = w.create(m, 40)
	halfway()
	// Spread over most of a second, in which everysec brings nothing to the disk.
	began := time.Now()
	for n, ref := range w.revoked {
		if err := m.Revoke(w.t.Context(), ref); err != nil {
			w.t.Fatal(err)
		}
		w.at = append(w.at, time.Now())
		if time.Since(began) > spread {
			w.revoked = w.revoked[:n+1]
			return
		}
		time.Sleep(spread / 40)
	}
}

// spread is how long the revocations take together.
const spread = 700 * time.Millisecond

// judge asks an instance that knows nothing about every session.
func (w *fixture) judge(fault time.Time) row {
	w.t.Helper()
	server, cfg := w.primary, w.cfg
	if w.replica != nil {
		server, cfg.WaitReplicas = w.replica, 0
	}
	m := w.manager(server, cfg)
	r := row{sessions: len(w.live), revoked: len(w.revoked)}
	for _, ref := range w.live {
		if !w.alive(m, ref) {
			r.lost++
		}
	}
	for n, ref := range w.revoked {
		if w.alive(m, ref) {
			r.undone++
			r.window = max(r.window, fault.Sub(w.at[n]))
		}
	}
	return r
}

func (w *fixture) alive(m *session.Manager, ref session.Ref) bool {
	w.t.Helper()
	var err error
	testwait.Until(w.t, "Redis answers about a session", func() bool {
		_, err = m.Load(w.t.Context(), ref)
		return !errors.Is(err, session.ErrUnavailable)
	})
	return err == nil
}

// recover starts what is to answer after the fault.
func (w *fixture) recover() {
	w.t.Helper()
	if w.replica != nil {
		w.replica.Promote()
		return
	}
	w.primary.Restart()
}

// Each setting loses what docs and README show, for the death of the process (kill -9) and for a loss of
// power. No setting lets anybody in who was not: a session that is lost is dead, and what may be undone
// is a revocation. A revocation that AOF always or a replica has acknowledged is never undone.
func TestWhatEachSettingLoses(t *testing.T) {
	logging.Disable()
	p := watchPower(t)
	for _, s := range settings {
		t.Run(s.name+", process killed", func(t *testing.T) {
			w := newFixture(t, s)
			w.act(func() {})
			w.primary.Kill()
			fault := time.Now()
			w.recover()
			r := w.judge(fault)
			report(t, r)
			if r.undone > 0 {
				t.Errorf("%d revocations were undone", r.undone)
			}
			if none := s.name == "none"; none != (r.lost == r.sessions) || !none && r.lost > 0 {
				t.Errorf("%d of %d sessions are lost", r.lost, r.sessions)
			}
		})
		t.Run(s.name+", power lost", func(t *testing.T) {
			p := power{t, p.log}
			w := newFixture(t, s)
			w.act(func() {
				if s.name == "AOF everysec" {
					w.syncedOnce(p)
				}
			})
			w.primary.Kill()
			fault := time.Now()
			lost := p.lose(w.primary.Dir())
			w.recover()
			r := w.judge(fault)
			r.bytes = lost
			report(t, r)
			switch s.name {
			case "none":
				if r.lost != r.sessions || r.undone != 0 {
					t.Errorf("%d of %d sessions are lost, %d revocations undone", r.lost, r.sessions, r.undone)
				}
			case "AOF everysec": // which shows that a loss of power is one
				if r.undone == 0 || r.lost > 0 || r.window > 2*time.Second {
					t.Errorf("%d revocations undone, the oldest %v before; %d sessions lost", r.undone, r.window, r.lost)
				}
			default:
				if r.lost > 0 || r.undone > 0 || lost > 0 {
					t.Errorf("%d sessions lost, %d revocations undone, %d bytes", r.lost, r.undone, lost)
				}
			}
		})
	}
}

// syncedOnce waits until what was written so far is on the disk, which begins a second in which nothing
// more will be.
func (w *fixture) syncedOnce(p power) {
	w.t.Helper()
	client := w.primary.Client()
	defer client.Close()
	if err := client.Set(w.t.Context(), "marker", "1", 0).Err(); err != nil {
		w.t.Fatal(err)
	}
	testwait.Until(w.t, "what was written is on the disk", func() bool { return p.unsynced(w.primary.Dir()) == 0 })
}

func report(t *testing.T, r row) {
	t.Logf("| %d of %d sessions lost | %d of %d revocations undone, the oldest %v before the fault | %d bytes |",
		r.lost, r.sessions, r.undone, r.revoked, r.window.Round(time.Millisecond), r.bytes)
}
