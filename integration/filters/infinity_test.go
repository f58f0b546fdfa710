//go:build unix

package filters_test

import (
	"fmt"
	"slices"
	"testing"

	"github.com/jackc/pgx/v5/pgtype"

	"github.com/reevehq/reeve/authz"
	"github.com/reevehq/reeve/authz/policy"
	"github.com/reevehq/reeve/integration/pgserver"
	"github.com/reevehq/reeve/tenant"
)

// grantRow is a row whose time may be infinite.
type grantRow struct {
	ID   string             `authz:"id"`
	Org  tenant.ID          `authz:"tenant"`
	Rank int64              `authz:"rank,selected"`
	Ends pgtype.Timestamptz `authz:"ends"`
}

// A list in the order of times has each object on one page, also where times are infinite, which end no
// cursor at another time.
func TestPagesInTheOrderOfInfiniteTimesAreTheList(t *testing.T) {
	url := pgserver.New(t).Database(t).Owner()
	pg := database{"postgres", policy.Postgres, open(t, "pgx", url)}
	pg.exec(t, "CREATE TABLE access (id text PRIMARY KEY, tenant_id text NOT NULL, rank bigint NOT NULL, ends timestamptz NOT NULL)")
	ends := []string{"infinity", "-infinity", "2026-01-01 00:00:00Z", "10000-12-31 23:59:59.999999Z", "0001-06-01 00:00:00Z BC", "99999-01-01 00:00:00Z"}
	for i := range 24 {
		pg.exec(t, "INSERT INTO access VALUES ($1, 'acme', $2, $3::text::timestamptz)", fmt.Sprint(i), i%4, ends[i%6])
	}
	e, err := load(t, "p, role:authenticated, *, access, read, true, allow", "access, id, string, no, id\naccess, org, tenant, no, tenant_id\naccess, rank, int, no, rank\naccess, ends, time, no, ends\n")
	if err != nil {
		t.Fatal(err)
	}
	may, err := e.Filter(t.Context(), policy.Request{Tenant: acme, Subject: policy.Subject{ID: "alice"}, Action: "read", Object: policy.Object{Type: "access"}})
	if err != nil {
		t.Fatal(err)
	}
	object := authz.Must(policy.NewMapper[grantRow]("access")).Object
	for _, mode := range []string{"cache_statement", "exec", "simple_protocol"} {
		db := database{mode, policy.Postgres, open(t, "pgx", url+"&default_query_exec_mode="+mode)}
		for _, sorts := range [][]policy.Sort{
			{{Attribute: "ends"}}, {{Attribute: "ends", Descending: true}}, {{Attribute: "rank"}, {Attribute: "ends", Descending: true}}, {{Attribute: "ends", Descending: true}, {Attribute: "rank"}},
		} {
			var got []string
			list := policy.List{Sort: sorts, Size: 1}
			for range 30 {
				page, err := may.Page(list)
				if err != nil {
					t.Fatal(err)
				}
				kept, next, err := policy.Cut(page, db.grants(t, page), object)
				if err != nil {
					t.Fatal(err)
				}
				for _, x := range kept {
					got = append(got, x.ID)
				}
				if list.Cursor = next; next == "" {
					break
				}
			}
			whole, err := may.Page(policy.List{Sort: sorts})
			if err != nil {
				t.Fatal(err)
			}
			var want []string
			for _, x := range db.grants(t, whole) {
				want = append(want, x.ID)
			}
			if len(want) != 24 || !slices.Equal(got, want) {
				t.Errorf("%s: %v:\n got %q\nwant %q", mode, sorts, got, want)
			}
		}
	}
}

// grants reads the rows of a page.
func (d database) grants(t *testing.T, page policy.Page) (rows []grantRow) {
	t.Helper()
	text, args, err := page.Select(d.dialect, policy.Select{Table: "access", Columns: "access.id, access.tenant_id, access.rank, access.ends"})
	if err != nil {
		t.Fatal(err)
	}
	found, err := d.db.QueryContext(t.Context(), text, args...)
	if err != nil {
		t.Fatalf("%s: %v\n%s\n%v", d.name, err, text, args)
	}
	defer found.Close()
	for found.Next() {
		var x grantRow
		if err := found.Scan(&x.ID, &x.Org, &x.Rank, &x.Ends); err != nil {
			t.Fatal(err)
		}
		rows = append(rows, x)
	}
	if err := found.Err(); err != nil {
		t.Fatal(err)
	}
	return rows
}
