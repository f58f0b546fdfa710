package impact_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/reevehq/reeve/authz/policy"
	"github.com/reevehq/reeve/authz/policy/impact"
	"github.com/reevehq/reeve/internal/testneed"
)

// has reports whether a caller has a role, by the session or by a g row.
func has(rows []string, r policy.Request, role string) bool {
	if r.Subject.ID == "" {
		return false
	}
	names := []string{"user:" + r.Subject.ID}
	for _, n := range r.Subject.Roles.(policy.RoleNames) {
		names = append(names, "role:"+n)
	}
	for i := 0; i < len(names); i++ {
		for _, row := range rows {
			f := strings.Split(row, ", ")
			if f[0] == "g" && f[1] == names[i] && (f[3] == "*" || f[3] == r.Tenant.String()) {
				names = append(names, f[2])
			}
		}
	}
	return slices.Contains(names, role)
}

// A sentence holds exactly where no request breaks it, and where it does not its counterexample
// breaks it.
func TestSentencesHoldExactlyWhereNoRequestBreaksThem(t *testing.T) {
	t.Parallel()
	holds, broken := 0, 0
	for seed := range uint64(testneed.Scale(80, 30)) {
		g := newGen(seed + 5<<32)
		rows := g.rows()
		p := of(t, rows...)
		object, action := pick(g, "doc", "doc:1", "note", "/x/*", "/x"), ""
		if action = pick(g, "read", "write"); object[0] == '/' {
			action = pick(g, "GET", "POST")
		}
		role := "role:" + g.role()
		about := func(r policy.Request) bool {
			if string(r.Action) != action {
				return false
			}
			switch object {
			case "/x/*":
				return strings.HasPrefix(r.Object.Route, "/x/")
			case "/x":
				return r.Object.Route == "/x"
			case "doc:1":
				return r.Object.Type == "doc" && r.Object.ID == "1"
			}
			return r.Object.Type == object
		}
		for text, breaks := range map[string]func(r policy.Request, allowed bool) bool{
			fmt.Sprintf("nobody may %s %s", action, object):               func(_ policy.Request, ok bool) bool { return ok },
			fmt.Sprintf("nobody but %s may %s %s", role, action, object):  func(r policy.Request, ok bool) bool { return ok && !has(rows, r, role) },
			fmt.Sprintf("nobody outside acme may %s %s", action, object):  func(r policy.Request, ok bool) bool { return ok && r.Tenant.String() != "acme" },
			fmt.Sprintf("nobody with %s may %s %s", role, action, object): func(r policy.Request, ok bool) bool { return ok && has(rows, r, role) },
			fmt.Sprintf("nobody may %s %s in globex", action, object):     func(r policy.Request, ok bool) bool { return ok && r.Tenant.String() == "globex" },
			fmt.Sprintf("anonymous may not %s %s", action, object):        func(r policy.Request, ok bool) bool { return ok && r.Subject.ID == "" },
			fmt.Sprintf("anonymous may %s %s", action, object):            func(r policy.Request, ok bool) bool { return !ok && r.Subject.ID == "" },
			fmt.Sprintf("user:carol may not %s %s", action, object): func(r policy.Request, ok bool) bool {
				return ok && r.Subject.ID == "carol" && r.Subject.Roles.Len() == 0
			},
			fmt.Sprintf("everyone may %s %s", action, object):         func(_ policy.Request, ok bool) bool { return !ok },
			fmt.Sprintf("%s may not %s %s", role, action, object):     func(r policy.Request, ok bool) bool { return ok && only(r, role) },
			fmt.Sprintf("%s may %s %s in acme", role, action, object): func(r policy.Request, ok bool) bool { return !ok && only(r, role) && r.Tenant.String() == "acme" },
		} {
			list, err := impact.ParseAssertions("a.txt", text)
			if err != nil {
				t.Fatalf("%s: %v", text, err)
			}
			failures := p.Assert(list)
			if len(failures) > 0 {
				broken++
				for _, c := range failures[0].Cells {
					if c.May {
						continue
					}
					if r := c.Witness; !about(r) && object != "doc" && object != "/x/*" && object != "note" || !breaks(withRoles(r), allowed(p, r)) {
						t.Fatalf("seed %d: %s: %+v breaks it not\n%s", seed, text, r, strings.Join(rows, "\n"))
					}
				}
				continue
			}
			holds++
			for range 100 {
				r := g.request(g.session())
				if strings.HasPrefix(text, role) && r.Subject.ID != "carol" {
					continue // whom rows name has more than the role
				}
				if about(r) && breaks(withRoles(r), allowed(p, r)) {
					t.Fatalf("seed %d: %s holds, and %+v breaks it\n%s", seed, text, r, strings.Join(rows, "\n"))
				}
			}
		}
	}
	t.Logf("%d sentences hold, %d do not", holds, broken)
	if total := holds + broken; total < 50 || holds < total/5 || broken < total/5 {
		t.Error("the generator does not exercise both answers")
	}
}

func withRoles(r policy.Request) policy.Request {
	if r.Subject.Roles == nil {
		r.Subject.Roles = policy.RoleNames{}
	}
	return r
}

// only reports whether a session has one role.
func only(r policy.Request, role string) bool {
	roles := r.Subject.Roles.(policy.RoleNames)
	return r.Subject.ID != "" && len(roles) == 1 && "role:"+roles[0] == role
}

func FuzzParseAssertions(f *testing.F) {
	for _, s := range []string{"no role but admin may delete", "nobody outside acme may read invoice", "role:guest may not write invoice, doc in acme", "nobody with a and", "may may may", "\x00", "nobody may , ,"} {
		f.Add(s)
	}
	p := of(f, "p, role:a, *, doc, read, r.obj.public, allow", "p, role:a, *, /x/*, *, true, allow")
	f.Fuzz(func(t *testing.T, text string) {
		list, err := impact.ParseAssertions("a.txt", text)
		if err != nil && !strings.HasPrefix(err.Error(), "a.txt:") {
			t.Errorf("an error without its position: %v", err)
		}
		if err == nil && len(list) > 20 {
			return
		}
		p.Assert(list)
	})
}

// A sentence in other words says which are understood.
func TestASentenceInOtherWordsSaysWhatToWrite(t *testing.T) {
	for text, want := range map[string]string{
		"role:editor cannot delete doc":        `a:1:13: "cannot", where may is expected: write "may not", or "may"`,
		"role:editor must not delete doc":      `a:1:13: "must", where may is expected: write "may not", or "may"`,
		"anonymous can not read doc":           `a:1:11: "can", where may is expected: write "may not", or "may"`,
		"role:editor may never delete doc":     `a:1:17: "never": write "may not", or "may"`,
		"only admin may delete doc":            `a:1:1: "only": write "no role but admin may …"`,
		"anyone may not read doc":              `a:1:1: "anyone": write "nobody may …", or "everyone may …"`,
		"nobody without role:admin may delete": `a:1:8: "without", where may is expected: write "nobody but role:admin may …"`,
		"No role but admin may delete":         `a:1:1: "No": write no`,
		"Nobody may delete":                    `a:1:1: "Nobody": write nobody`,
		"viewers may not delete doc":           `a:1:1: "viewers": write "nobody may ACTION OBJECT"`,
		"[x] may not delete doc":               `a:1:1: "[x]": write "nobody may ACTION OBJECT"`,
	} {
		if _, err := impact.ParseAssertions("a", text); err == nil || !strings.HasPrefix(err.Error(), want) {
			t.Errorf("%s:\n\tgot  %v\n\twant %s", text, err, want)
		}
	}
}
