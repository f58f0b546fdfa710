package policy_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/reevehq/reeve/authz/policy"
	"github.com/reevehq/reeve/session"
	"github.com/reevehq/reeve/tenant"
)

type status string

// kindRules are for each attribute of doc an allow, a deny, and an allow without conditions.
func kindRules() string {
	return strings.Join([]string{
		"p, role:anyone, *, doc, read, r.obj.owner == 'a' || r.obj.owner != 'a', allow",
		"p, role:anyone, *, doc, size, r.obj.size > 0 || r.obj.size <= 0, allow",
		"p, role:anyone, *, doc, score, r.obj.score > 0 || r.obj.score <= 0, allow",
		"p, role:anyone, *, doc, public, r.obj.public || !r.obj.public, allow",
		"p, role:anyone, *, doc, tags, 'a' in r.obj.tags || !('a' in r.obj.tags), allow",
		"p, role:anyone, *, doc, write, true, allow",
		"p, role:anyone, *, doc, write, r.obj.owner == 'locked', deny",
		"p, role:anyone, *, doc, list, true, allow",
	}, "\n")
}

func TestAnAttributeOfTheWrongGoTypeIsAnErrorThatSaysSo(t *testing.T) {
	e := mustLoad(t, with(kindRules()))
	text := "a"
	var nilText *string
	for _, c := range []struct {
		attribute, action string
		value             any
		want              string // "" for a value that can be compared
	}{
		{"owner", "read", "a", ""},
		{"owner", "read", int64(5), "attribute owner of doc is declared string, the service gave int64: convert it to string"},
		{"owner", "read", 5, "attribute owner of doc is declared string, the service gave int: convert it to string"},
		{"owner", "read", status("a"), "declared string, the service gave policy_test.status: convert it to string"},
		{"owner", "read", []byte("a"), "declared string, the service gave []uint8: convert it to string"},
		{"owner", "read", &text, "declared string, the service gave *string: give what it points to"},
		{"owner", "read", nilText, "declared string, the service gave *string: give what it points to, and leave the attribute out when it is nil"},
		{"owner", "read", session.MustParseUserID("a"), "declared string, the service gave session.UserID: give its String()"},
		{"owner", "read", tenant.MustParse("a"), "declared string, the service gave tenant.ID: give its String()"},
		{"owner", "read", json.Number("5"), "declared string, the service gave json.Number: convert it to string"},
		{"owner", "read", []string{"a"}, "declared string, the service gave []string"},
		{"owner", "read", struct{}{}, "declared string, the service gave struct {}"},
		{"size", "size", 5, ""}, {"size", "size", uint8(5), ""},
		{"size", "size", "5", "attribute size of doc is declared int, the service gave string: convert it to int64"},
		{"size", "size", 5.0, "declared int, the service gave float64: convert it to int64, or declare float"},
		{"size", "size", math.NaN(), "declared int, the service gave float64"},
		{"size", "size", json.Number("5"), "declared int, the service gave json.Number: use its Int64 or Float64"},
		{"size", "size", time.Unix(5, 0), "declared int, the service gave time.Time: convert it to int64; a time is its Unix()"},
		{"size", "size", time.Second, "declared int, the service gave time.Duration"},
		{"size", "size", true, "declared int, the service gave bool"},
		{"size", "size", uintptr(5), "declared int, the service gave uintptr"},
		{"score", "score", 1.5, ""}, {"score", "score", float32(1.5), ""}, {"score", "score", 5, ""},
		{"score", "score", "1.5", "attribute score of doc is declared float, the service gave string: convert it to float64"},
		{"score", "score", complex(1, 0), "declared float, the service gave complex128"},
		{"public", "public", false, ""},
		{"public", "public", 1, "attribute public of doc is declared bool, the service gave int: convert it to bool"},
		{"public", "public", "true", "declared bool, the service gave string"},
		{"public", "public", new(bool), "declared bool, the service gave *bool: give what it points to"},
		{"tags", "tags", []string{"a"}, ""}, {"tags", "tags", []string(nil), ""},
		{"tags", "tags", "a", "attribute tags of doc is declared strings, the service gave string: convert it to []string"},
		{"tags", "tags", []any{"a"}, "declared strings, the service gave []interface {}"},
		{"tags", "tags", []status{"a"}, "declared strings, the service gave []policy_test.status"},
		{"tags", "tags", [1]string{"a"}, "declared strings, the service gave [1]string"},
		{"tags", "tags", policy.RoleNames{"a"}, "declared strings, the service gave policy.RoleNames"},
	} {
		t.Run(fmt.Sprintf("%s is %T", c.attribute, c.value), func(t *testing.T) {
			o := doc("1")
			o.Attributes = policy.Values{c.attribute: c.value}
			r := asks("", policy.Action(c.action), o)
			d, err := e.Decide(t.Context(), r)
			if c.want == "" {
				if err != nil || !d.Allowed() {
					t.Errorf("%v %v", d, err)
				}
				return
			}
			if !errors.Is(err, policy.ErrMisused) || !errors.Is(err, policy.ErrRequest) || !strings.Contains(err.Error(), c.want) || d.Allowed() || d.Revision == "" {
				t.Errorf("got  %v, %v\nwant %s", d, err, c.want)
			}
			if _, whyNot := e.Explain(t.Context(), r); whyNot == nil || whyNot.Error() != err.Error() {
				t.Errorf("Explain says %v", whyNot)
			}
			if strings.Contains(err.Error(), "hunter2") {
				t.Error("the error tells a value")
			}
		})
	}
}

