package policy_test

import (
	"database/sql"
	"database/sql/driver"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/reevehq/reeve/authz/policy"
	"github.com/reevehq/reeve/tenant"
)

// A field of a row is to an attribute what the attribute's kind says: a time to a time, and seconds
// to a whole number, as times were before there was such a kind. Sorted lists read it likewise.
func TestAFieldOfARowIsOfItsAttributesKind(t *testing.T) {
	type row struct {
		ID     int64                `authz:"id"`
		Org    tenant.ID            `authz:"tenant"`
		Due    *time.Time           `authz:"due"`
		Made   time.Time            `authz:"made"`
		Ends   sql.NullTime         `authz:"ends"`
		Until  sql.Null[time.Time]  `authz:"until"`
		Micros *int64               `authz:"micros,micros,selected"`
		Shut   sql.NullInt64        `authz:"shut,micros"`
		Code   [16]byte             `authz:"code,selected"`
		Codes  sql.Null[[16]byte]   `authz:"codes"`
		Parts  sql.Null[*time.Time] `authz:"parts"`
	}
	rows, err := policy.NewMapper[row]("doc")
	if err != nil {
		t.Fatal(err)
	}
	at := time.Date(2026, 11, 22, 22, 0, 0, 500_000_000, time.FixedZone("", 3600))
	micros := at.UnixMicro()
	full := row{ID: 7, Org: tenant.MustParse("acme"), Due: &at, Made: at, Ends: sql.NullTime{Time: at, Valid: true}, Until: sql.Null[time.Time]{V: at, Valid: true},
		Micros: &micros, Shut: sql.NullInt64{Int64: micros, Valid: true}, Code: [16]byte{1, 0xab}, Codes: sql.Null[[16]byte]{V: [16]byte{2}, Valid: true}, Parts: sql.Null[*time.Time]{V: &at, Valid: true}}
	const attributes = `
doc, id,     int,    no,  id
doc, org,    tenant, no,  tenant_id
doc, due,    time,   yes, due
doc, made,   time,   no,  made
doc, ends,   time,   yes, ends
doc, until,  int,    yes, until
doc, micros, time,   yes, micros
doc, shut,   time,   yes, shut
doc, code,   uuid,   yes, code
doc, codes,  string, yes, codes
doc, parts,  time,   yes, parts
`
	for condition, want := range map[string]bool{
		"r.obj.id == 7": true, "r.obj.id > 7": false,
		"r.obj.due > '2026-11-22T21:00:00Z'":                    true, // by half a second
		"r.obj.due < '2026-11-22T21:00:01Z'":                    true,
		"r.obj.made > '2026-11-22T21:00:00Z'":                   true,
		"r.obj.ends == r.obj.due":                               true,
		"r.obj.until == 1795381200":                             true, // cut off
		"r.obj.micros == r.obj.due":                             true,
		"r.obj.shut == r.obj.made":                              true,
		"r.obj.parts > '2026-11-22T21:00:00Z'":                  true,
		"r.obj.parts > '2026-11-22T21:00:01Z'":                  false,
		"has(r.obj, 'due')":                                     true,
		"!(has(r.obj, 'micros'))":                               false,
		"r.obj.codes == '02000000-0000-0000-0000-000000000000'": true,
		"r.obj.code == '01ab0000-0000-0000-0000-000000000000'":  true,
		"r.obj.code == '01ac0000-0000-0000-0000-000000000000'":  false,
	} {
		e, err := policy.Load(folder(map[string]string{"policy.csv": "p, role:authenticated, *, doc, read, " + csvQuote(condition) + ", allow", "attributes.csv": attributes}), policy.Options{})
		if err != nil {
			t.Fatalf("%s: %v", condition, err)
		}
		r := policy.Request{Tenant: full.Org, Subject: policy.Subject{ID: "alice"}, Action: "read", Object: rows.Object(&full)}
		if d, err := e.Decide(t.Context(), r); err != nil || d.Allowed() != want {
			t.Errorf("%s: %v, %v", condition, d.Allowed(), err)
		}
		r.Object = policy.Object{Type: "doc"}
		if got := filter(t, e, r).Match(rows.Object(&full)); got != want {
			t.Errorf("%s: the filter says %t", condition, got)
		}
		r.Object = rows.Object(&row{ID: 7, Org: full.Org})
		if d, err := e.Decide(t.Context(), r); err != nil || d.Allowed() && !strings.Contains(condition, "obj.id") && !strings.HasPrefix(condition, "!(has") {
			t.Errorf("%s of a row of which nothing was selected: %v, %v", condition, d.Allowed(), err)
		}
	}
	e, err := policy.Load(folder(map[string]string{"policy.csv": "p, role:authenticated, *, doc, read, true, allow", "attributes.csv": attributes}), policy.Options{})
	if err != nil {
		t.Fatal(err)
	}
	p := filter(t, e, policy.Request{Tenant: full.Org, Subject: policy.Subject{ID: "alice"}, Action: "read", Object: policy.Object{Type: "doc"}})
	page, err := p.Page(policy.List{Sort: []policy.Sort{{Attribute: "made"}}, Size: 1})
	if err != nil {
		t.Fatal(err)
	}
	_, next, err := policy.Cut(page, []row{full, full}, rows.Object)
	if err != nil || next == "" {
		t.Fatalf("a list in the order of a time has the cursor %q, %v", next, err)
	}
	if page, err = p.Page(policy.List{Sort: []policy.Sort{{Attribute: "made"}}, Size: 1, Cursor: next}); err != nil {
		t.Fatal(err)
	}
	if _, _, args, err := page.SQL(0, policy.Postgres, "d"); err != nil || len(args) != 3 || !args[1].(time.Time).Equal(at) {
		t.Errorf("the next page begins after %v, %v", args, err)
	}
}

