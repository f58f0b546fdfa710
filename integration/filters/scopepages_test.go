//go:build unix

package filters_test

import (
	"cmp"
	"context"
	"database/sql"
	"fmt"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgtype"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/jackc/pgx/v5/stdlib"

	"github.com/reevehq/reeve/authz/policy"
	"github.com/reevehq/reeve/integration/internal/notes"
	"github.com/reevehq/reeve/integration/pgserver"
	"github.com/reevehq/reeve/session"
	"github.com/reevehq/reeve/tenant"
	"github.com/reevehq/reeve/tenant/pgxscope"
	"github.com/reevehq/reeve/tenant/rls"
	"github.com/reevehq/reeve/tenant/sqlscope"
	"github.com/reevehq/reeve/tenant/sqlscope/sqlitescope"
)

// scopedItems are rows of two tenants whose ids, of digits, are in one order in every collation.
func scopedItems() []item {
	alice, bob := "alice", "bob"
	var all []item
	for i := range 80 {
		x := item{id: fmt.Sprintf("%03d", i), tenant: "acme", title: fmt.Sprintf("t%d", i%4), size: int64(i*7%5) - 2, score: 1.5, made: time.Unix(int64(i*11%6), 0).UTC(), public: i%3 == 0, code: "6ba7b810-9dad-11d1-80b4-00c04fd430c8", owner: &alice}
		switch {
		case i%4 == 1:
			x.tenant = "globex"
		case i%5 == 0:
			x.owner = nil
		case i%7 == 0:
			x.owner = &bob
		}
		all = append(all, x)
	}
	return all
}

// pageReader reads a page of items, with the count of the list, in the scope of ctx.
type pageReader struct {
	name    string
	dialect policy.Dialect
	read    func(ctx context.Context, text string, args []any) ([]item, int, error)
}

// walledItems is a PostgreSQL with items behind the walls, and who signs for it.
func walledItems(t *testing.T, all []item) (*pgserver.Database, *rls.Signer) {
	t.Helper()
	pg := pgserver.New(t).Database(t)
	pg.Exec(pg.Owner(), "CREATE TABLE note (tenant_id text NOT NULL, id bigint NOT NULL, body text, PRIMARY KEY (tenant_id, id));"+itemTable(policy.Postgres))
	super := database{"super", policy.Postgres, open(t, "pgx", pg.Super())}
	for _, x := range all {
		super.add(t, x)
	}
	owner := open(t, "pgx", pg.Owner())
	script, err := rls.Generate(t.Context(), owner, rls.Config{Owner: pg.OwnerRole, App: pg.AppRole})
	if err != nil {
		t.Fatal(err)
	}
	pg.Exec(pg.Owner(), "BEGIN;\n"+script+"COMMIT;")
	signer, err := rls.NewSigner(rls.SignerConfig{Key: session.NewSecretKey([]byte("a key of tests that has 32 bytes")), KeyID: "k1", Database: pg.Name, Role: pg.AppRole, Lifetime: rls.MaxLifetime})
	if err != nil {
		t.Fatal(err)
	}
	if err := signer.InstallKey(t.Context(), owner); err != nil {
		t.Fatal(err)
	}
	return pg, signer
}

// scopedPools are a scope of pgx and one of database/sql on a database.
func scopedPools(t *testing.T, pg *pgserver.Database, signer *rls.Signer) (*pgxscope.DB, *sql.DB) {
	t.Helper()
	pool, err := pgxpool.New(t.Context(), pg.App())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(pool.Close)
	byPgx, err := pgxscope.New(pgxscope.Config{Pool: pool, Context: signer, Statuses: pgxscope.InsecureAnyStatus{}})
	if err != nil {
		t.Fatal(err)
	}
	parsed, err := pgx.ParseConfig(pg.App())
	if err != nil {
		t.Fatal(err)
	}
	bySQL, err := sqlscope.OpenDB(sqlscope.Config{Connector: stdlib.GetConnector(*parsed), Context: signer, Statuses: sqlscope.InsecureAnyStatus{}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = bySQL.Close() })
	return byPgx, bySQL
}

