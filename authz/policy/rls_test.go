package policy_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/reevehq/reeve/authz/policy"
	"github.com/reevehq/reeve/tenant"
)

const rlsAttributes = `sub, level, int, yes,
sub, team, string, yes,
doc, id, string, no, id
doc, org, tenant, no, tenant_id
doc, owner, string, yes, owner
doc, status, string, no, status
doc, size, int, yes, size
doc, project, parent, yes, project_id, project, project, id
project, owner, string, no, owner
`

var docRLS = policy.RLSConfig{Type: "doc", Table: "doc", App: "app", Select: "read"}

func rlsOf(t *testing.T, rows ...string) (*policy.Engine, policy.RLS, error) {
	t.Helper()
	e := mustLoad(t, folder(map[string]string{"attributes.csv": rlsAttributes, "policy.csv": strings.Join(rows, "\n")}))
	r, err := e.RLS(docRLS)
	return e, r, err
}

// The limit is of what is asked of the objects, and not of the rules that ask it.
func TestBranchesAreCountedByWhatTheyAsk(t *testing.T) {
	constants := func(n int) (rows []string) {
		for i := range n {
			rows = append(rows, fmt.Sprintf("p, role:r%d, *, doc, read, r.obj.status == 's%d', allow", i, i))
		}
		return rows
	}
	if _, _, err := rlsOf(t, constants(32)...); err != nil {
		t.Error(err)
	}
	if _, r, err := rlsOf(t, constants(33)...); !errors.Is(err, policy.ErrTooManyBranches) || r.SQL() != "" || r.Revision() != "" {
		t.Errorf("33: %v, %q", err, r.SQL())
	}
	var rows []string
	for i := range 500 {
		rows = append(rows, fmt.Sprintf("p, role:r%d, *, doc, read, r.obj.owner == r.sub.id && r.sub.level > %d, allow", i, i), fmt.Sprintf("p, role:r%d, *, doc:%d, read, true, allow", i, i))
	}
	_, many, err := rlsOf(t, rows...)
	if err != nil {
		t.Fatal(err)
	}
	_, one, err := rlsOf(t, "p, role:x, acme, doc:9, *, true, allow", "p, user:alice, *, doc, read, (r.sub.id == r.obj.owner), allow")
	if err != nil {
		t.Fatal(err)
	}
	if many.Revision() != one.Revision() || many.SQL() != one.SQL() {
		t.Errorf("a thousand rules are\n%s\nand two\n%s", many.SQL(), one.SQL())
	}
	if _, other, err := rlsOf(t, "p, role:x, *, doc, read, r.obj.owner == r.sub.id, allow"); err != nil || other.Revision() == one.Revision() {
		t.Errorf("another text has the same revision: %v", err)
	}
}

