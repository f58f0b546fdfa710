//go:build unix

package pgxscope_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/reevehq/reeve/integration/pgbouncer"
	"github.com/reevehq/reeve/internal/testneed"
	"github.com/reevehq/reeve/internal/testwait"
	"github.com/reevehq/reeve/tenant"
	"github.com/reevehq/reeve/tenant/pgxscope"
	"github.com/reevehq/reeve/tenant/rls"
)

const (
	chaosTenants = 50
	chaosNotes   = 3
)

// TestNoTenantMeetsAnotherInChaos: through pgbouncer with 1 to 4 connections to the server,
// tenants read and write while contexts end, handlers panic, statements fail and transactions
// are given up at any step. Nobody reads or writes a row of another, and nothing is left.
func TestNoTenantMeetsAnotherInChaos(t *testing.T) {
	t.Run("plain", func(t *testing.T) { newFixture(t).chaos(t, rls.Plain(), testneed.Scale(1_500, 34)) })
	t.Run("signed", func(t *testing.T) {
		w := newFixture(t)
		w.chaos(t, w.signed(t, 0), testneed.Scale(1_500, 34))
	})
}

// chaos runs so many operations.
func (w *fixture) chaos(t *testing.T, context rls.Context, operations int) {
	var tenants []tenant.ID
	var rows []string
	for n := range chaosTenants {
		id := tenant.MustParse(fmt.Sprintf("t%02d", n))
		tenants = append(tenants, id)
		rows = append(rows, fmt.Sprintf("('%s')", id))
	}
	w.Exec(w.Super(), fmt.Sprintf("insert into note (tenant, id, body) select t, n, 'canary-' || t || '-' || n from (values %s) v (t), generate_series(1, %d) n", strings.Join(rows, ", "), chaosNotes))
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	for servers := 1; servers <= 4; servers++ {
		t.Run(fmt.Sprintf("%d connections", servers), func(t *testing.T) {
			mode := []pgx.QueryExecMode{pgx.QueryExecModeExec, pgx.QueryExecModeCacheDescribe}[servers%2]
			through := pgbouncer.Start(t, w.App(), servers)
			pool, _ := open(t, through, 6, mode)
			raw, _ := open(t, through, 2, pgx.QueryExecModeExec)
			db := configured(t, pgxscope.Config{Pool: pool, Context: context})
			var left atomic.Int64
			left.Store(int64(operations / 4))
			var workers sync.WaitGroup
			tally := new(tally)
			for worker := range 6 {
				workers.Go(func() {
					c := chaotic{t, db, raw, tenants, rand.New(rand.NewPCG(seed, uint64(servers*100+worker))), tally}
					for left.Add(-1) >= 0 && !t.Failed() {
						c.operation()
					}
				})
			}
			workers.Wait()
			t.Logf("%d rows read, %d operations as they should, %d cut short", tally.rows.Load(), tally.whole.Load(), tally.cut.Load())
			if tally.rows.Load() == 0 || tally.cut.Load() == 0 || tally.whole.Load() < tally.cut.Load() {
				t.Error("too little happened")
			}
			for range 2 * servers {
				nobody(t, raw)
			}
			// The pool closes what was cut short behind the caller's back; what leaked never comes back.
			testwait.Until(t, "all connections are back", func() bool { return pool.Stat().AcquiredConns() == 0 })
		})
	}
	wrong := w.Exec(w.Super(), "select tenant, id, body, tags from note where tenant like 't__' and (body <> 'canary-' || tenant || '-' || id or id > 3 or tags is not null and tags[1] <> tenant)")
	if wrong != "" {
		t.Errorf("rows that another has written, or that were rolled back:\n%s", wrong)
	}
	if got := w.Exec(w.Super(), "select count(*), count(tags) > 0 from note where tenant like 't__'"); got != fmt.Sprintf("%d|t", chaosTenants*chaosNotes) {
		t.Errorf("rows, and whether any was written: %s", got)
	}
}

// tally counts what happened.
type tally struct{ rows, whole, cut atomic.Int64 }

// chaotic is a worker that does what services do, and what happens to them.
type chaotic struct {
	t       *testing.T
	db      *pgxscope.DB
	raw     *pgxpool.Pool
	tenants []tenant.ID
	random  *rand.Rand
	tally   *tally
}

