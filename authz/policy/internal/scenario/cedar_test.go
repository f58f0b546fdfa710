package scenario

import (
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode"

	"github.com/reevehq/reeve/authz/policy"
)

// worked is a use case with its entities, told as a policy in testdata/cedar.
type worked struct {
	Entities []entity
	Cases    []struct {
		ID, Action, Expect  string
		Principal, Resource ref
		Context             map[string]any
	}
}

type ref struct{ Type, ID string }

type entity struct {
	ref
	Attrs   map[string]any
	Parents []ref
}

func (e *entity) name() ref { return e.ref }

// Decimals and durations, which our conditions do not have.
var notCedar = map[string]string{
	"photos-decimal-1": "decimals",
	"photos-decimal-2": "decimals",
	"streaming":        "durations",
}

// Every case of every file is decided as published. The policies are testdata/cedar/*.csv. The
// groups of a user are roles, and groups within groups g rows; a thing carries its attributes, the
// names of all that it is in as r.obj.within, and an entity that it refers to as its_<name>.
func TestCedarUseCasesAreDecidedAsPublished(t *testing.T) {
	asked := 0
	for _, file := range vectors(t, "cedar") {
		if notCedar[named(file)] != "" {
			continue
		}
		t.Run(named(file), func(t *testing.T) {
			rules, err := os.ReadFile(filepath.Join("testdata", "cedar", named(file)+".csv"))
			if err != nil {
				t.Fatal(err)
			}
			var w worked
			readJSON(t, file, &w)
			u := newUseCase(&w)
			e := engine(t, string(rules)+u.grants(), u.attributes(&w))
			for _, c := range w.Cases {
				asked++
				got := allows(t, e, policy.Request{
					Subject: u.subject(c.Principal), Action: policy.Action(kebab(c.Action)), Env: u.env(c.Context),
					Object: policy.Object{Type: kebab(c.Resource.Type), ID: c.Resource.ID, Attributes: u.values(c.Resource, true)},
				})
				if got != (c.Expect == "allow") {
					t.Errorf("%s: %v %s %v %v: %v, want %s", c.ID, c.Principal, c.Action, c.Resource, c.Context, got, c.Expect)
				}
			}
		})
	}
	t.Logf("%d decisions", asked)
	if !t.Failed() && asked < 600 {
		t.Errorf("%d decisions: the vectors changed", asked)
	}
}

// useCase finds entities.
type useCase struct {
	of map[ref]*entity
}

func newUseCase(w *worked) *useCase {
	u := &useCase{map[ref]*entity{}}
	for i := range w.Entities {
		u.of[w.Entities[i].name()] = &w.Entities[i]
	}
	return u
}

// kebab writes a name as types and actions are written.
func kebab(s string) string {
	var b strings.Builder
	for i, c := range strings.ReplaceAll(s, "::", "-") {
		if unicode.IsUpper(c) && i > 0 && !strings.HasSuffix(b.String(), "-") {
			b.WriteByte('-')
		}
		b.WriteRune(unicode.ToLower(c))
	}
	return strings.ReplaceAll(b.String(), "_", "-")
}

// snake writes a name as attributes are written. A run of capitals is one word.
func snake(s string) string {
	var b strings.Builder
	before := rune('A')
	for _, c := range strings.ReplaceAll(s, "-", "_") {
		if unicode.IsUpper(c) && !unicode.IsUpper(before) && before != '_' {
			b.WriteByte('_')
		}
		b.WriteRune(unicode.ToLower(c))
		before = c
	}
	return b.String()
}

// above are all that an entity is in, itself too.
func (u *useCase) above(r ref) []ref {
	all := []ref{r}
	for i := 0; i < len(all); i++ {
		if e := u.of[all[i]]; e != nil {
			for _, p := range e.Parents {
				if !slices.Contains(all, p) {
					all = append(all, p)
				}
			}
		}
	}
	return all
}

// subject has the groups that it is in itself as roles of its session; the others are g rows.
func (u *useCase) subject(r ref) policy.Subject {
	roles := policy.RoleNames{r.Type[strings.LastIndex(r.Type, ":")+1:]}
	if e := u.of[r]; e != nil {
		for _, p := range e.Parents {
			roles = append(roles, p.ID)
		}
	}
	return policy.Subject{ID: r.ID, Roles: roles, Attributes: u.values(r, false)}
}

// grants are the groups within groups.
func (u *useCase) grants() string {
	groups := map[ref]bool{}
	for r, e := range u.of {
		if strings.HasSuffix(r.Type, "User") {
			for _, p := range e.Parents {
				for _, g := range u.above(p) {
					groups[g] = true
				}
			}
		}
		if strings.HasSuffix(r.Type, "Group") || r.Type == "Team" || r.Type == "Organization" {
			groups[r] = true
		}
	}
	rows := []string{"\n"}
	for g := range groups {
		if e := u.of[g]; e != nil {
			for _, p := range e.Parents {
				rows = append(rows, fmt.Sprintf("g, role:%s, role:%s, *\n", g.ID, p.ID))
			}
		}
	}
	slices.Sort(rows)
	return strings.Join(slices.Compact(rows), "")
}

// values are the attributes of an entity.
func (u *useCase) values(r ref, thing bool) policy.Values {
	v := policy.Values{}
	if e := u.of[r]; e != nil {
		u.flatten(v, "", e.Attrs, thing)
	}
	if thing {
		within := []string{}
		for _, p := range u.above(r) {
			within = append(within, kebab(p.Type)+":"+p.ID)
		}
		v["within"] = within
		u.handed(v, r)
	}
	return v
}