// To an attribute to which NULL is a value, as it is in a filter, NULL of a row is one where the
// column is known to be selected, and a column that may not have been is missing.
func TestNULLOfARowIsAValueWhereItsColumnIsKnownToBeSelected(t *testing.T) {
	type row struct {
		ID       string         `authz:"id"`
		Org      string         `authz:"tenant"`
		Reviewer *string        `authz:"reviewer"`
		Locked   sql.NullBool   `authz:"locked,selected"`
		Note     sql.NullString `authz:"note,selected"`
		Tags     []string       `authz:"tags,selected"`
	}
	rows, err := policy.NewMapper[row]("doc")
	if err != nil {
		t.Fatal(err)
	}
	const attributes = `
doc, id,       string,  no,    id
doc, org,      tenant,  no,    tenant_id
doc, reviewer, string,  value, reviewer
doc, locked,   bool,    value, locked
doc, note,     string,  yes,   note
doc, tags,     strings, yes,   tags
`
	null := row{ID: "1", Org: "acme"}
	for condition, want := range map[string][2]bool{ // with columns, and without
		"r.obj.reviewer != 'bob'":   {true, false},
		"isNull(r.obj, 'reviewer')": {true, false},
		"r.obj.reviewer == 'bob'":   {false, false},
		"r.obj.locked != true":      {true, true},
		"isNull(r.obj, 'locked')":   {true, true},
		"r.obj.note != 'x'":         {false, false}, // NULL is missing
		"has(r.obj, 'note')":        {false, false},
		"!(has(r.obj, 'note'))":     {true, true},
		"!('a' in r.obj.tags)":      {false, false},
	} {
		e, err := policy.Load(folder(map[string]string{"policy.csv": "p, role:authenticated, *, doc, read, " + csvQuote(condition) + ", allow", "attributes.csv": attributes}), policy.Options{})
		if err != nil {
			t.Fatalf("%s: %v", condition, err)
		}
		for i, o := range []policy.Object{rows.Object(&null, "id", "tenant", "reviewer", "locked", "note", "tags"), rows.Object(&null)} {
			r := policy.Request{Tenant: tenant.MustParse("acme"), Subject: policy.Subject{ID: "alice"}, Action: "read", Object: o}
			if d, err := e.Decide(t.Context(), r); err != nil || d.Allowed() != want[i] {
				t.Errorf("%s, row %d: %v, %v", condition, i, d.Allowed(), err)
			}
		}
	}
	if x, there := rows.Object(&null).Attributes.Get("reviewer"); there {
		t.Errorf("what may not have been selected is %v", x)
	}
}

