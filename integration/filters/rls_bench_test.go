//go:build unix

package filters_test

import (
	"context"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/reevehq/reeve/authz/policy"
	"github.com/reevehq/reeve/authz/policy/policyrls"
	"github.com/reevehq/reeve/integration/pgserver"
	"github.com/reevehq/reeve/session"
	"github.com/reevehq/reeve/tenant"
	"github.com/reevehq/reeve/tenant/pgxscope"
	"github.com/reevehq/reeve/tenant/rls"
)

const benchAttributes = `
sub, level, int, yes,
item, id, int, no, id
item, org, tenant, no, tenant_id
item, owner, string, no, owner
item, status, string, no, status
item, public, bool, no, public
item, size, int, no, size
`

const benchRules = `p, role:authenticated, *, item, read, r.obj.owner == r.sub.id, allow
p, role:authenticated, *, item, read, r.obj.public, allow
p, role:authenticated, *, item, read, r.obj.status == 'open' && r.obj.size < r.sub.level, allow
p, role:authenticated, *, item, read, r.obj.status == 'sealed', deny
`

const byHandWhere = `tenant_id = $1 AND (owner = $2 OR public OR status = 'open' AND size < $3) AND status <> 'sealed'`

// BenchmarkRowLevelSecurity holds three ways against each other, in turns: a condition written by
// hand on a table without policies, the walls of tenants with the condition of a filter, and
// row-level security by the policy. It reports medians, and how they compare.
func BenchmarkRowLevelSecurity(b *testing.B) {
	pg := pgserver.New(b).Database(b)
	pg.Exec(pg.Owner(), `CREATE TABLE item (tenant_id text NOT NULL, id bigint NOT NULL, owner text NOT NULL, status text NOT NULL, public boolean NOT NULL, size bigint NOT NULL, created timestamptz NOT NULL, PRIMARY KEY (tenant_id, id));
		CREATE INDEX ON item (tenant_id, created DESC, id DESC);
		INSERT INTO item SELECT 't' || n % 10, n, 'u' || n % 97, (array['open', 'sealed', 'done'])[1 + n % 3], n % 11 = 0, n % 50, now() - n * interval '1 second' FROM generate_series(1, 200000) n;
		CREATE TABLE bare (LIKE item INCLUDING ALL); INSERT INTO bare SELECT * FROM item; GRANT SELECT ON bare TO `+pg.AppRole+`; ANALYZE item; ANALYZE bare`)
	owner := open(b, "pgx", pg.Owner())
	script, err := rls.Generate(b.Context(), owner, rls.Config{Owner: pg.OwnerRole, App: pg.AppRole, Shared: []string{"public.bare"}})
	if err != nil {
		b.Fatal(err)
	}
	pg.Exec(pg.Owner(), script)
	signer, err := rls.NewSigner(rls.SignerConfig{Key: session.NewSecretKey([]byte("a key of tests that has 32 bytes")), KeyID: "k1"})
	if err != nil {
		b.Fatal(err)
	}
	if err := signer.InstallKey(b.Context(), owner); err != nil {
		b.Fatal(err)
	}
	e, err := load(b, benchRules, benchAttributes)
	if err != nil {
		b.Fatal(err)
	}
	id := tenant.MustParse("t3")
	caller := policy.Request{Tenant: id, Subject: policy.Subject{ID: "u7", Attributes: policy.Values{"level": int64(10)}}, Action: "read", Object: policy.Object{Type: "item"}}
	ctx, err := tenant.BindUnchecked(b.Context(), id)
	if err != nil {
		b.Fatal(err)
	}
	types := []policy.RLSConfig{{Type: "item", Table: "item", App: pg.AppRole, Select: "read"}}
	signed, err := policyrls.NewContext(policyrls.Config{Signer: signer, Engine: e, Types: types, Caller: func(context.Context) (policy.Request, error) { return caller, nil }})
	if err != nil {
		b.Fatal(err)
	}
	policies, err := policyrls.SQL(e, types...)
	if err != nil {
		b.Fatal(err)
	}
	pool := func() *pgxpool.Pool {
		p, err := pgxpool.New(context.Background(), pg.App())
		if err != nil {
			b.Fatal(err)
		}
		b.Cleanup(p.Close)
		return p
	}
	scoped := func(c rls.Context) *pgxscope.DB {
		db, err := pgxscope.New(pgxscope.Config{Pool: pool(), Context: c, Statuses: pgxscope.InsecureAnyStatus{}})
		if err != nil {
			b.Fatal(err)
		}
		return db
	}
	alone, walls, byPolicy := pool(), scoped(signer), scoped(signed)
	// A table has the policies of one way at a time, so the walls alone stand on a copy.
	pg.Exec(pg.Owner(), `CREATE TABLE walls (LIKE item INCLUDING ALL); GRANT SELECT ON walls TO `+pg.AppRole)
	pg.Exec(pg.Super(), `INSERT INTO walls SELECT * FROM bare; ANALYZE walls`)
	script, err = rls.Generate(b.Context(), owner, rls.Config{Owner: pg.OwnerRole, App: pg.AppRole, Shared: []string{"public.bare"}})
	if err != nil {
		b.Fatal(err)
	}
	pg.Exec(pg.Owner(), script+policies)
	read := func(q interface {
		Query(ctx context.Context, sql string, args ...any) (pgx.Rows, error)
	}, sql string, args ...any) ([]int64, error) {
		rows, err := q.Query(ctx, sql, args...)
		if err != nil {
			return nil, err
		}
		return pgx.CollectRows(rows, pgx.RowTo[int64])
	}
	for _, query := range []struct{ name, and, end string }{{"by key", " AND id = 25223", ""}, {"a page of 50", "", " ORDER BY created DESC, id DESC LIMIT 50"}, {"a count", "", ""}} {
		column := "id"
		if query.name == "a count" {
			column = "count(*)"
		}
		variants := []func() ([]int64, error){
			func() ([]int64, error) {
				return read(alone, "SELECT "+column+" FROM bare WHERE "+byHandWhere+query.and+query.end, "t3", "u7", 10)
			},
			func() ([]int64, error) {
				may, err := e.Filter(ctx, caller)
				if err != nil {
					return nil, err
				}
				where, args, err := may.SQL(policy.Postgres, "walls")
				if err != nil {
					return nil, err
				}
				return read(walls, "SELECT "+column+" FROM walls WHERE "+where+query.and+query.end, args...)
			},
			func() ([]int64, error) {
				return read(byPolicy, "SELECT "+column+" FROM item WHERE true"+query.and+query.end)
			},
		}
		b.Run(query.name, func(b *testing.B) {
			took := make([][]time.Duration, len(variants))
			want := ""
			run := func(i int) time.Duration {
				from := time.Now()
				got, err := variants[i]()
				d := time.Since(from)
				if want == "" {
					want = fmt.Sprint(got)
				}
				if err != nil || fmt.Sprint(got) != want {
					b.Fatalf("way %d: %v, %v, not %s", i, got, err, want)
				}
				return d
			}
			for range 10 {
				for i := range variants {
					run(i)
				}
			}
			for b.Loop() {
				for i := range variants {
					took[i] = append(took[i], run(i))
				}
			}
			median := func(i int) float64 {
				slices.Sort(took[i])
				return float64(took[i][len(took[i])/2].Nanoseconds()) / 1000
			}
			b.ReportMetric(median(0), "by-hand-µs")
			b.ReportMetric(median(1), "walls-µs")
			b.ReportMetric(median(2), "policy-µs")
			b.ReportMetric(median(2)/median(0), "policy/by-hand")
			b.ReportMetric(median(2)/median(1), "policy/walls")
			b.ReportMetric(median(2)-median(0), "more-µs")
			b.ReportMetric(0, "ns/op")
		})
	}
}
