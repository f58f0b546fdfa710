package sqlitescope_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/reevehq/reeve/internal/testwait"
	"github.com/reevehq/reeve/tenant"
	"github.com/reevehq/reeve/tenant/sqlscope/sqlitescope"
)

// Many goroutines work for many tenants on fewer connections than tenants. Calls are cancelled,
// panic in the middle of rows, and leave transactions open to their context's end. No row is
// another tenant's, and what was rolled back is not there.
func TestInterleavedTenantsSeeTheirOwnRowsAlone(t *testing.T) {
	const tenants, workers = 8, 8
	rounds := 60
	if testing.Short() {
		rounds = 15
	}
	w := newFixture(t, func(cfg *sqlitescope.Config) { cfg.MaxOpen, cfg.MaxIdle = 6, 3 })
	var ids []tenant.ID
	for i := range tenants {
		id := tenant.MustParse(fmt.Sprintf("t%d", i))
		w.statuses.set(id, tenant.Active)
		ids = append(ids, id)
	}
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	var wg sync.WaitGroup
	for worker := range workers {
		wg.Go(func() {
			random := rand.New(rand.NewPCG(seed, uint64(worker)))
			for range rounds {
				id := ids[random.IntN(tenants)]
				if err := w.work(in(t, id), id, random); err != nil {
					t.Errorf("%s: %v", id, err)
				}
			}
		})
	}
	wg.Wait()
	for _, id := range ids {
		for _, body := range strings.Split(strings.TrimSuffix(w.bodies(t, id), "|"), "|") {
			if body != canary(id) && body != "" {
				t.Errorf("%s has %q", id, body)
			}
		}
	}
	stats := w.Stats()
	if stats.InUse != 0 || stats.Idle > 3 || stats.Evicted == 0 || stats.Refused != 0 {
		t.Errorf("afterwards %+v", stats)
	}
}

func (w *fixture) work(ctx context.Context, id tenant.ID, random *rand.Rand) (err error) {
	foreign := func(body string) error {
		if body != canary(id) {
			return fmt.Errorf("a row that is not the tenant's: %q", body)
		}
		return nil
	}
	switch random.IntN(5) {
	case 0:
		_, err = w.DB().ExecContext(ctx, `INSERT INTO notes (body) VALUES (?)`, canary(id))
	case 1: // rolled back
		tx, err := w.DB().BeginTx(ctx, nil)
		if err != nil {
			return err
		}
		defer tx.Rollback()
		_, err = tx.ExecContext(ctx, `INSERT INTO notes (body) VALUES ('undone')`)
		return err
	case 2: // cancelled in the middle
		short, cancel := context.WithTimeout(ctx, time.Duration(random.IntN(3000))*time.Microsecond)
		defer cancel()
		tx, err := w.DB().BeginTx(short, nil)
		if err != nil {
			return nil
		}
		_, _ = tx.ExecContext(short, `INSERT INTO notes (body) SELECT 'undone' FROM (WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i+1 FROM n WHERE i < 20000) SELECT i FROM n)`)
		<-short.Done()
		_ = tx.Rollback()
	case 3: // a panic between rows
		defer func() {
			if recover() == nil {
				err = errors.New("no panic")
			}
		}()
		rows, err := w.DB().QueryContext(ctx, `SELECT body FROM notes UNION ALL SELECT ?`, canary(id))
		if err != nil {
			return err
		}
		defer rows.Close()
		for rows.Next() {
			var body string
			if err := rows.Scan(&body); err != nil {
				return err
			}
			if err := foreign(body); err != nil {
				return err
			}
			panic("in a handler")
		}
		return rows.Err()
	case 4:
		rows, err := w.DB().QueryContext(ctx, `SELECT body FROM notes LIMIT 50`)
		if err != nil {
			return err
		}
		defer rows.Close()
		for rows.Next() {
			var body string
			if err := rows.Scan(&body); err != nil {
				return err
			}
			if err := foreign(body); err != nil {
				return err
			}
		}
		return rows.Err()
	}
	return err
}

func TestOpenFilesAreBoundedAndThoseUsedLongestAgoAreClosed(t *testing.T) {
	w := newFixture(t, func(cfg *sqlitescope.Config) { cfg.MaxIdle = 4 })
	for i := range 20 {
		id := tenant.MustParse(fmt.Sprintf("t%d", i))
		w.statuses.set(id, tenant.Active)
		if _, err := w.DB().ExecContext(in(t, id), `INSERT INTO notes (body) VALUES (?)`, canary(id)); err != nil {
			t.Fatal(err)
		}
		w.bodies(t, acme) // is used again and again
		if stats := w.Stats(); stats.Idle > 4 || stats.Files > 4 || stats.InUse != 0 {
			t.Fatalf("%+v", stats)
		}
	}
	before := w.Stats().Opened
	w.bodies(t, acme)
	if w.Stats().Opened != before {
		t.Error("the file used last was closed")
	}
	w.bodies(t, tenant.MustParse("t0"))
	if w.Stats().Opened == before {
		t.Error("the file used longest ago was open")
	}
	tx, err := w.DB().BeginTx(in(t, globex), nil)
	if err != nil {
		t.Fatal(err)
	}
	for i := range 20 {
		w.bodies(t, tenant.MustParse(fmt.Sprintf("t%d", i)))
	}
	if _, err := tx.ExecContext(in(t, globex), `INSERT INTO notes (body) VALUES ('late')`); err != nil {
		t.Errorf("a file in use was closed: %v", err)
	}
	if err := tx.Commit(); err != nil {
		t.Error(err)
	}
}

