//go:build unix

package filters_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/reevehq/reeve/authz/policy"
	"github.com/reevehq/reeve/authz/policy/policyrls"
	"github.com/reevehq/reeve/tenant"
	"github.com/reevehq/reeve/tenant/rls"
)

// Accounts have UUIDs, regions numbers, which are the same in both tenants, and each table has a
// column of its own for the tenant but for that of holders, which is as in the table of accounts.
const idTables = `
CREATE TABLE region (no {int} NOT NULL, owner_org text NOT NULL, name text, PRIMARY KEY (owner_org, no));
CREATE TABLE account (id {uuid} NOT NULL, org text NOT NULL, region_no {int}, title text, PRIMARY KEY (org, id));
CREATE TABLE holder (org text NOT NULL, account_id {uuid} NOT NULL, who text NOT NULL, PRIMARY KEY (org, account_id, who));
`

const idAttributes = `
sub, best,  string, yes,
sub, place, int,    yes,

account, id,      uuid,    no,  id
account, org,     tenant,  no,  org
account, region,  parent,  yes, region_no, region, region, no
account, title,   string,  yes, title
account, holders, members, no,  id, holder, account_id, who

region, id,   int,    no,  no
region, org,  tenant, no,  owner_org
region, name, string, yes, name
`

type account struct {
	id, org string
	region  any
	title   any
	holders []string
}

const (
	id1 = "6ba7b810-9dad-11d1-80b4-00c04fd430c1"
	id2 = "6ba7b810-9dad-11d1-80b4-00c04fd430c2"
	id3 = "6ba7b810-9dad-11d1-80b4-00c04fd430c3"
	id4 = "6ba7b810-9dad-11d1-80b4-00c04fd430c4"
	id5 = "00000000-0000-0000-0000-000000000000"
)

var accounts = []account{
	{id1, "acme", int64(1), "one", []string{"alice"}},
	{id2, "acme", int64(2), "two", []string{"bob"}}, // a region of the other tenant alone
	{id3, "acme", nil, nil, nil},
	{id4, "globex", int64(2), "four", []string{"alice"}},
	{id5, "acme", int64(3), id1, []string{"alice", "bob"}},
	{id1, "globex", int64(1), "one", nil}, // of an id that acme has too
}

var regions = []struct {
	no        int64
	org, name string
}{{1, "acme", "north"}, {1, "globex", "south"}, {2, "globex", "north"}, {3, "acme", "south"}}

func (a account) object() policy.Object {
	values := policy.Values{"title": a.title, "holders": append([]string{}, a.holders...)}
	for _, r := range regions {
		if r.org == a.org && r.no == a.region {
			values["region"] = policy.Values{"id": r.no, "name": r.name}
		}
	}
	return policy.Object{Type: "account", ID: a.id, Tenant: tenant.MustParse(a.org), Attributes: values}
}

func fillAccounts(t *testing.T, db database) {
	t.Helper()
	for _, r := range regions {
		db.exec(t, "INSERT INTO region VALUES ($1, $2, $3)", r.no, r.org, r.name)
	}
	for _, a := range accounts {
		db.exec(t, "INSERT INTO account VALUES ($1, $2, $3, $4)", a.id, a.org, a.region, a.title)
		for _, member := range a.holders {
			db.exec(t, "INSERT INTO holder VALUES ($1, $2, $3)", a.org, a.id, member)
		}
	}
	db.exec(t, "INSERT INTO holder VALUES ('globex', $1, 'carol')", id3) // of the other tenant's row of that id
}