// A value out of range is what a request may bring, and no mistake in the code: it is not
// there, and the explanation says why.
func TestAValueOutOfRangeIsUnknownAndExplained(t *testing.T) {
	e := mustLoad(t, with(kindRules()))
	for _, c := range []struct {
		attribute, action string
		value             any
		want              string
	}{
		{"size", "size", uint64(math.MaxUint64), "r.obj.size > 0 is unknown: r.obj.size is no whole number within ±2⁵³"},
		{"size", "size", int64(math.MinInt64), "r.obj.size is no whole number within ±2⁵³"},
		{"score", "score", math.NaN(), "r.obj.score is no number within ±2⁵³, or not finite"},
		{"score", "score", float32(math.Inf(1)), "r.obj.score is no number within ±2⁵³, or not finite"},
		{"owner", "read", nil, "r.obj.owner == 'a' is unknown without r.obj.owner"},
	} {
		o := doc("1")
		o.Attributes = policy.Values{c.attribute: c.value}
		x := explain(t, e, asks("", policy.Action(c.action), o))
		if x.Decision.Allowed() || !strings.Contains(x.String(), c.want) {
			t.Errorf("%v: want %s\n%s", c.value, c.want, x)
		}
	}
}

// A deny rule that a wrong type makes void would be a hole; and an allow of another rule must
// not hide that something is wrong.
func TestAWrongTypeInADenyRuleIsNeverAnAllow(t *testing.T) {
	e := mustLoad(t, with(kindRules()))
	o := doc("1")
	o.Attributes = policy.Values{"owner": status("locked")}
	if d, err := e.Decide(t.Context(), asks("", "write", o)); !errors.Is(err, policy.ErrMisused) || d.Allowed() {
		t.Errorf("%v %v", d, err)
	}
	// No condition asks for it, so nobody is misled.
	if !allows(t, e, asks("", "list", o)) {
		t.Error("an attribute that no condition asks for is an error")
	}
	for seed := range uint64(300) {
		g := newGen(seed)
		e := mustLoad(t, with(g.rows()...))
		for range 20 {
			r := g.request()
			right, err := e.Decide(t.Context(), r)
			if err != nil {
				t.Fatal(err)
			}
			for _, a := range []policy.AttributeSource{r.Subject.Attributes, r.Object.Attributes, r.Env} {
				values, _ := a.(policy.Values)
				for name := range values {
					if g.IntN(3) == 0 {
						values[name] = struct{}{}
					}
				}
			}
			wrong, err := e.Decide(t.Context(), r)
			if wrong.Allowed() && (err != nil || !right.Allowed()) {
				t.Fatalf("seed %d: %+v: with wrong types %v %v, with right ones %v", seed, r, wrong, err, right)
			}
		}
	}
}

// An attribute that a session holds may be old, or a provider's: the decision is an error and no
// misuse, so that a user whose session is odd is refused and causes no alarm.
func TestASessionsAttributeOfTheWrongTypeRefusesAndIsNoMisuse(t *testing.T) {
	e := mustLoad(t, with("p, role:authenticated, *, doc, read, r.sub.level > 1, allow", "p, role:authenticated, *, doc, read, r.obj.size > 1, allow", "p, role:authenticated, *, doc, write, true, allow"))
	r := asks("bob", "read", policy.Object{Type: "doc", ID: "1", Attributes: policy.Values{"size": 5}})
	if !allows(t, e, r) {
		t.Fatal("denied")
	}
	r.Subject.Attributes = policy.Values{"level": "5"}
	d, err := e.Decide(t.Context(), r)
	if !errors.Is(err, policy.ErrRequest) || errors.Is(err, policy.ErrMisused) || d.Allowed() || !strings.Contains(err.Error(), "the session's r.sub.level is string, declared int") {
		t.Errorf("%v %v", d, err)
	}
	w := r
	w.Action = "write"
	if !allows(t, e, w) {
		t.Error("a decision that does not ask for it is an error")
	}
	// The service's own mistake is told first.
	r.Object.Attributes = policy.Values{"size": "5"}
	if _, err := e.Decide(t.Context(), r); !errors.Is(err, policy.ErrMisused) {
		t.Error(err)
	}
}

