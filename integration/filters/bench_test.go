//go:build unix

package filters_test

import (
	"database/sql"
	"fmt"
	"io/fs"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/casbin/casbin/v2"
	"github.com/casbin/casbin/v2/model"

	"github.com/reevehq/reeve/authz/policy"
	"github.com/reevehq/reeve/integration/pgserver"
	"github.com/reevehq/reeve/policies"
	"github.com/reevehq/reeve/tenant"
)

var tenant3 = tenant.MustParse("tenant-3")

// million are a million rows of which one in ten may be read, in ten tenants.
const million = `CREATE TABLE big (tenant_id text NOT NULL, id {int} NOT NULL, made {int} NOT NULL, public {bool} NOT NULL, owner text NOT NULL, PRIMARY KEY (tenant_id, id));
{fill};
CREATE INDEX big_made ON big (tenant_id, public, made, id);
ANALYZE`

const bigAttributes = `
big, id,     int,    no, id
big, org,    tenant, no, tenant_id
big, made,   int,    no, made
big, public, bool,   no, public
big, owner,  string, no, owner
`

// BenchmarkPage reads a page of 50 from a million rows, in turn by a predicate and by the same
// condition written by hand. Of the medians "x-query" is the ratio of the queries alone, and "x-all"
// with the filter, the page and its text. Beside it, BatchEnforce of Casbin is asked about rows that
// were read in order until 50 of them may be shown.
func BenchmarkPage(b *testing.B) {
	open := func(driver, url string) *sql.DB {
		db, err := sql.Open(driver, url)
		if err != nil {
			b.Fatal(err)
		}
		b.Cleanup(func() { _ = db.Close() })
		return db
	}
	pg := pgserver.New(b).Database(b)
	for _, d := range []struct {
		database
		fill string
		hand string
	}{
		{database{"sqlite", policy.SQLite, open("sqlite", filepath.Join(b.TempDir(), "big.db")+"?_pragma=synchronous(off)")},
			`INSERT INTO big WITH RECURSIVE n(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i < 999999) SELECT 'tenant-' || (i % 10), i, (i * 7919) % 1000003, (i / 10) % 10 = 0, 'user-' || (i % 1000) FROM n`,
			`SELECT b.id, b.made FROM big b WHERE b.tenant_id = ? AND b.public = 1 AND (b.made, b.id) > (?, ?) ORDER BY b.made, b.id LIMIT 51`},
		{database{"postgres", policy.Postgres, open("pgx", pg.Owner())},
			`INSERT INTO big SELECT 'tenant-' || (i % 10), i, (i * 7919) % 1000003, (i / 10) % 10 = 0, 'user-' || (i % 1000) FROM generate_series(0::bigint, 999999) i`,
			`SELECT b.id, b.made FROM big b WHERE b.tenant_id = $1 AND b.public AND (b.made, b.id) > ($2, $3) ORDER BY b.made, b.id LIMIT 51`},
	} {
		d.big(b, d.fill)
		e, err := load(b, "p, role:authenticated, *, big, read, r.obj.public, allow", bigAttributes)
		if err != nil {
			b.Fatal(err)
		}
		r := policy.Request{Tenant: tenant3, Subject: policy.Subject{ID: "alice"}, Action: "read", Object: policy.Object{Type: "big"}}
		list := policy.List{Sort: []policy.Sort{{Attribute: "made"}}}
		next := func(rows [][2]int64) string {
			may, _ := e.Filter(b.Context(), r)
			page, err := may.Page(list)
			if err != nil {
				b.Fatal(err)
			}
			_, cursor, err := policy.Cut(page, rows, func(row *[2]int64, _ ...string) policy.Object {
				return policy.Object{Type: "big", ID: fmt.Sprint(row[0]), Tenant: tenant3, Attributes: policy.Values{"made": row[1]}}
			})
			if err != nil {
				b.Fatal(err)
			}
			return cursor
		}
		b.Run(d.name, func(b *testing.B) {
			var byHand, byQuery, byPolicy []time.Duration
			after := [2]int64{-1, -1}
			for i := 0; b.Loop(); i++ {
				hand := func() [][2]int64 { return d.pairs(b, d.hand, "tenant-3", after[1], after[0]) }
				generated := func() (text string, args []any) {
					may, err := e.Filter(b.Context(), r)
					if err != nil {
						b.Fatal(err)
					}
					page, err := may.Page(list)
					if err != nil {
						b.Fatal(err)
					}
					text, args, err = page.Select(d.dialect, policy.Select{Table: "big", As: "b", Columns: "b.id, b.made"})
					if err != nil {
						b.Fatal(err)
					}
					return text, args
				}
				var x, y [][2]int64
				timed := func(into *[]time.Duration, do func() [][2]int64) (rows [][2]int64) {
					start := time.Now()
					rows = do()
					*into = append(*into, time.Since(start))
					return rows
				}
				policies := func() [][2]int64 {
					text, args := generated()
					start := time.Now()
					defer func() { byQuery = append(byQuery, time.Since(start)) }()
					return d.pairs(b, text, args...)
				}
				if i%2 == 0 {
					x, y = timed(&byHand, hand), timed(&byPolicy, policies)
				} else {
					y, x = timed(&byPolicy, policies), timed(&byHand, hand)
				}
				if !slices.Equal(x, y) || len(x) != 51 {
					b.Fatalf("%d rows by hand, %d by the policy", len(x), len(y))
				}
				if after = x[49]; i%150 == 149 {
					after, list.Cursor = [2]int64{-1, -1}, ""
				} else {
					list.Cursor = next(x)
				}
			}
			median := func(list []time.Duration) time.Duration {
				slices.Sort(list)
				return list[len(list)/2]
			}
			h, q, p := median(byHand), median(byQuery), median(byPolicy)
			b.ReportMetric(float64(q)/float64(h), "x-query")
			b.ReportMetric(float64(p)/float64(h), "x-all")
			b.ReportMetric(float64(h.Microseconds()), "µs-by-hand")
			b.ReportMetric(float64(p.Microseconds()), "µs-by-policy")
		})
		b.Run(d.name+", BatchEnforce", func(b *testing.B) {
			enforcer := stockEnforcer(b)
			for b.Loop() {
				shown := 0
				for after := [2]int64{-1, -1}; shown < 50; {
					rows := d.pairs(b, `SELECT b.id, b.made FROM big b WHERE b.tenant_id = $1 AND (b.made, b.id) > ($2, $3) ORDER BY b.made, b.id LIMIT 500`, "tenant-3", after[1], after[0])
					var asked [][]any
					for _, row := range rows {
						asked = append(asked, []any{map[string]any{"Name": "user:alice", "id": "alice"}, "tenant-3", map[string]any{"Name": fmt.Sprint("big:", row[0]), "Type": "big", "public": (row[0]/10)%10 == 0}, "read", map[string]any{}})
					}
					allowed, err := enforcer.BatchEnforce(asked)
					if err != nil {
						b.Fatal(err)
					}
					for _, is := range allowed {
						if is {
							shown++
						}
					}
					after = rows[len(rows)-1]
				}
			}
		})
	}
}