// moment is a time as pgx reads it: infinity is written as a text.
type moment struct {
	Time             time.Time
	InfinityModifier int8
	Valid            bool
}

func (m moment) Value() (driver.Value, error) {
	switch {
	case !m.Valid:
		return nil, nil
	case m.InfinityModifier != 0:
		return map[int8]string{1: "infinity", -1: "-infinity"}[m.InfinityModifier], nil
	}
	return m.Time, nil
}

// A time that never ends is beyond the times that conditions compare, as it is in a filter: it is
// there, and no comparison holds for it. To a whole number of seconds it is the last one.
func TestInfinityIsBeyondAllTimes(t *testing.T) {
	type row struct {
		ID    string    `authz:"id"`
		Org   tenant.ID `authz:"tenant"`
		Ends  moment    `authz:"ends"`
		Until moment    `authz:"until"`
	}
	rows, err := policy.NewMapper[row]("doc")
	if err != nil {
		t.Fatal(err)
	}
	const attributes = `
doc, id,    string, no,  id
doc, org,   tenant, no,  tenant_id
doc, ends,  time,   yes, ends
doc, until, int,    yes, until
`
	never, always := moment{InfinityModifier: 1, Valid: true}, moment{InfinityModifier: -1, Valid: true}
	for condition, want := range map[string][3]bool{ // of infinity, of -infinity, of NULL
		"r.obj.ends > '2026-01-01T00:00:00Z'":    {},
		"!(r.obj.ends > '2026-01-01T00:00:00Z')": {},
		"has(r.obj, 'ends')":                     {},
		"!(has(r.obj, 'ends'))":                  {false, false, true},
		"r.obj.until > 1700000000":               {true, false, false},
		"r.obj.until < 1700000000":               {false, true, false},
	} {
		e, err := policy.Load(folder(map[string]string{"policy.csv": "p, role:authenticated, *, doc, read, " + csvQuote(condition) + ", allow", "attributes.csv": attributes}), policy.Options{})
		if err != nil {
			t.Fatalf("%s: %v", condition, err)
		}
		for i, m := range []moment{never, always, {}} {
			o := rows.Object(&row{ID: "1", Org: tenant.MustParse("acme"), Ends: m, Until: m})
			d, err := e.Decide(t.Context(), policy.Request{Tenant: o.Tenant, Subject: policy.Subject{ID: "alice"}, Action: "read", Object: o})
			if err != nil || d.Allowed() != want[i] {
				t.Errorf("%s, row %d: %v, %v", condition, i, d.Allowed(), err)
			}
		}
	}
}

// projectOf is the row of a parent, and of objects of its own.
type projectOf struct {
	ID     int64      `authz:"id"`
	Org    tenant.ID  `authz:"tenant"`
	Owner  *string    `authz:"owner"`
	Due    *time.Time `authz:"due"`
	Within *projectOf `authz:"within"`
}