// pageReaders are the scopes, each over the same rows, in databases that keep tenants apart.
func pageReaders(t *testing.T, all []item) []pageReader {
	t.Helper()
	pg, signer := walledItems(t, all)
	byPgx, bySQL := scopedPools(t, pg, signer)
	files, err := sqlitescope.New(sqlitescope.Config{Dir: filepath.Join(t.TempDir(), "tenants"), Statuses: sqlscope.InsecureAnyStatus{}, Migrate: func(ctx context.Context, db *sql.DB) error {
		_, err := db.ExecContext(ctx, itemTable(policy.SQLite))
		return err
	}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = files.Close() })
	ofAcme := inTenant(t, acme)
	for _, x := range all { // the file of acme has rows of another tenant too, by a mistake
		public := 0
		if x.public {
			public = 1
		}
		if _, err := files.DB().ExecContext(ofAcme, "INSERT INTO item VALUES ("+placeholders(9)+")", x.id, x.tenant, x.title, x.size, x.score, x.made.UnixMicro(), public, x.code, x.owner); err != nil {
			t.Fatal(err)
		}
	}
	byDatabaseSQL := func(db *sql.DB, dialect policy.Dialect) func(context.Context, string, []any) ([]item, int, error) {
		return func(ctx context.Context, text string, args []any) ([]item, int, error) {
			rows, err := db.QueryContext(ctx, text, args...)
			if err != nil {
				return nil, 0, err
			}
			defer rows.Close()
			return scanItems(rows, dialect)
		}
	}
	return []pageReader{
		{"pgxscope", policy.Postgres, func(ctx context.Context, text string, args []any) ([]item, int, error) {
			return readItems(ctx, byPgx, text, args)
		}},
		{"sqlc", policy.Postgres, func(ctx context.Context, text string, args []any) (list []item, count int, err error) {
			err = byPgx.InTx(ctx, pgx.TxOptions{IsoLevel: pgx.RepeatableRead}, func(tx pgx.Tx) error {
				q := notes.New(byPgx).WithTx(tx) // the service's own queries, in one transaction with the list
				note, err := q.CreateNote(ctx, notes.CreateNoteParams{ID: 1, Body: pgtype.Text{String: "read", Valid: true}})
				if err != nil {
					return err
				}
				if list, count, err = readItems(ctx, tx, text, args); err != nil {
					return err
				}
				_, err = q.DeleteNote(ctx, note.ID)
				return err
			})
			return list, count, err
		}},
		{"sqlscope", policy.Postgres, byDatabaseSQL(bySQL, policy.Postgres)},
		{"sqlitescope", policy.SQLite, byDatabaseSQL(files.DB(), policy.SQLite)},
	}
}

// readItems reads as a list beside queries of sqlc does: by the DBTX that they run on.
func readItems(ctx context.Context, db notes.DBTX, text string, args []any) ([]item, int, error) {
	rows, err := db.Query(ctx, text, args...)
	if err != nil {
		return nil, 0, err
	}
	defer rows.Close()
	return scanItems(rows, policy.Postgres)
}

func scanItems(rows interface {
	Next() bool
	Scan(dest ...any) error
	Err() error
}, dialect policy.Dialect) (list []item, count int, err error) {
	for rows.Next() {
		var x item
		var micros int64
		to := []any{&x.id, &x.tenant, &x.title, &x.size, &x.score, &x.made, &x.public, &x.code, &x.owner, &count}
		if dialect == policy.SQLite {
			to[5] = &micros
		}
		if err := rows.Scan(to...); err != nil {
			return nil, 0, err
		}
		if dialect == policy.SQLite {
			x.made = time.UnixMicro(micros)
		}
		list = append(list, x)
	}
	return list, count, rows.Err()
}

func inTenant(t *testing.T, id tenant.ID) context.Context {
	t.Helper()
	ctx, err := tenant.BindUnchecked(t.Context(), id)
	if err != nil {
		t.Fatal(err)
	}
	return ctx
}