// handed adds what a service has to join for its policy, because a condition looks one level up
// and builds no texts.
func (u *useCase) handed(v policy.Values, r ref) {
	switch r.Type {
	case "Hotel", "Property", "Reservation":
		hotels, properties := []string{}, []string{}
		for _, p := range u.above(r) {
			switch p.Type {
			case "Hotel":
				hotels = append(hotels, p.ID)
			case "Property":
				properties = append(properties, p.ID)
			}
		}
		v["hotels"], v["properties"] = hotels, properties
	case "Photo", "Album":
		account, _ := v["its_account"].(policy.Values)
		if owner, is := account["owner"].(string); is && u.of[ref{"User", owner}] != nil {
			v["owner_department"] = u.of[ref{"User", owner}].Attrs["department"]
		}
	case "Taxpreparer::Document":
		owner, _ := v["its_owner"].(policy.Values)
		v["assignment"] = fmt.Sprintf("%v/%v/%v", v["location"], owner["organization"], v["serviceline"])
	}
}

// flatten writes records as attributes of one level. A reference to an entity becomes its id, and
// of things the entity too.
func (u *useCase) flatten(v policy.Values, prefix string, from map[string]any, thing bool) {
	for name, x := range from {
		name = prefix + snake(name)
		switch x := x.(type) {
		case float64:
			v[name] = int64(x)
		case []any:
			texts := []string{}
			for _, y := range x {
				texts = append(texts, u.text(y))
			}
			v[name] = texts
		case map[string]any:
			switch to := x["@ref"].(type) {
			case map[string]any:
				r := ref{to["type"].(string), to["id"].(string)}
				v[name] = r.ID
				if e := u.of[r]; e != nil && thing && len(e.Attrs) > 0 {
					of := policy.Values{}
					u.flatten(of, "", e.Attrs, false)
					v["its_"+name] = of
				}
			default:
				u.special(v, name, x, thing)
			}
		default:
			v[name] = x
		}
	}
}

func (u *useCase) special(v policy.Values, name string, x map[string]any, thing bool) {
	switch {
	case x["@ip"] != nil:
		v[name] = x["@ip"]
	case x["@datetime"] != nil:
		at, err := time.Parse("2006-01-02T15:04:05-0700", x["@datetime"].(string))
		if err != nil {
			panic(err)
		}
		v[name] = at
	case x["@decimal"] != nil || x["@duration"] != nil: // which no policy asks for
	default:
		u.flatten(v, name+"_", x, thing)
	}
}

// text is an element of a list: of a record all values in the order of their names.
func (u *useCase) text(x any) string {
	m, is := x.(map[string]any)
	if !is {
		return fmt.Sprint(x)
	}
	if to, is := m["@ref"].(map[string]any); is {
		return to["id"].(string)
	}
	var parts []string
	for _, name := range slices.Sorted(maps.Keys(m)) {
		parts = append(parts, u.text(m[name]))
	}
	return strings.Join(parts, "/")
}

// env is the context of a request; of a user that it names the attributes too.
func (u *useCase) env(context map[string]any) policy.Values {
	v := policy.Values{}
	u.flatten(v, "", context, true)
	for name, x := range maps.Clone(v) {
		if of, is := x.(policy.Values); is {
			delete(v, name)
			for key, y := range of {
				v[strings.TrimPrefix(name, "its_")+"_"+key] = y
			}
		}
	}
	return v
}

// attributes declares all that entities and requests have.
func (u *useCase) attributes(w *worked) string {
	rows := map[string]bool{}
	for _, kind := range []string{"account", "album", "photo", "video"} { // whether the file has one or not
		rows[kind+", within, strings, yes,\n"] = true
	}
	declare := func(kind string, v policy.Values, target func(name string) string) {
		for name, x := range v {
			switch x.(type) {
			case string:
				rows[fmt.Sprintf("%s, %s, string, yes,\n", kind, name)] = true
			case bool:
				rows[fmt.Sprintf("%s, %s, bool, yes,\n", kind, name)] = true
			case int64:
				rows[fmt.Sprintf("%s, %s, int, yes,\n", kind, name)] = true
			case []string:
				rows[fmt.Sprintf("%s, %s, strings, yes,\n", kind, name)] = true
			case time.Time:
				rows[fmt.Sprintf("%s, %s, time, yes,\n", kind, name)] = true
			case policy.Values:
				rows[fmt.Sprintf("%s, %s, parent, yes, %s, %s, %s, id\n", kind, name, strings.TrimPrefix(name, "its_"), target(name), snake(target(name)))] = true
			}
		}
	}
	none := func(string) string { return "" }
	for r, e := range u.of {
		declare(kebab(r.Type), u.values(r, true), func(name string) string {
			for key, x := range e.Attrs {
				if m, is := x.(map[string]any); is && "its_"+snake(key) == name {
					return kebab(m["@ref"].(map[string]any)["type"].(string))
				}
			}
			return ""
		})
	}
	for _, c := range w.Cases {
		declare("sub", u.subject(c.Principal).Attributes.(policy.Values), none)
		declare(kebab(c.Resource.Type), policy.Values{"within": []string{}}, none)
		declare("env", u.env(c.Context), none)
	}
	return strings.Join(slices.Sorted(maps.Keys(rows)), "")
}
