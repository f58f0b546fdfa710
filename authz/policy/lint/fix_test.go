package lint_test

import (
	"context"
	"maps"
	"strings"
	"testing"

	"github.com/reevehq/reeve/authz/policy"
	"github.com/reevehq/reeve/authz/policy/lint"
	"github.com/reevehq/reeve/tenant"
)

// mend applies fixes until none is left, and returns the files.
func mend(t *testing.T, files map[string]string, opts lint.Options) map[string]string {
	t.Helper()
	files = maps.Clone(files)
	for range 10 {
		changed, err := lint.Apply(files, look(t, files, opts))
		if err != nil {
			t.Fatal(err)
		}
		if len(changed) == 0 {
			return files
		}
		maps.Copy(files, changed)
	}
	t.Fatal("fixes do not end")
	return nil
}

// fixable are slips that a fix mends, and how the row reads then.
var fixable = []struct{ rule, row, want string }{
	{"RV102", "p, role:clerk,  acme, /a,  GET, true, Deny", "p, role:clerk,  acme, /a,  GET, true, deny"},
	{"RV103", "p, role:clerk,  acme, /a,  get, true, allow", "p, role:clerk,  acme, /a,  GET, true, allow"},
	{"RV006", "p, role:clerk ,  acme, /a,  GET, true, allow  ", "p, role:clerk,  acme, /a,  GET, true, allow"},
	{"RV005", "p, role:clerk,  acme, /a,  GET, true, deny  # for now", "# for now\np, role:clerk,  acme, /a,  GET, true, deny"},
	{"RV002", "p, role:clerk,  acme, /a,  GET, true, allow,,", "p, role:clerk,  acme, /a,  GET, true, allow"},
	{"RV002", "p, role:clerk,  acme, invoice,  read, r.obj.status in ('a', 'b'), allow", `p, role:clerk,  acme, invoice,  read, "r.obj.status in ('a', 'b')", allow`},
	{"RV003", "P, role:clerk,  acme, /a,  GET, true, allow", "p, role:clerk,  acme, /a,  GET, true, allow"},
	{"RV108", "p, role:admin,   *, invoice, delete, true, allow", ""},
	{"RV131", "p, role:clerk,  acme, invoice,  print, r.env.mfa || r.obj.owner == r.sub.id && r.obj.amount > 5, allow", "p, role:clerk,  acme, invoice,  print, r.env.mfa || (r.obj.owner == r.sub.id && r.obj.amount > 5), allow"},
}

func TestAFixMendsItsRowAndChangesNothingElse(t *testing.T) {
	for _, x := range fixable {
		for _, end := range []string{"\n", "\r\n"} {
			files := base(t)
			before := strings.ReplaceAll(files["policy.csv"], "\n", end)
			after := end + "   # kept" + end
			files["policy.csv"] = before + strings.ReplaceAll(x.row, "\n", end) + end + after
			if found := look(t, files, lint.Options{}); !has(found, x.rule) {
				t.Errorf("%s: not found:\n%s", x.row, text(found))
				continue
			}
			got := mend(t, files, lint.Options{})
			want := before + strings.ReplaceAll(x.want, "\n", end)
			if x.want != "" {
				want += end
			}
			if want += after; got["policy.csv"] != want {
				t.Errorf("%s:\n%q\nwant\n%q", x.row, got["policy.csv"][len(before):], want[len(before):])
			}
			if has(look(t, got, lint.Options{}), x.rule) {
				t.Errorf("%s: it is found again", x.row)
			}
			for name := range files {
				if name != "policy.csv" && got[name] != files[name] {
					t.Errorf("%s: %s changed", x.row, name)
				}
			}
		}
	}
	files := base(t)
	files["policy.csv"] = "\ufeff" + files["policy.csv"]
	if got := mend(t, files, lint.Options{}); "\ufeff"+got["policy.csv"] != files["policy.csv"] {
		t.Error("the mark is not all that is gone")
	}
}

// A policy that has loaded decides alike after its fixes: a fix of a mistake that loads only says
// how the row is read.
func TestFixesOfWhatLoadsChangeNoDecision(t *testing.T) {
	compared := 0
	for _, s := range slips {
		for _, row := range s.rows {
			files := base(t)
			edit(files, row)
			before, err := policy.Load(folder(files), policy.Options{})
			if err != nil {
				continue
			}
			fixed := mend(t, files, s.opts)
			if maps.Equal(fixed, files) {
				continue
			}
			after, err := policy.Load(folder(fixed), policy.Options{})
			if err != nil {
				t.Errorf("%s: %v", row, err)
				continue
			}
			for _, r := range requests() {
				a, errA := before.Decide(context.Background(), r)
				b, errB := after.Decide(context.Background(), r)
				if a.Effect != b.Effect || (errA == nil) != (errB == nil) {
					t.Errorf("%s: %v %v before, %v %v after", row, a.Effect, errA, b.Effect, errB)
				}
				compared++
			}
		}
	}
	if compared < 1000 {
		t.Errorf("%d decisions are compared", compared)
	}
}

func requests() []policy.Request {
	var all []policy.Request
	acme := tenant.MustParse("acme")
	for _, role := range []string{"viewer", "editor", "admin", "auditor"} {
		for _, action := range []string{"read", "update", "delete", "print"} {
			for _, owner := range []string{"bob", "eve"} {
				for _, status := range []string{"draft", "paid"} {
					for _, amount := range []int64{1, 6, 10} {
						for _, mfa := range []bool{true, false} {
							all = append(all, policy.Request{Tenant: acme, Subject: policy.Subject{ID: "bob", Roles: policy.RoleNames{role}}, Action: policy.Action(action),
								Object: policy.Object{Type: "invoice", ID: "1", Tenant: acme, Attributes: policy.Values{"owner": owner, "status": status, "amount": amount}},
								Env:    policy.Values{"mfa": mfa, "hour": int64(amount * 2)}})
						}
					}
				}
			}
		}
	}
	return all
}

func TestAFixWhoseLineHasChangedIsLeftOut(t *testing.T) {
	files := base(t)
	files["policy.csv"] += "p, role:clerk, acme, /a, GET, true, Deny\n"
	found := look(t, files, lint.Options{})
	files["policy.csv"] = "# a line before\n" + files["policy.csv"]
	changed, err := lint.Apply(files, found)
	if err != nil || len(changed) > 0 {
		t.Errorf("%v %v", changed, err)
	}
}
