//go:build unix

package filters_test

import (
	"context"
	"database/sql"
	"math/rand/v2"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	_ "github.com/lib/pq"
	"gorm.io/driver/postgres"
	"gorm.io/gorm"
	"gorm.io/gorm/logger"

	"github.com/reevehq/reeve/authz/policy"
	"github.com/reevehq/reeve/tenant/gormscope"
	"github.com/reevehq/reeve/tenant/sqlscope"
	"github.com/reevehq/reeve/tenant/sqlscope/sqlitescope"
)

// docModel is a document to GORM.
type docModel struct{ ID, TenantID string }

func (docModel) TableName() string { return "doc" }

// idReader reads the ids that a predicate selects, in any order.
type idReader func(ctx context.Context, p policy.Predicate) ([]string, error)

// idReaders are the drivers and scopes of PostgreSQL, over the rows of one database.
func idReaders(t *testing.T, w *walled) map[string]idReader {
	t.Helper()
	bySQL := func(db *sql.DB) idReader {
		return func(ctx context.Context, p policy.Predicate) ([]string, error) {
			where, args, err := p.SQLAfter(1, policy.Postgres, "d")
			if err != nil {
				return nil, err
			}
			tx, err := db.BeginTx(ctx, nil)
			if err != nil {
				return nil, err
			}
			defer func() { _ = tx.Rollback() }()
			return firstColumn(ctx, tx, `SELECT "d"."id" FROM doc AS d WHERE $1::text <> '' AND `+where, append([]any{"x"}, args...)...)
		}
	}
	readers := map[string]idReader{"lib/pq": bySQL(open(t, "postgres", w.Super()))}
	for _, mode := range []string{"cache_statement", "cache_describe", "describe_exec", "exec", "simple_protocol"} {
		readers["pgx, "+mode] = bySQL(open(t, "pgx", w.Super()+"&default_query_exec_mode="+mode))
	}
	byPgx, scoped := scopedPools(t, w.Database, w.signer)
	readers["sqlscope"] = bySQL(scoped)
	readers["pgxscope"] = func(ctx context.Context, p policy.Predicate) ([]string, error) {
		where, args, err := p.SQLAfter(0, policy.Postgres, "d")
		if err != nil {
			return nil, err
		}
		rows, err := byPgx.Query(ctx, `SELECT "d"."id" FROM doc AS d WHERE `+where, args...)
		if err != nil {
			return nil, err
		}
		return pgx.CollectRows(rows, pgx.RowTo[string])
	}
	readers["a column of the value"] = func(ctx context.Context, p policy.Predicate) ([]string, error) {
		may, args, err := p.SQLValue(0, policy.Postgres, "d")
		if err != nil {
			return nil, err
		}
		rows, err := byPgx.Query(ctx, `SELECT x.id FROM (SELECT "d"."id", `+may+` AS may FROM doc AS d) AS x WHERE x.may`, args...)
		if err != nil {
			return nil, err
		}
		return pgx.CollectRows(rows, pgx.RowTo[string])
	}
	db, err := gorm.Open(postgres.New(postgres.Config{Conn: scoped}), &gorm.Config{Logger: logger.Discard})
	if err != nil {
		t.Fatal(err)
	}
	scope, err := gormscope.New(gormscope.Config{Scoped: []any{&docModel{}}})
	if err == nil {
		err = db.Use(scope)
	}
	if err != nil {
		t.Fatal(err)
	}
	readers["GORM"] = func(ctx context.Context, p policy.Predicate) (ids []string, err error) {
		err = db.WithContext(ctx).Model(&docModel{}).Where("id <> ?", "").Or("id = ?", "x").Scopes(gormscope.Where(p.In(policy.Postgres))).Pluck("id", &ids).Error
		return ids, err
	}
	readers["GORM, in a group"] = func(ctx context.Context, p policy.Predicate) (ids []string, err error) {
		in := db.WithContext(ctx)
		err = in.Model(&docModel{}).Where(in.Where("id <> ?", "").Or("id = ?", "x").Scopes(gormscope.Where(p.In(policy.Postgres)))).Pluck("id", &ids).Error
		return ids, err
	}
	return readers
}

// Each comparison is one to each driver, with each way that it sends arguments, and within each scope:
// none refuses a text or takes an argument for another one.
func TestEachDriverAndScopeTakesEachFilter(t *testing.T) {
	docs := rows(rand.New(rand.NewPCG(1, 2)), 48)
	w := newWalled(t, docs)
	readers := idReaders(t, w)
	files, err := sqlitescope.New(sqlitescope.Config{Dir: filepath.Join(t.TempDir(), "tenants"), Statuses: sqlscope.InsecureAnyStatus{}, Migrate: func(ctx context.Context, db *sql.DB) error {
		_, err := db.ExecContext(ctx, kinds[1].Replace(tables))
		return err
	}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = files.Close() })
	ctx := inTenant(t, acme)
	texts := append(slices.Clone(byHand), "r.obj.due < r.sub.since", "r.obj.made != r.sub.since", "r.obj.owner in r.sub.regions", "r.obj.score == r.sub.ratio")
	for seed := range uint64(20) {
		texts = append(texts, gen{rand.New(rand.NewPCG(seed, 23))}.leaf())
	}
	for _, text := range texts {
		e, err := load(t, "p, role:authenticated, *, doc, read, "+csvQuote(text)+", allow"+grants, attributes)
		if err != nil {
			continue // no database can be asked it
		}
		r := policy.Request{Tenant: acme, Subject: policy.Subject{ID: "alice", Attributes: policy.Values{
			"dept": "é", "level": int64(1), "ratio": 1.5, "staff": true, "regions": []string{"alice", `a"b\c`, "é"}, "since": time.Unix(1795384800, 123_000)}}, Action: "read", Object: policy.Object{Type: "doc"}, Env: policy.Values{"ip": "z", "hour": 2}}
		p, err := e.Filter(t.Context(), r)
		if err != nil {
			t.Fatalf("%s: %v", text, err)
		}
		want := []string{}
		for _, d := range docs {
			if p.Match(d.object()) {
				want = append(want, d.id)
			}
		}
		slices.Sort(want)
		for name, read := range readers {
			got, err := read(ctx, p)
			if slices.Sort(got); err != nil || !slices.Equal(got, want) && len(got)+len(want) > 0 {
				t.Errorf("%s: %s:\n got %q, %v\nwant %q", name, text, got, err, want)
			}
		}
		for _, may := range []func(policy.Dialect, string) (string, []any, error){p.SQL, func(d policy.Dialect, as string) (string, []any, error) { return p.SQLValue(0, d, as) }} {
			where, args, err := may(policy.SQLite, "d")
			if err != nil {
				t.Fatalf("%s: %v", text, err)
			}
			rows, err := files.DB().QueryContext(ctx, `SELECT "d"."id" FROM doc AS d WHERE `+where, args...)
			if err != nil {
				t.Errorf("a tenant's file: %s: %v\n%s", text, err, where)
				continue
			}
			_ = rows.Close()
		}
	}
}