// A list through each scope is what the caller may see, page by page in its order, and its count is
// that of all pages. The expected rows are found and sorted here, by no database.
func TestEachScopeReadsThePagesOfAList(t *testing.T) {
	all := scopedItems()
	readers := pageReaders(t, all)
	ctx := inTenant(t, acme)
	by := map[string]func(a, b item) int{
		"size":  func(a, b item) int { return cmp.Compare(a.size, b.size) },
		"title": func(a, b item) int { return cmp.Compare(a.title, b.title) },
		"made":  func(a, b item) int { return a.made.Compare(b.made) },
	}
	for text, allowed := range map[string]func(item) bool{
		"r.obj.owner == r.sub.id":                 func(x item) bool { return x.owner != nil && *x.owner == "alice" },
		"r.obj.public && r.obj.size > -2":         func(x item) bool { return x.public && x.size > -2 },
		"r.obj.owner == r.sub.id && r.obj.public": func(x item) bool { return x.owner != nil && *x.owner == "alice" && x.public },
	} {
		may := mayRead(t, text)
		for _, sorts := range [][]policy.Sort{nil, {{Attribute: "size", Descending: true}}, {{Attribute: "title"}, {Attribute: "made", Descending: true}}} {
			var want []item
			for _, x := range all {
				if x.tenant == "acme" && allowed(x) && x.title != "t3" { // the service's own condition
					want = append(want, x)
				}
			}
			slices.SortFunc(want, func(a, b item) int {
				for _, s := range sorts {
					if c := by[s.Attribute](a, b); c != 0 && s.Descending {
						return -c
					} else if c != 0 {
						return c
					}
				}
				if len(sorts) > 0 && sorts[len(sorts)-1].Descending { // ids are in the order of the last one
					a, b = b, a
				}
				return cmp.Compare(a.id, b.id)
			})
			if len(want) < 8 || len(want) > len(all)/2 {
				t.Fatalf("%s: a list of %d tells nothing", text, len(want))
			}
			for _, r := range readers {
				list := policy.List{Sort: sorts, Size: 4}
				got := []string{}
				for {
					page, err := may.Page(list)
					if err != nil {
						t.Fatal(err)
					}
					query, args, err := page.Select(r.dialect, policy.Select{Table: "item", As: "i", Columns: itemColumns, Where: "i.title <> $1 OR i.title = $2", Args: []any{"t3", "none"}, Count: 1000})
					if err != nil {
						t.Fatal(err)
					}
					rows, count, err := r.read(ctx, query, args)
					if err != nil || count != len(want) {
						t.Fatalf("%s, %s %v: a count of %d for %d, %v", r.name, text, sorts, count, len(want), err)
					}
					kept, next, err := policy.Cut(page, rows, (*item).object)
					if err != nil {
						t.Fatal(err)
					}
					got = append(got, idsOf(kept)...)
					if next == "" {
						break
					}
					if list.Cursor = next; len(kept) != 4 || len(got) > len(all) {
						t.Fatalf("%s, %s %v: a page of %d", r.name, text, sorts, len(kept))
					}
				}
				if !slices.Equal(got, idsOf(want)) {
					t.Errorf("%s, %s %v:\n got %q\nwant %q", r.name, text, sorts, got, idsOf(want))
				}
			}
		}
	}
	// The page of one tenant, read in the scope of another, has no row: the walls stand below it.
	page, err := mayRead(t, "true").Page(policy.List{Size: policy.MaxPageSize})
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range readers {
		query, args, err := page.Select(r.dialect, policy.Select{Table: "item", As: "i", Columns: itemColumns, Count: 1000})
		if err != nil {
			t.Fatal(err)
		}
		if rows, count, err := r.read(inTenant(t, tenant.MustParse("globex")), query, args); err != nil || len(rows) > 0 || count > 0 {
			t.Errorf("%s: %d rows of another tenant, a count of %d, %v", r.name, len(rows), count, err)
		}
		if rows, count, err := r.read(t.Context(), query, args); err == nil || len(rows) > 0 || count > 0 {
			t.Errorf("%s: %d rows without a tenant, a count of %d", r.name, len(rows), count)
		}
	}
}