var errGivenUp = errors.New("given up")

// operation runs one for a random tenant, whose context may end at any time.
func (c *chaotic) operation() {
	id := c.tenants[c.random.IntN(len(c.tenants))]
	ctx, err := tenant.BindUnchecked(c.t.Context(), id)
	if err != nil {
		c.t.Error(err)
		return
	}
	cut := c.random.IntN(4) == 0
	if cut {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, time.Duration(c.random.IntN(4000))*time.Microsecond)
		defer cancel()
	}
	defer func() {
		if v := recover(); v != nil && v != "own" {
			panic(v)
		}
	}()
	op := operations[c.random.IntN(len(operations))]
	switch err := op.run(c, ctx, id); {
	case err == nil:
		c.tally.whole.Add(1)
	case cut && ctx.Err() != nil:
		c.tally.cut.Add(1)
	default:
		c.t.Errorf("%s of %s: %v", op.name, id, err)
	}
}

// read reads all notes and checks that they are the tenant's.
func (c *chaotic) read(ctx context.Context, db querier, id tenant.ID) error {
	got, err := bodies(ctx, db)
	if err != nil {
		return err
	}
	c.tally.rows.Add(int64(len(got)))
	if !slices.Equal(got, want(id, chaosNotes)) {
		c.t.Errorf("%s reads %q", id, got)
	}
	return nil
}

// expect turns the error that is expected into none.
func expect(err error, wanted string) error {
	if code(err) == wanted {
		return nil
	}
	return fmt.Errorf("want %s: %w", wanted, err)
}

const mark = "update note set tags = array[$1]" // all that are seen