// The row of a parent is one: missing where it was not joined, is NULL, or is of another tenant, by
// which a filter does not select either.
func TestTheRowOfAParentIsAParent(t *testing.T) {
	type row struct {
		ID      string     `authz:"id"`
		Org     tenant.ID  `authz:"tenant"`
		Project projectOf  `authz:"project"`
		Pointed *projectOf `authz:"pointed"`
	}
	rows, err := policy.NewMapper[row]("doc")
	if err != nil {
		t.Fatal(err)
	}
	const attributes = `
doc, project, parent, yes, project_id, project, project, id
doc, pointed, parent, yes, pointed_id, project, project, id
project, id,    int,    no,  id
project, owner, string, yes, owner
project, due,   time,   yes, due
`
	acme, globex, owner, due := tenant.MustParse("acme"), tenant.MustParse("globex"), "alice", time.Date(2026, 1, 1, 0, 0, 0, 500_000_000, time.UTC)
	of := func(in tenant.ID) projectOf { return projectOf{ID: 7, Org: in, Owner: &owner, Due: &due} }
	own, foreign := of(acme), of(globex)
	for name, c := range map[string]struct {
		row   row
		there bool
	}{
		"own":                    {row{ID: "1", Org: acme, Project: own, Pointed: &own}, true},
		"another tenant's":       {row{ID: "1", Org: acme, Project: foreign, Pointed: &foreign}, false},
		"none":                   {row{ID: "1", Org: acme}, false},
		"NULL, as a join has it": {row{ID: "1", Org: acme, Project: projectOf{Owner: &owner}, Pointed: &projectOf{}}, false},
	} {
		o := rows.Object(&c.row)
		if o.Err() != nil {
			t.Fatalf("%s: %v", name, o.Err())
		}
		for condition, want := range map[string]bool{
			"r.obj.project.owner == r.sub.id": c.there, "r.obj.pointed.owner == 'alice'": c.there, "r.obj.project.owner != 'bob'": c.there, "has(r.obj, 'project')": c.there, "!(has(r.obj, 'pointed'))": !c.there,
			"r.obj.project.due > '2026-01-01T00:00:00Z'": c.there, "r.obj.project.id == 7": c.there, "r.obj.pointed.id != 7": false,
		} {
			e, err := policy.Load(folder(map[string]string{"policy.csv": "p, role:authenticated, *, doc, read, " + csvQuote(condition) + ", allow", "attributes.csv": attributes}), policy.Options{})
			if err != nil {
				t.Fatalf("%s: %v", condition, err)
			}
			d, err := e.Decide(t.Context(), policy.Request{Tenant: acme, Subject: policy.Subject{ID: "alice"}, Action: "read", Object: o})
			if err != nil || d.Allowed() != want {
				t.Errorf("%s: %s: %v, %v", name, condition, d.Allowed(), err)
			}
		}
	}
	if o := rows.Object(&row{ID: "1", Org: acme, Pointed: &projectOf{ID: 7}}); !errors.Is(o.Err(), policy.ErrMisused) {
		t.Errorf("a parent without a tenant: %v", o.Err())
	}
	type homeless struct {
		withID
		Project struct {
			Owner string `authz:"owner"`
		} `authz:"project"`
	}
	if _, err := policy.NewMapper[homeless]("doc"); err == nil || !strings.Contains(err.Error(), "field Project: the parent") {
		t.Errorf("a parent without an id: %v", err)
	}
	type plain struct {
		withID
		Project struct {
			withID
			Open bool `authz:"open"`
		} `authz:"project"`
	}
	if _, err := policy.NewMapper[plain]("doc"); err == nil || !strings.Contains(err.Error(), "field Open") {
		t.Errorf("a parent of which nobody knows what was selected: %v", err)
	}
}

type withID struct {
	ID  int64     `authz:"id"`
	Org tenant.ID `authz:"tenant"`
}

// Tagged exports the type that is embedded as a pointer.
type Tagged struct {
	Owner *string `authz:"owner"`
}

// Fields that nobody would read are no silence: an attribute that is never there denies for ever.
func TestTagsOfAnEmbeddedPointerAreAnError(t *testing.T) {
	type pointer struct {
		withID
		*Tagged
	}
	type none struct {
		withID
		*strings.Builder
	}
	type late struct {
		withID
		Due string `authz:"due,micros"`
	}
	for name, row := range map[string]struct {
		new  func() error
		want string
	}{
		"a pointer":        {func() error { _, err := policy.NewMapper[pointer]("doc"); return err }, "field Tagged: it is an embedded pointer"},
		"one without tags": {func() error { _, err := policy.NewMapper[none]("doc"); return err }, ""},
		"a text as a time": {func() error { _, err := policy.NewMapper[late]("doc"); return err }, "microseconds are an int64, and string is none"},
	} {
		if err := row.new(); (err == nil) != (row.want == "") || err != nil && !strings.Contains(err.Error(), row.want) {
			t.Errorf("%s: %v", name, err)
		}
	}
}
