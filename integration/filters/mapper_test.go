//go:build unix

package filters_test

import (
	"database/sql"
	"encoding/json"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgtype"

	"github.com/reevehq/reeve/authz"
	"github.com/reevehq/reeve/authz/policy"
	"github.com/reevehq/reeve/tenant"
)

// docRow is doc as pgx reads it, in several of its forms. NULL is a value to reviewer, parts, locked
// and made.
type docRow struct {
	ID       string             `authz:"id"`
	Org      tenant.ID          `authz:"tenant"`
	Owner    *string            `authz:"owner"`
	Status   pgtype.Text        `authz:"status"`
	Reviewer pgtype.Text        `authz:"reviewer,selected"`
	Size     sql.NullInt64      `authz:"size"`
	Parts    *int64             `authz:"parts,selected"`
	Score    pgtype.Float8      `authz:"score"`
	Public   pgtype.Bool        `authz:"public"`
	Locked   *bool              `authz:"locked,selected"`
	Tags     []*string          `authz:"tags"`
	Due      pgtype.Timestamptz `authz:"due"`
	Made     *time.Time         `authz:"made,selected"`
	Code     pgtype.UUID        `authz:"code"`
	Related
}

// Related has the values of other tables.
type Related struct {
	Members []string    `authz:"members" db:"-"`
	Leads   []string    `authz:"leads" db:"-"`
	Project *projectRow `authz:"project" db:"-"`
}

type projectRow struct {
	ID      string    `authz:"id"`
	Org     tenant.ID `authz:"tenant"`
	Owner   *string   `authz:"owner"`
	Status  *string   `authz:"status,selected"`
	Size    *int64    `authz:"size"`
	Members []string  `authz:"members"`
}

// fileRow is doc as database/sql reads it from SQLite.
type fileRow struct {
	ID       string            `authz:"id"`
	Org      tenant.ID         `authz:"tenant"`
	Owner    sql.NullString    `authz:"owner"`
	Status   *string           `authz:"status"`
	Reviewer *string           `authz:"reviewer,selected"`
	Size     *int64            `authz:"size"`
	Parts    sql.NullInt64     `authz:"parts,selected"`
	Score    sql.Null[float64] `authz:"score"`
	Public   *bool             `authz:"public"`
	Locked   sql.NullBool      `authz:"locked,selected"`
	Tags     textList          `authz:"tags"`
	Due      sql.NullInt64     `authz:"due,micros"`
	Made     *int64            `authz:"made,micros,selected"`
	Code     *string           `authz:"code"`
	Related
}

// textList is a list as SQLite keeps it.
type textList []*string

func (l *textList) Scan(src any) error {
	*l = nil
	if text, ok := src.(string); ok {
		return json.Unmarshal([]byte(text), l)
	}
	return nil
}

const docColumns = `d.id, d.tenant_id, d.owner, d.status, d.reviewer, d.size, d.parts, d.score, d.public, d.locked, d.tags, d.due, d.made, d.code`

// The decision about the object of a row, as a driver has read it, is the one that the row is
// selected by: numbers, times, lists and UUIDs of each driver are those of their attributes' kinds.
func TestTheObjectOfARowIsDecidedAsTheRowIsSelected(t *testing.T) {
	docs := rows(rand.New(rand.NewPCG(1, 2)), 48)
	dbs := databases(t, docs)
	dbs[0].exec(t, "UPDATE doc SET due = CASE id WHEN '13' THEN 'infinity' ELSE '-infinity' END::timestamptz WHERE id IN ('13', '14')")
	objects := [2][]policy.Object{objectsOfPostgres(t, dbs[0]), objectsOfSQLite(t, dbs[1])}
	var all []string
	for _, text := range byHand {
		all = append(all, text, "!("+text+")")
	}
	for seed := range uint64(120) {
		all = append(all, gen{rand.New(rand.NewPCG(seed, 17))}.leaf())
	}
	compared := 0
	for _, text := range all {
		e, err := load(t, "p, role:authenticated, *, doc, read, "+csvQuote(text)+", allow"+grants, attributes)
		if err != nil {
			continue // no database can be asked it
		}
		r := policy.Request{Tenant: acme, Subject: policy.Subject{ID: "alice", Attributes: policy.Values{
			"dept": "é", "level": int64(1), "ratio": 1.5, "staff": true, "regions": []string{"alice", "é"}, "since": time.Unix(1795384800, 0)}}, Action: "read", Object: policy.Object{Type: "doc"}, Env: policy.Values{"ip": "z", "hour": 2}}
		p, err := e.Filter(t.Context(), r)
		if err != nil {
			t.Fatalf("%s: %v", text, err)
		}
		for i, db := range dbs {
			want, err := db.ids(t, p)
			if err != nil {
				t.Fatal(err)
			}
			got := []string{}
			for _, o := range objects[i] {
				request := r
				request.Object = o
				d, err := e.Decide(t.Context(), request)
				if err != nil && o.Tenant == acme {
					t.Fatalf("%s: doc %s: %v", text, o.ID, err)
				}
				if d.Allowed() != p.Match(o) {
					t.Errorf("%s: doc %s: decided %t, and matched %t", text, o.ID, d.Allowed(), p.Match(o))
				}
				if d.Allowed() {
					got = append(got, o.ID)
				}
			}
			if slices.Sort(got); !slices.Equal(got, want) {
				t.Errorf("%s: %s:\ndecided  %q\nselected %q", db.name, text, got, want)
			}
			compared++
		}
	}
	if compared < 150 {
		t.Errorf("only %d conditions were compared", compared)
	}
}