func (d database) big(b *testing.B, fill string) {
	b.Helper()
	types := strings.NewReplacer("{fill}", fill, "{int}", "bigint", "{bool}", "boolean")
	if d.dialect == policy.SQLite {
		types = strings.NewReplacer("{fill}", fill, "{int}", "INTEGER", "{bool}", "INTEGER")
	}
	for _, statement := range strings.Split(types.Replace(million), ";\n") {
		if _, err := d.db.ExecContext(b.Context(), statement); err != nil {
			b.Fatal(err)
		}
	}
}

// pairs returns rows of two numbers.
func (d database) pairs(b *testing.B, text string, args ...any) (out [][2]int64) {
	b.Helper()
	rows, err := d.db.QueryContext(b.Context(), text, args...)
	if err != nil {
		b.Fatalf("%v\n%s", err, text)
	}
	defer rows.Close()
	for rows.Next() {
		var row [2]int64
		if err := rows.Scan(&row[0], &row[1]); err != nil {
			b.Fatal(err)
		}
		out = append(out, row)
	}
	if err := rows.Err(); err != nil {
		b.Fatal(err)
	}
	return out
}

// stockEnforcer is Casbin with the standard model and the one rule.
func stockEnforcer(b *testing.B) *casbin.Enforcer {
	b.Helper()
	text, err := fs.ReadFile(policies.Files(), "model.conf")
	if err != nil {
		b.Fatal(err)
	}
	m, err := model.NewModelFromString(string(text))
	if err != nil {
		b.Fatal(err)
	}
	e, err := casbin.NewEnforcer(m)
	if err == nil {
		_, err = e.AddPolicy("role:authenticated", "*", "big", "read", "r.obj.public", "allow")
	}
	if err != nil {
		b.Fatal(err)
	}
	return e
}