func TestAnAttributeOfTheEnvironmentOfTheWrongTypeIsMisuse(t *testing.T) {
	e := mustLoad(t, with("p, role:anyone, *, doc, read, r.env.mfa, allow", "p, role:anyone, *, doc, write, r.env.hour < 30, allow", "p, role:anyone, *, doc, net, \"ipMatch(r.env.ip, '::/0')\", allow"))
	for _, c := range []struct {
		action policy.Action
		env    policy.Values
		want   string
	}{
		{"read", policy.Values{"mfa": "true"}, "attribute mfa of env is declared bool, the service gave string"},
		{"write", policy.Values{"hour": "3"}, "attribute hour of env is declared int, the service gave string"},
		{"write", policy.Values{"time": time.Now()}, "attribute time of env is declared int, the service gave time.Time: convert it to int64; a time is its Unix()"},
		{"net", policy.Values{"ip": []byte("::1")}, "attribute ip of env is declared string, the service gave []uint8"},
	} {
		r := asks("", c.action, doc("1"))
		r.Env = c.env
		if d, err := e.Decide(t.Context(), r); !errors.Is(err, policy.ErrMisused) || d.Allowed() || !strings.Contains(err.Error(), c.want) {
			t.Errorf("got %v %v, want %s", d, err, c.want)
		}
	}
}

func TestATypeThatNoFileNamesIsMisuseAndNotADenial(t *testing.T) {
	fsys := folder(map[string]string{
		"attributes.csv": "page, owner, string, no,\n",
		"policy.csv":     fine + "p, role:anyone, *, *, *, true, allow\np, role:a, *, note:1, share, true, allow\n",
		globexFile:       "p, role:viewer, globex, memo, read, true, allow\n",
	})
	e := mustLoad(t, fsys)
	for typ, known := range map[string]bool{
		"doc": true, "note": true, "page": true, "memo": true,
		"docs": false, "read": false, "share": false, "anyone": false, "Doc": false, "doc ": false, "sub": false, "env": false, "obj": false, "*": false, "/x": false,
	} {
		d, err := e.Decide(t.Context(), asks("bob", "read", policy.Object{Type: typ, ID: "1"}))
		if known && (err != nil || !d.Allowed()) || !known && (!errors.Is(err, policy.ErrMisused) || d.Allowed()) {
			t.Errorf("%q: %v %v", typ, d, err)
		}
	}
	_, err := e.Decide(t.Context(), asks("bob", "read", policy.Object{Type: "docs"}))
	if want := `no file of the policy names the object type "docs": those of the policy are doc, memo, note, page; a type without rules is declared in attributes.csv`; err == nil || !strings.Contains(err.Error(), want) {
		t.Errorf("got %v, want %s", err, want)
	}
}

func TestAnObjectWithAnIDAndNoTenantIsMisuse(t *testing.T) {
	e := mustLoad(t, with("p, role:anyone, *, *, *, true, allow"))
	r := policy.Request{Tenant: acme, Subject: policy.Subject{ID: "bob"}, Action: "read", Object: policy.Object{Type: "doc", ID: "1"}}
	want := "an object of the type doc has an id and no tenant: set Object.Tenant to the tenant that is stored with the object"
	if d, err := e.Decide(t.Context(), r); !errors.Is(err, policy.ErrMisused) || d.Allowed() || !strings.Contains(err.Error(), want) {
		t.Errorf("got %v %v, want %s", d, err, want)
	}
	if _, err := e.Explain(t.Context(), r); !errors.Is(err, policy.ErrMisused) {
		t.Errorf("Explain says %v", err)
	}
	for name, c := range map[string]struct {
		change  func(*policy.Request)
		allowed bool
	}{
		"of the request's tenant":                      {func(r *policy.Request) { r.Object.Tenant = acme }, true},
		"a type as a whole is the request's tenant's":  {func(r *policy.Request) { r.Object.ID = "" }, true},
		"of another tenant":                            {func(r *policy.Request) { r.Object.Tenant = globex }, false},
		"a type as a whole of another tenant":          {func(r *policy.Request) { r.Object.ID, r.Object.Tenant = "", globex }, false},
		"an anonymous caller in no tenant":             {func(r *policy.Request) { *r = policy.Request{Action: "read", Object: r.Object} }, false},
		"an anonymous caller in the object's tenant":   {func(r *policy.Request) { r.Subject, r.Object.Tenant = policy.Subject{}, acme }, true},
		"an anonymous caller in none, about one's":     {func(r *policy.Request) { r.Subject, r.Tenant, r.Object.Tenant = policy.Subject{}, tenant.ID{}, acme }, false},
		"an anonymous caller about a type as a whole":  {func(r *policy.Request) { *r = policy.Request{Action: "read", Object: policy.Object{Type: "doc"}} }, true},
		"an anonymous caller in another than object's": {func(r *policy.Request) { r.Subject, r.Object.Tenant = policy.Subject{}, globex }, false},
	} {
		r := r
		c.change(&r)
		if d, err := e.Decide(t.Context(), r); d.Allowed() != c.allowed || (err == nil) != c.allowed {
			t.Errorf("%s: %v %v", name, d, err)
		}
	}
}