// The rows of one tenant's own file change nothing for the callers of others: neither the text, which
// is of all tenants, nor how many things may be asked.
func TestTheRowsOfATenantChangeNoRowLevelSecurityOfOthers(t *testing.T) {
	e := mustLoad(t, folder(map[string]string{"attributes.csv": rlsAttributes, "ceiling.csv": "p, role:anyone, *, doc, *\n",
		"policy.csv": "p, role:none, *, doc, read, r.obj.owner == r.sub.id, allow\np, role:none, *, doc, read, r.obj.status == 'sealed', deny\np, role:a, *, doc, read, r.obj.size == 7, allow\np, role:none, *, doc:1, read, true, allow"}))
	before, err := e.RLS(docRLS)
	if err != nil {
		t.Fatal(err)
	}
	globex := tenant.MustParse("globex")
	of := func(in tenant.ID) policy.Request {
		q := asks("alice", "", policy.Object{}, "a")
		q.Tenant = in
		return q
	}
	theirs, _, err := e.RLSContext(t.Context(), of(globex), docRLS)
	if err != nil {
		t.Fatal(err)
	}
	var many strings.Builder
	for i := range 40 {
		fmt.Fprintf(&many, "p, role:a, acme, doc, read, r.obj.status == 's%d', allow\n", i)
	}
	for name, c := range map[string]struct {
		rows string
		err  error
		has  string // in the context of acme's caller, beside what it has without them
	}{
		"no row":                           {"", nil, ""},
		"what policy.csv asks":             {"p, role:a, acme, doc, read, r.obj.owner == r.sub.id, allow", nil, `"alice"`},
		"single objects":                   {"p, role:a, acme, doc:12, read, true, allow", nil, `{\"12\"}`},
		"a denial that it has":             {"p, role:a, acme, doc, read, r.obj.status == 'sealed', deny", nil, "false"},
		"something else":                   {"p, role:a, acme, doc, read, r.obj.status == 'open', allow", policy.ErrPredicate, ""},
		"a denial of something else":       {"p, role:a, acme, doc, read, r.obj.status == 'open', deny", policy.ErrPredicate, ""},
		"something else of all":            {"p, role:a, acme, doc, read, true, allow", policy.ErrPredicate, ""},
		"forty things":                     {many.String(), policy.ErrPredicate, ""},
		"something else of others":         {"p, role:b, acme, doc, read, r.obj.status == 'open', allow", nil, ""},
		"something else to another action": {"p, role:a, acme, doc, write, r.obj.status == 'open', allow", nil, ""},
	} {
		if c.rows == "" {
			e.ClearTenant(acme)
		} else if err := e.SetTenant(acme, c.rows); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		after, err := e.RLS(docRLS)
		if err != nil || after.Revision() != before.Revision() || after.SQL() != before.SQL() {
			t.Errorf("%s: the revision is %s, %v, before it was %s", name, after.Revision(), err, before.Revision())
		}
		if got, _, err := e.RLSContext(t.Context(), of(globex), docRLS); err != nil || got != theirs {
			t.Errorf("%s: the context of another tenant's caller is %s, %v", name, got, err)
		}
		got, _, err := e.RLSContext(t.Context(), of(acme), docRLS)
		if !errors.Is(err, c.err) || c.err != nil && (got != "" || !strings.Contains(err.Error(), "asks what no rule of policy.csv asks about read of doc")) {
			t.Errorf("%s: %s, %v", name, got, err)
		}
		if c.err == nil && (!strings.Contains(got, c.has) || (got == theirs) != (c.has == "")) {
			t.Errorf("%s: the context is %s", name, got)
		}
	}
}

// A row that never allows and never denies is no branch, and a text of the policy stands in quotes.
func TestRowLevelSecurityHoldsNoMoreThanItNeeds(t *testing.T) {
	_, r, err := rlsOf(t, `p, role:x, *, doc, read, r.obj.status == 'it\'s' || r.obj.status == '\\\'; DROP TABLE doc; --', allow`,
		"p, role:x, *, doc:a/*, write, true, allow", "p, role:x, *, other, read, true, allow", "p, role:x, *, /docs, GET, true, allow")
	if err != nil {
		t.Fatal(err)
	}
	text := r.SQL()
	for _, want := range []string{
		`USING (((SELECT reeve.argument('doc', '` + r.Revision() + `', 1)::boolean) AND ("doc"."status" = 'it''s'::text OR "doc"."status" = E'\\''; DROP TABLE doc; --'::text)))`,
		`CREATE POLICY reeve_select ON "public"."doc" AS RESTRICTIVE FOR SELECT TO "app" USING (`,
		`CREATE POLICY reeve_insert ON "public"."doc" AS RESTRICTIVE FOR INSERT TO "app" WITH CHECK (FALSE);`,
		`CREATE POLICY reeve_update ON "public"."doc" AS RESTRICTIVE FOR UPDATE TO "app" USING (FALSE) WITH CHECK (FALSE);`,
		`CREATE POLICY reeve_delete ON "public"."doc" AS RESTRICTIVE FOR DELETE TO "app" USING (FALSE);`,
	} {
		if !strings.Contains(text, want) {
			t.Errorf("no %s\n%s", want, text)
		}
	}
	if n := strings.Count(text, "reeve.argument("); n != 1 {
		t.Errorf("%d arguments\n%s", n, text)
	}
	if _, r, err := rlsOf(t, "p, role:x, *, doc, read, r.obj.project.owner == r.sub.id, allow"); err != nil || strings.Join(r.Reads(), ",") != "project" || r.Table() != "public.doc" || r.Type() != "doc" {
		t.Errorf("%q, %v", r.Reads(), err)
	}
}