// Objects whose ids are UUIDs or numbers, with parents and members by them, in tables that name the
// tenant each in its own way, are selected as they are decided about: in PostgreSQL, SQLite and by
// row-level security.
func TestObjectsWithIDsOfOtherKindsAreSelectedAsDecided(t *testing.T) {
	w := newWalled(t, nil)
	w.Exec(w.Owner(), kinds[0].Replace(idTables))
	script, err := rls.Generate(t.Context(), w.owner, rls.Config{Owner: w.OwnerRole, App: w.AppRole,
		Tables: map[string]string{"public.region": "owner_org", "public.account": "org", "public.holder": "org"}})
	if err != nil {
		t.Fatal(err)
	}
	w.Exec(w.Owner(), "BEGIN;\n"+script+"COMMIT;")
	fillAccounts(t, database{"super", policy.Postgres, open(t, "pgx", w.Super())})
	dbs := databases(t, nil)
	for i, db := range dbs {
		for statement := range strings.SplitSeq(strings.TrimSpace(kinds[i].Replace(idTables)), ";\n") {
			db.exec(t, statement)
		}
		fillAccounts(t, db)
	}

	var ofAccounts []policy.Object
	for _, a := range accounts {
		ofAccounts = append(ofAccounts, a.object())
	}
	rule := func(subject, object, condition, effect string) string {
		return "p, " + subject + ", *, " + object + ", read, " + csvQuote(condition) + ", " + effect + "\n"
	}
	everyone := func(object, condition string) string {
		return rule("role:authenticated", object, condition, "allow")
	}
	alice := func(object, condition string) string { return rule("user:alice", object, condition, "allow") }
	deny := func(object, condition string) string {
		typ, _, _ := strings.Cut(object, ":")
		return rule("role:authenticated", object, condition, "deny") + everyone(typ, "true")
	}
	for rules, want := range map[string][]string{
		everyone("account", "true"):                                                                 {id1, id2, id3, id5},
		everyone("account:*", "true"):                                                               {id1, id2, id3, id5},
		alice("account:"+id1, "true"):                                                               {id1},
		alice("account:"+id4, "true"):                                                               {}, // another tenant's
		alice("account:6BA7B810-9DAD-11D1-80B4-00C04FD430C1", "true"):                               {}, // no id is spelt so
		alice("account:no-uuid", "true"):                                                            {},
		alice("account:"+id1, "r.obj.title == 'two'"):                                               {},
		alice("account:a/*", "true"):                                                                {},
		deny("account:"+id1, "true"):                                                                {id2, id3, id5},
		deny("account:"+id1, "r.obj.title == 'two'"):                                                {id1, id2, id3, id5},
		deny("account:no-uuid", "true"):                                                             {id1, id2, id3, id5},
		deny("account:a/*", "true"):                                                                 {id1, id2, id3, id5},
		deny("account", "r.obj.region.name == 'south'"):                                             {id1}, // without a region it is not known, so denied
		everyone("account", "r.obj.region.name == 'north'"):                                         {id1},
		everyone("account", "r.obj.region.name != 'south'"):                                         {id1},
		everyone("account", "r.obj.region.id == r.sub.place"):                                       {id5},
		everyone("account", "r.obj.region.id in (1, 2)"):                                            {id1},
		everyone("account", "has(r.obj, 'region')"):                                                 {id1, id5},
		everyone("account", "!(has(r.obj, 'region'))"):                                              {id2, id3},
		everyone("account", "r.sub.id in r.obj.holders"):                                            {id1, id5},
		everyone("account", "!(r.sub.id in r.obj.holders)"):                                         {id2, id3},
		everyone("account", "'carol' in r.obj.holders"):                                             {},
		everyone("account", "size(r.obj.holders) == 0"):                                             {id3},
		everyone("account", "size(r.obj.holders) > 1"):                                              {id5},
		everyone("account", "containsAll(r.obj.holders, ('alice', 'bob')) || r.obj.title == 'two'"): {id2, id5},
		everyone("account", "r.obj.id == '"+id5+"'"):                                                {id5},
		everyone("account", "r.obj.id != '"+id5+"'"):                                                {id1, id2, id3},
		everyone("account", "r.obj.id == r.sub.best"):                                               {id2},
		everyone("account", "r.obj.id == r.obj.title"):                                              {},
		everyone("account", "r.obj.id in ('"+id1+"', '"+id4+"')"):                                   {id1},
		everyone("account", "r.obj.title == 'two' || r.obj.region.name == 'north'"):                 {id1, id2},
	} {
		w.asDecided(t, dbs, "account", ofAccounts, rules, want)
	}

	var ofRegions []policy.Object
	for _, r := range regions {
		ofRegions = append(ofRegions, policy.Object{Type: "region", ID: fmt.Sprint(r.no), Tenant: tenant.MustParse(r.org), Attributes: policy.Values{"name": r.name}})
	}
	for rules, want := range map[string][]string{
		everyone("region", "true"):                    {"1", "3"},
		everyone("region:*", "r.obj.id > 1"):          {"3"},
		alice("region:3", "true"):                     {"3"},
		alice("region:2", "true"):                     {},
		alice("region:01", "true"):                    {},
		alice("region:3/*", "true"):                   {},
		everyone("region", "r.obj.id == r.sub.place"): {"3"},
		everyone("region", "r.obj.id != r.sub.place"): {"1"},
		everyone("region", "r.obj.id < 1.5"):          {"1"},
		everyone("region", "r.obj.id in (1, 2)"):      {"1"},
		deny("region:1", "true"):                      {"3"},
		deny("region:01", "true"):                     {"1", "3"},
	} {
		w.asDecided(t, dbs, "region", ofRegions, rules, want)
	}
}