func TestAnActionThatNoRuleHasIsDeniedAndExplained(t *testing.T) {
	fsys := with(fine, "p, role:editor, *, doc:1, update, true, allow", "p, role:editor, globex, doc, audit, true, allow", "p, role:a, *, note, *, true, allow")
	fsys[globexFile] = &mapFile{Data: []byte("p, role:a, globex, doc, secret, true, allow\n")}
	e := mustLoad(t, fsys)
	x := explain(t, e, asks("bob", "updte", doc("1"), "editor"))
	if want := "no rule about doc has the action updte: those of doc are audit, read, update"; x.Decision.Allowed() || x.Unruled != want || !strings.Contains(x.String(), want) {
		t.Errorf("got %q\n%s", x.Unruled, x)
	}
	for _, c := range []struct {
		action policy.Action
		typ    string
		want   bool
	}{{"updte", "doc", false}, {"update", "doc", true}, {"secret", "doc", true}, {"anything", "note", true}, {"update", "nothing", false}, {"read", "note", true}} {
		if got := e.Names(c.action, c.typ); got != c.want {
			t.Errorf("%s %s: %t", c.action, c.typ, got)
		}
	}
	if x := explain(t, e, asks("bob", "update", doc("2"), "viewer")); x.Unruled != "" {
		t.Errorf("an action of another object is said to be none: %s", x.Unruled)
	}
	if x := explain(t, e, asks("bob", "PUT", policy.Route("/x"), "viewer")); x.Unruled != "" {
		t.Errorf("a route: %s", x.Unruled)
	}
	all := mustLoad(t, with("p, role:admin, *, *, *, true, allow"))
	if !all.Names("updte", "doc") {
		t.Error("a rule for everything names no action")
	}
}

// TestAValueOfAnotherTypeIsSeenOnEitherSide: that the other side of a comparison is missing, or NULL,
// does not hide it.
func TestAValueOfAnotherTypeIsSeenOnEitherSide(t *testing.T) {
	const attributes = "doc, a, string, no,\ndoc, b, string, no,\ndoc, n, string, value,\ndoc, l, strings, no,\ndoc, m, strings, no,\n"
	for text, spoilt := range map[string]string{
		"r.obj.a == r.obj.b": "b", "r.obj.b == r.obj.a": "b", "r.obj.a < r.obj.b": "b", "r.obj.b < r.obj.a": "b",
		"r.obj.n <= r.obj.b": "b", "r.obj.b <= r.obj.n": "b", "r.obj.n == r.obj.b": "b", "r.obj.b != r.obj.n": "b",
		"startsWith(r.obj.a, r.obj.b)": "b", "startsWith(r.obj.b, r.obj.a)": "b", "startsWith(r.obj.n, r.obj.b)": "b", "startsWith(r.obj.b, r.obj.n)": "b",
		"r.obj.a in r.obj.l": "l", "r.obj.b in r.obj.m": "b", "r.obj.n in r.obj.l": "l",
		"containsAny(r.obj.m, r.obj.l)": "l", "containsAny(r.obj.l, r.obj.m)": "l", "containsAll(r.obj.m, r.obj.l)": "l",
	} {
		e, err := policy.Load(folder(map[string]string{"attributes.csv": attributes, "policy.csv": "p, role:anyone, *, doc, read, true, allow\np, role:anyone, *, doc, read, " + csvQuote(text) + ", deny"}), policy.Options{})
		if err != nil {
			t.Fatal(text, err)
		}
		o := doc("1")
		o.Attributes = policy.Values{"n": nil, spoilt: 5}
		if d, err := e.Decide(t.Context(), asks("alice", "read", o)); !errors.Is(err, policy.ErrMisused) || d.Allowed() {
			t.Errorf("%s, where %s is a number: %s %v", text, spoilt, d.Effect, err)
		}
	}
}