func TestAConfigOfRowLevelSecuritySaysAllThatIsWrong(t *testing.T) {
	e, _, err := rlsOf(t, "p, role:x, *, doc, read, true, allow")
	if err != nil {
		t.Fatal(err)
	}
	_, err = e.RLS(policy.RLSConfig{Table: `a"b.c`, App: strings.Repeat("x", 64), Update: "POST"})
	for _, want := range []string{"policy: invalid config: Type: required", "\nTable: letters", "\nApp: no name of a role", "\nSelect: required", "\nUPDATE: "} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("no %q in %v", want, err)
		}
	}
	if _, err := e.RLS(policy.RLSConfig{Type: "project", Table: "project", App: "app", Select: "read"}); !errors.Is(err, policy.ErrNotListed) {
		t.Errorf("a type that is not listed: %v", err)
	}
	var none *policy.Engine
	if _, err := none.RLS(docRLS); !errors.Is(err, policy.ErrNotLoaded) {
		t.Error(err)
	}
	if _, _, err := none.RLSContext(t.Context(), asks("alice", "read", doc("")), docRLS); !errors.Is(err, policy.ErrNotLoaded) {
		t.Error(err)
	}
}

// A context says what the policies ask, and nothing else of the caller.
func TestAContextSaysWhatThePoliciesAsk(t *testing.T) {
	e, r, err := rlsOf(t,
		"p, role:a, *, doc, read, r.obj.owner == r.sub.id && r.sub.level > 3, allow",
		"p, role:b, *, doc, read, r.obj.owner == r.sub.team, allow",
		"p, role:b, *, doc:7, read, true, allow", "p, role:b, *, doc:8, read, r.sub.level > 3, allow",
		"p, role:a, *, doc, read, r.obj.status == 'sealed' && r.sub.level < 9, deny",
	)
	if err != nil {
		t.Fatal(err)
	}
	head := `{"doc":["` + r.Revision() + `"`
	// The slots are, in the order of the text: whether nothing is denied, the owner of role a, that of role b, and the ids.
	for name, c := range map[string]struct {
		roles      []string
		attributes policy.Values
		want       string
	}{
		"nobody":               {nil, nil, `,true,null,null,"{}"]}`},
		"a, too low":           {[]string{"a"}, policy.Values{"level": 3}, `,false,null,null,"{}"]}`},
		"a":                    {[]string{"a"}, policy.Values{"level": 4}, `,false,"alice",null,"{}"]}`},
		"a, high":              {[]string{"a"}, policy.Values{"level": 9}, `,true,"alice",null,"{}"]}`},
		"a, of no level":       {[]string{"a"}, nil, `,false,null,null,"{}"]}`},
		"b, of no level":       {[]string{"b"}, policy.Values{"team": `"é<\`}, `,true,null,"\"é<\\","{\"7\"}"]}`},
		"both":                 {[]string{"a", "b"}, policy.Values{"team": "t", "level": 10}, `,true,"alice","t","{\"7\",\"8\"}"]}`},
		"a level out of range": {[]string{"a"}, policy.Values{"level": int64(1) << 60}, `,false,null,null,"{}"]}`},
	} {
		q := asks("alice", "", policy.Object{}, c.roles...)
		q.Subject.Attributes = c.attributes
		got, _, err := e.RLSContext(t.Context(), q, docRLS)
		if err != nil || got != head+c.want {
			t.Errorf("%s: %s, %v\nwant %s", name, got, err, head+c.want)
		}
	}
	q := asks("alice", "", policy.Object{}, "a", "b")
	q.Subject.Attributes = policy.Values{"level": "high"}
	if got, _, err := e.RLSContext(t.Context(), q, docRLS); !errors.Is(err, policy.ErrRequest) || got != "" {
		t.Errorf("an attribute of another type: %q, %v", got, err)
	}
	q.Subject.Attributes = policy.Values{"team": "a\x00b"}
	if got, _, err := e.RLSContext(t.Context(), q, docRLS); !errors.Is(err, policy.ErrPredicate) || got != "" {
		t.Errorf("a text that the database cannot hold: %q, %v", got, err)
	}
	q.Subject.Attributes = policy.Values{"team": "a\xff"}
	if got, _, err := e.RLSContext(t.Context(), q, docRLS); !errors.Is(err, policy.ErrPredicate) || got != "" {
		t.Errorf("a text that is no UTF-8: %q, %v", got, err)
	}
	if got, _, err := e.RLSContext(t.Context(), policy.Request{}, docRLS); !errors.Is(err, policy.ErrRequest) || got != "" {
		t.Errorf("no tenant: %q, %v", got, err)
	}
}