// related reads what stands in other tables, by the id of each document: the parent by its key alone,
// whichever tenant it is of, as a join would that forgets the tenant.
func (d database) related(t *testing.T) map[string]Related {
	t.Helper()
	all := map[string]Related{}
	each := func(query string, row func(scan func(...any))) {
		found, err := d.db.QueryContext(t.Context(), query)
		if err != nil {
			t.Fatal(err)
		}
		defer found.Close()
		for found.Next() {
			row(func(to ...any) {
				if err := found.Scan(to...); err != nil {
					t.Fatal(err)
				}
			})
		}
		if err := found.Err(); err != nil {
			t.Fatal(err)
		}
	}
	projects := map[string]*projectRow{}
	each("SELECT id, tenant_id, owner, status, size FROM project", func(scan func(...any)) {
		p := &projectRow{Members: []string{}}
		scan(&p.ID, &p.Org, &p.Owner, &p.Status, &p.Size)
		projects[p.ID] = p
	})
	each("SELECT project_id, user_id FROM project_member m WHERE tenant_id = (SELECT tenant_id FROM project WHERE id = m.project_id)", func(scan func(...any)) {
		var id, member string
		scan(&id, &member)
		projects[id].Members = append(projects[id].Members, member)
	})
	each("SELECT id, coalesce(project_id, '') FROM doc", func(scan func(...any)) {
		var id, project string
		scan(&id, &project)
		all[id] = Related{Members: []string{}, Leads: []string{}, Project: projects[project]}
	})
	each("SELECT doc_id, user_id, role FROM doc_member m WHERE tenant_id = (SELECT tenant_id FROM doc WHERE id = m.doc_id)", func(scan func(...any)) {
		var id, member, role string
		scan(&id, &member, &role)
		r := all[id]
		if r.Members = append(r.Members, member); role == "lead" {
			r.Leads = append(r.Leads, member)
		}
		all[id] = r
	})
	return all
}

func objectsOfPostgres(t *testing.T, db database) (objects []policy.Object) {
	t.Helper()
	related := db.related(t)
	conn, err := db.db.Conn(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	mapper := authz.Must(policy.NewMapper[docRow]("doc"))
	err = conn.Raw(func(raw any) error {
		found, err := raw.(interface{ Conn() *pgx.Conn }).Conn().Query(t.Context(), "SELECT "+docColumns+" FROM doc AS d")
		if err != nil {
			return err
		}
		list, err := pgx.CollectRows(found, pgx.RowToStructByPos[docRow])
		for i := range list {
			list[i].Related = related[list[i].ID]
			objects = append(objects, mapper.Object(&list[i]))
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return whole(t, objects)
}

func objectsOfSQLite(t *testing.T, db database) (objects []policy.Object) {
	t.Helper()
	mapper, related := authz.Must(policy.NewMapper[fileRow]("doc")), db.related(t)
	found, err := db.db.QueryContext(t.Context(), "SELECT "+docColumns+" FROM doc AS d")
	if err != nil {
		t.Fatal(err)
	}
	defer found.Close()
	for found.Next() {
		var x fileRow
		if err := found.Scan(&x.ID, &x.Org, &x.Owner, &x.Status, &x.Reviewer, &x.Size, &x.Parts, &x.Score, &x.Public, &x.Locked, &x.Tags, &x.Due, &x.Made, &x.Code); err != nil {
			t.Fatal(err)
		}
		x.Related = related[x.ID]
		objects = append(objects, mapper.Object(&x))
	}
	if err := found.Err(); err != nil {
		t.Fatal(err)
	}
	return whole(t, objects)
}

// whole fails where a row made no object.
func whole(t *testing.T, objects []policy.Object) []policy.Object {
	t.Helper()
	if len(objects) != 48 {
		t.Fatalf("%d objects", len(objects))
	}
	for _, o := range objects {
		if o.Err() != nil {
			t.Fatal(o.Err())
		}
	}
	return objects
}
