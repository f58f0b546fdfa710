//go:build unix

package pgxscope_test

import (
	"context"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/reevehq/reeve/integration/faultproxy"
	"github.com/reevehq/reeve/integration/pgserver"
	"github.com/reevehq/reeve/tenant/pgxscope"
	"github.com/reevehq/reeve/tenant/rls"
)

// BenchmarkScope holds a query in a scope, behind row-level security, against the same query
// with a condition on the tenant by a pool alone, on a table without policies: one after the
// other, so that both have the same machine. It reports the ratio of their medians, and how many
// flushes the one in the scope takes.
func BenchmarkScope(b *testing.B) {
	w := newFixture(b)
	w.Exec(w.Super(), "insert into note (tenant, id, body) select 't' || n % 100, n / 100 + 10, 'body ' || n from generate_series(1, 100000) n")
	w.Exec(w.Super(), "create table bare (like note including indexes); insert into bare select * from note; grant select on bare to "+w.AppRole+"; analyze note; analyze bare")
	for _, where := range []struct {
		name  string
		delay time.Duration // of each direction
	}{{"loopback", 0}, {"1 ms", 500 * time.Microsecond}} {
		for _, walls := range w.walls(b) {
			for _, query := range []struct{ name, bare, scoped string }{
				{"one row", "select body from bare where tenant = $1 and id = $2", "select body from note where id = $1"},
				{"50 rows", "select body from bare where tenant = $1 and id > $2 order by id limit 50", "select body from note where id > $1 order by id limit 50"},
			} {
				b.Run(fmt.Sprintf("%s/%s/%s", where.name, walls.name, query.name), func(b *testing.B) {
					url := w.App()
					if where.delay > 0 {
						proxy := faultproxy.Start(b, pgserver.New(b).Addr())
						proxy.Delay(where.delay)
						url = fmt.Sprintf("postgres://%s@%s/%s?sslmode=disable", w.AppRole, proxy.Addr(), w.Name)
					}
					context := walls.install()
					alone, _ := open(b, url, 1, pgx.QueryExecModeCacheStatement)
					pool, counter := open(b, url, 1, pgx.QueryExecModeCacheStatement)
					db, ctx := configured(b, pgxscope.Config{Pool: pool, Context: context}), in(b, acme)
					compare(b, counter, func() {},
						func() error { return read(ctx, alone, query.bare, "acme", 2) },
						func() error { return read(ctx, db, query.scoped, 2) })
				})
			}
		}
	}
}

// walls are the ways in which the database learns the tenant.
type walls struct {
	name    string
	install func() rls.Context
}

func (w *fixture) walls(b *testing.B) []walls {
	return []walls{
		{"plain", func() rls.Context { w.setup(b, rls.Config{Plain: true}); return rls.Plain() }},
		{"signed", func() rls.Context { return w.signed(b, 0) }},
	}
}

// read reads all rows.
func read(ctx context.Context, db querier, sql string, args ...any) error {
	rows, err := db.Query(ctx, sql, args...)
	if err != nil {
		return err
	}
	_, err = pgx.CollectRows(rows, pgx.RowTo[string])
	return err
}

// compare runs two in turns, each after prepare, and reports how they compare.
func compare(b *testing.B, counter *tap, prepare func(), alone, with func() error) {
	b.Helper()
	run := func(fn func() error) time.Duration {
		prepare()
		from := time.Now()
		if err := fn(); err != nil {
			b.Fatal(err)
		}
		return time.Since(from)
	}
	for range 10 { // connects and prepares
		run(alone)
		run(with)
	}
	var a, w []time.Duration
	before := counter.flushes.Load()
	for b.Loop() {
		a, w = append(a, run(alone)), append(w, run(with))
	}
	flushes := counter.flushes.Load() - before
	slices.Sort(a)
	slices.Sort(w)
	b.ReportMetric(float64(w[len(w)/2])/float64(a[len(a)/2]), "scoped/unscoped")
	b.ReportMetric(float64(a[len(a)/2].Microseconds()), "unscoped-µs")
	b.ReportMetric(float64(w[len(w)/2].Microseconds()), "scoped-µs")
	b.ReportMetric(float64(flushes)/float64(len(w)), "flushes/op")
	b.ReportMetric(0, "ns/op")
}

// BenchmarkCopy holds CopyFrom against COPY into a table without policies.
func BenchmarkCopy(b *testing.B) {
	w := newFixture(b)
	w.Exec(w.Super(), "create table bare (like note including indexes); grant insert on bare to "+w.AppRole+"; alter table bare alter tenant set default 'acme'")
	super, _ := open(b, w.Super(), 1, pgx.QueryExecModeCacheStatement)
	empty := func() {
		if _, err := super.Exec(b.Context(), "truncate bare; truncate note"); err != nil {
			b.Fatal(err)
		}
	}
	db, pool, counter := w.direct()
	ctx := in(b, acme)
	copyTo := func(to interface {
		CopyFrom(context.Context, pgx.Identifier, []string, pgx.CopyFromSource) (int64, error)
	}, table string) error {
		_, err := to.CopyFrom(ctx, pgx.Identifier{table}, copied, &source{rows: 5000})
		return err
	}
	b.Run("5000 rows", func(b *testing.B) {
		compare(b, counter, empty, func() error { return copyTo(pool, "bare") }, func() error { return copyTo(db, "note") })
	})
}