var operations = []struct {
	name string
	run  func(c *chaotic, ctx context.Context, id tenant.ID) error
}{
	{"a query", func(c *chaotic, ctx context.Context, id tenant.ID) error { return c.read(ctx, c.db, id) }},
	{"rows that are not read", func(c *chaotic, ctx context.Context, id tenant.ID) error {
		rows, err := c.db.Query(ctx, "select body from note, generate_series(1, 200)")
		if err != nil {
			return err
		}
		defer rows.Close()
		var body string
		for range c.random.IntN(5) {
			if !rows.Next() {
				return rows.Err()
			}
			if err := rows.Scan(&body); err != nil {
				return err
			}
			if c.tally.rows.Add(1); !strings.HasPrefix(body, "canary-"+id.String()+"-") {
				c.t.Errorf("%s reads %q", id, body)
			}
		}
		return nil
	}},
	{"a write", func(c *chaotic, ctx context.Context, id tenant.ID) error {
		tag, err := c.db.Exec(ctx, mark, id.String())
		if err == nil && tag.RowsAffected() != chaosNotes {
			c.t.Errorf("%s has written %d rows", id, tag.RowsAffected())
		}
		return err
	}},
	{"a failure", func(c *chaotic, ctx context.Context, id tenant.ID) error {
		return expect(second(c.db.Exec(ctx, "update note set id = 1 / ($1::int - 1)", 1)), "22012")
	}},
	{"a wrong text", func(c *chaotic, ctx context.Context, id tenant.ID) error {
		return expect(second(c.db.Query(ctx, "select absent from note")), "42703")
	}},
	{"a panic", func(c *chaotic, ctx context.Context, id tenant.ID) error {
		return c.db.QueryRow(ctx, "select body from note where id = $1", 1).Scan(panicking{})
	}},
	{"a panic in rows", func(c *chaotic, ctx context.Context, id tenant.ID) error {
		rows, err := c.db.Query(ctx, "select body from note")
		if err != nil {
			return err
		}
		defer rows.Close()
		panic("own")
	}},
	{"a batch", func(c *chaotic, ctx context.Context, id tenant.ID) error {
		b := batch("select body from note order by body", "select count(*) from note")
		b.QueuedQueries[0].Query(func(rows pgx.Rows) error {
			got, err := pgx.CollectRows(rows, pgx.RowTo[string])
			if err == nil && !slices.Equal(got, want(id, chaosNotes)) {
				c.t.Errorf("%s reads %q", id, got)
			}
			return err
		})
		return c.db.SendBatch(ctx, b).Close()
	}},
	{"a batch that fails", func(c *chaotic, ctx context.Context, id tenant.ID) error {
		return expect(c.db.SendBatch(ctx, batch("delete from note", "select 1 / 0", "select body from note")).Close(), "22012")
	}},
	{"a batch that is not read", func(c *chaotic, ctx context.Context, id tenant.ID) error {
		return c.db.SendBatch(ctx, batch("select body from note", "select body from note")).Close()
	}},
	{"a transaction", func(c *chaotic, ctx context.Context, id tenant.ID) error {
		return c.db.InTx(ctx, pgx.TxOptions{}, func(tx pgx.Tx) error {
			if _, err := tx.Exec(ctx, mark, id.String()); err != nil {
				return err
			}
			return c.read(ctx, tx, id)
		})
	}},
	{"a transaction that is given up", func(c *chaotic, ctx context.Context, id tenant.ID) error {
		err := c.db.InTx(ctx, pgx.TxOptions{}, func(tx pgx.Tx) error {
			if _, err := tx.Exec(ctx, "update note set body = body || '!', id = id + 10"); err != nil {
				return err
			}
			return errGivenUp
		})
		if errors.Is(err, errGivenUp) {
			return nil
		}
		return err
	}},
	{"a transaction that panics", func(c *chaotic, ctx context.Context, id tenant.ID) error {
		return c.db.InTx(ctx, pgx.TxOptions{}, func(tx pgx.Tx) error {
			if _, err := tx.Exec(ctx, "delete from note"); err != nil {
				return err
			}
			panic("own")
		})
	}},
	{"a transaction whose rows are open", func(c *chaotic, ctx context.Context, id tenant.ID) error {
		err := c.db.InTx(ctx, pgx.TxOptions{}, func(tx pgx.Tx) error {
			if _, err := tx.Query(ctx, "select body from note, generate_series(1, 1000)"); err != nil {
				return err
			}
			return errGivenUp
		})
		if errors.Is(err, errGivenUp) {
			return nil
		}
		return err
	}},
	{"savepoints", func(c *chaotic, ctx context.Context, id tenant.ID) error {
		return c.db.InTx(ctx, pgx.TxOptions{}, func(tx pgx.Tx) error {
			for range 1 + c.random.IntN(3) {
				nested, err := tx.Begin(ctx)
				if err != nil {
					return err
				}
				if _, err := nested.Exec(ctx, "update note set body = body || '?'"); err != nil {
					return err
				}
				if c.random.IntN(2) == 0 {
					if err := expect(second(nested.Exec(ctx, "select 1 / 0")), "22012"); err != nil {
						return err
					}
				}
				if err := nested.Rollback(ctx); err != nil {
					return err
				}
				if err := c.read(ctx, tx, id); err != nil {
					return err
				}
			}
			return nil
		})
	}},
	{"another tenant in a transaction", func(c *chaotic, ctx context.Context, id tenant.ID) error {
		other, err := tenant.BindUnchecked(c.t.Context(), acme)
		if err != nil {
			return err
		}
		return c.db.InTx(ctx, pgx.TxOptions{}, func(tx pgx.Tx) error {
			if _, err := tx.Exec(other, mark, "acme"); !errors.Is(err, tenant.ErrMismatch) {
				c.t.Errorf("a statement of another: %v", err)
			}
			return c.read(ctx, tx, id)
		})
	}},
	{"a copy that fails", func(c *chaotic, ctx context.Context, id tenant.ID) error {
		_, err := c.db.CopyFrom(ctx, pgx.Identifier{"note"}, copied, &source{rows: 5, failAt: 4})
		if errors.Is(err, errSource) {
			return nil
		}
		return err
	}},
	{"nobody", func(c *chaotic, ctx context.Context, id tenant.ID) error {
		got, err := bodies(ctx, c.raw)
		if len(got) > 0 {
			c.t.Errorf("nobody reads %q", got)
		}
		return err
	}},
}

// panicking panics when it is scanned into.
type panicking struct{}

func (panicking) Scan(any) error { panic("own") }