func TestAClosedStoreServesNobodyAndEndsWhatIsUnderWay(t *testing.T) {
	w := newFixture(t)
	tx, err := w.DB().BeginTx(in(t, acme), nil)
	if err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Errorf("a second time: %v", err)
	}
	if _, err := w.DB().ExecContext(in(t, globex), `SELECT 1`); err == nil {
		t.Error("a closed store served")
	}
	_ = tx.Rollback()
	if stats := w.Stats(); stats.InUse != 0 || stats.Idle != 0 {
		t.Errorf("%+v", stats)
	}
	if err := w.Erase(t.Context(), tenant.MustParse("initech")); !errors.Is(err, sqlitescope.ErrClosed) {
		t.Errorf("Erase: %v", err)
	}
}

func TestEraseDeletesEveryFileOfATenantThatIsNotServed(t *testing.T) {
	w := newFixture(t)
	if err := w.Erase(t.Context(), acme); !errors.Is(err, sqlitescope.ErrActive) || !w.exists(acme) {
		t.Errorf("an active tenant: %v", err)
	}
	w.statuses.down = true
	if err := w.Erase(t.Context(), acme); !errors.Is(err, errDown) || !w.exists(acme) {
		t.Errorf("a status that cannot be had: %v", err)
	}
	w.statuses.down = false
	w.statuses.set(acme, tenant.Suspended)
	if err := w.Erase(in(t, globex), acme); !errors.Is(err, tenant.ErrMismatch) || !w.exists(acme) {
		t.Errorf("by a caller of another tenant: %v", err)
	}
	if err := w.Erase(t.Context(), tenant.ID{}); !errors.Is(err, tenant.ErrInvalidID) {
		t.Errorf("no tenant: %v", err)
	}
	if err := w.Erase(t.Context(), acme); err != nil {
		t.Fatal(err)
	}
	entries, err := os.ReadDir(w.dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		if strings.Contains(e.Name(), "acme") {
			t.Errorf("%s is left", e.Name())
		}
	}
	if err := w.Erase(t.Context(), acme); err != nil {
		t.Errorf("a second time: %v", err)
	}
	if got := w.bodies(t, globex); got != canary(globex)+"|" {
		t.Errorf("the other tenant has %q", got)
	}
	if _, err := w.DB().ExecContext(in(t, acme), `SELECT 1`); !errors.Is(err, tenant.ErrSuspended) {
		t.Errorf("an erased tenant that is suspended: %v", err)
	}
	w.statuses.set(acme, tenant.Active)
	if got := w.bodies(t, acme); got != "" {
		t.Errorf("set up again it has %q", got)
	}
}

func TestEraseWaitsForCallsUnderWayAndLetsNoneIn(t *testing.T) {
	w := newFixture(t)
	rows, err := w.DB().QueryContext(in(t, acme), `SELECT body FROM notes`)
	if err != nil {
		t.Fatal(err)
	}
	w.statuses.set(acme, tenant.Suspended)
	short, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	if err := w.Erase(short, acme); !errors.Is(err, context.DeadlineExceeded) || !w.exists(acme) {
		t.Errorf("under a call: %v", err)
	}
	erased := make(chan error)
	go func() { erased <- w.Erase(t.Context(), acme) }()
	testwait.Until(t, "the erasure has begun", func() bool {
		_, err := w.DB().ExecContext(in(t, acme), `SELECT 1`)
		if !errors.Is(err, sqlitescope.ErrErasing) && !errors.Is(err, tenant.ErrSuspended) {
			t.Fatalf("a call came in: %v", err)
		}
		return errors.Is(err, sqlitescope.ErrErasing)
	})
	if err := w.Erase(t.Context(), acme); !errors.Is(err, sqlitescope.ErrErasing) {
		t.Errorf("a second one meanwhile: %v", err)
	}
	if err := rows.Close(); err != nil {
		t.Error(err)
	}
	if err := <-erased; err != nil || w.exists(acme) {
		t.Errorf("after the call: %v", err)
	}
	if stats := w.Stats(); stats.InUse != 0 {
		t.Errorf("%+v", stats)
	}
}