// asDecided holds what is decided about objects against what each database selects for alice.
func (w *walled) asDecided(t *testing.T, dbs []database, typ string, objects []policy.Object, rules string, want []string) {
	t.Helper()
	e, err := load(t, rules, idAttributes)
	if err != nil {
		t.Errorf("%s: %v", rules, err)
		return
	}
	r := policy.Request{Tenant: acme, Subject: policy.Subject{ID: "alice", Attributes: policy.Values{"best": id2, "place": int64(3)}}, Action: "read", Object: policy.Object{Type: typ}}
	decided := []string{}
	for _, o := range objects {
		request := r
		if request.Object = o; o.Tenant != acme {
			continue
		}
		d, err := e.Decide(t.Context(), request)
		if err != nil {
			t.Fatalf("%s: %v", rules, err)
		}
		if d.Allowed() {
			decided = append(decided, o.ID)
		}
	}
	slices.Sort(decided)
	if slices.Sort(want); !slices.Equal(decided, want) {
		t.Errorf("%s\ndecided %q, want %q", rules, decided, want)
	}
	p, err := e.Filter(t.Context(), r)
	if err != nil {
		t.Fatalf("%s: %v", rules, err)
	}
	id := map[string]string{"account": "id", "region": "no"}[typ]
	for _, db := range dbs {
		where, args, err := p.SQL(db.dialect, "x")
		if err != nil {
			t.Fatalf("%s: %v", rules, err)
		}
		if got, err := db.column(t, `SELECT "x"."`+id+`" FROM `+typ+` AS x WHERE `+where, args...); err != nil || !slices.Equal(got, decided) {
			t.Errorf("%s, %s\nselected %q, %v, decided %q\n%s", db.name, rules, got, err, decided, where)
		}
	}
	w.config = policy.RLSConfig{Type: typ, Table: typ, App: w.AppRole, Select: "read"}
	if err := w.install(t, e); err != nil {
		t.Errorf("%s: %v", rules, err)
		return
	}
	name, value, err := w.setting(t, e, r)
	if err != nil {
		t.Errorf("%s: %v", rules, err)
		return
	}
	if got, err := w.with(t.Context(), name, value, "SELECT "+id+" FROM "+typ); err != nil || !slices.Equal(got, decided) {
		t.Errorf("row-level security, %s\nselected %q, %v, decided %q\n%s", rules, got, err, decided, w.installed)
	}
	if err := policyrls.Check(t.Context(), w.app, e, w.config); err != nil {
		t.Error(err)
	}
}
