package scenario

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/reevehq/reeve/authz/policy"
)

// translation is a store as a policy.
type translation struct {
	*store
	engine *policy.Engine
	rules  string

	tuples         []tuple
	objects, users []string
	lists          map[string]map[string]bool // type -> attribute
	own            map[string]policy.Values   // object -> what its conditional tuples carry
	ownKinds       map[string]map[string]string
	refused        map[string]error // user -> why a tuple of theirs is not said
	params         map[string]string
}

func typeOf(x string) string { kind, _, _ := strings.Cut(x, ":"); return kind }

// relationOf is that of a set such as group:a#member.
func relationOf(x string) string { _, r, _ := strings.Cut(x, "#"); return r }

// plain is the name of a user or an object as ids and roles are written.
func plain(x string) string { return strings.NewReplacer(":", ".", "/", ".", "#", ".").Replace(x) }

// role is that of those who have a relation to an object.
func role(set string) string { return plain(set) }

func ident(parts ...string) string {
	return strings.ReplaceAll(strings.Join(parts, "_"), "-", "_")
}

func translate(t *testing.T, s *store, c storeCase) *translation {
	t.Helper()
	tr := &translation{
		store: s, tuples: slices.Concat(s.Tuples, c.Tuples), lists: map[string]map[string]bool{}, own: map[string]policy.Values{},
		ownKinds: map[string]map[string]string{}, refused: map[string]error{}, params: map[string]string{},
	}
	names := map[string]bool{}
	for _, x := range tr.tuples {
		names[x.Object] = true
		if relationOf(x.User) == "" && !strings.HasSuffix(x.User, ":*") {
			names[x.User] = true
		}
	}
	if c.Object != "" {
		names[c.Object] = true
	}
	tr.objects = slices.Sorted(maps.Keys(names))
	tr.users = slices.Clone(tr.objects)
	for _, x := range tr.tuples {
		if relationOf(x.User) != "" && !slices.Contains(tr.users, x.User) {
			tr.users = append(tr.users, x.User)
		}
	}
	var rules, attributes strings.Builder
	for _, kind := range slices.Sorted(maps.Keys(s.Model)) {
		tr.lists[kind] = map[string]bool{}
		for _, rel := range slices.Sorted(maps.Keys(s.Model[kind])) {
			if cond := tr.of(kind, "", rel, nil); cond != never {
				fmt.Fprintf(&rules, "p, role:authenticated, *, %s, %s, %q, allow\n", kind, rel, cond)
			}
		}
	}
	for _, row := range tr.grants() {
		rules.WriteString(row)
	}
	attributes.WriteString("sub, kind, string, no,\n")
	for name, kind := range tr.params {
		fmt.Fprintf(&attributes, "env, %s, %s, yes,\n", name, kind)
	}
	for _, kind := range slices.Sorted(maps.Keys(tr.lists)) {
		for _, name := range slices.Sorted(maps.Keys(tr.lists[kind])) {
			fmt.Fprintf(&attributes, "%s, %s, strings, no,\n", kind, name)
		}
		for name, of := range tr.ownKinds[kind] {
			fmt.Fprintf(&attributes, "%s, %s, %s, yes,\n", kind, name, of)
		}
	}
	tr.rules = rules.String()
	tr.engine = engine(t, tr.rules, attributes.String())
	return tr
}

// silent reports whether a tuple about a user could not be said.
func (tr *translation) silent(user string) bool {
	return tr.refused[user] != nil || tr.refused[""] != nil
}

const never = "false"

func andOf(terms ...string) string {
	if slices.Contains(terms, never) {
		return never
	}
	return "(" + strings.Join(terms, " && ") + ")"
}

func orOf(terms ...string) string {
	terms = slices.DeleteFunc(terms, func(x string) bool { return x == never })
	if len(terms) == 0 {
		return never
	}
	return "(" + strings.Join(terms, " || ") + ")"
}

func (tr *translation) attribute(kind, name string) string {
	tr.lists[kind][name] = true
	return "r.obj." + name
}

// of is who has a relation to an object: to the one that is asked about, or to the one named.
func (tr *translation) of(kind, object, rel string, within []string) string {
	at := kind + ":" + object + "#" + rel
	if _, there := tr.Model[kind][rel]; !there || slices.Contains(within, at) {
		return never
	}
	if object != "" && tr.simple(kind, rel, nil) {
		return fmt.Sprintf("'%s' in r.sub.roles", role(object+"#"+rel))
	}
	return tr.node(kind, object, rel, tr.Model[kind][rel].Rule, append(within, at))
}

func (tr *translation) node(kind, object, rel string, n node, within []string) string {
	each := func(list []node) (terms []string) {
		for _, x := range list {
			terms = append(terms, tr.node(kind, object, rel, x, within))
		}
		return terms
	}
	switch {
	case n.Or != nil:
		return orOf(each(n.Or)...)
	case n.And != nil:
		return andOf(each(n.And)...)
	case n.Not != nil:
		terms := each(n.Not)
		if terms[1] == never {
			return terms[0]
		}
		return andOf(terms[0], "!("+terms[1]+")")
	case n.Through != "":
		return tr.through(kind, object, n, within)
	case n.Relation != "":
		return tr.of(kind, object, n.Relation, within)
	}
	return tr.direct(kind, object, rel, n, within)
}

// direct is who stands in tuples.
func (tr *translation) direct(kind, object, rel string, n node, within []string) string {
	var terms []string
	if object == "" {
		users, sets := tr.attribute(kind, ident(rel)), tr.attribute(kind, ident(rel, "sets"))
		terms = append(terms, "r.sub.id in "+users)
		for _, d := range n.Direct {
			switch {
			case d.Wildcard:
				terms = append(terms, andOf(fmt.Sprintf("r.sub.kind == '%s'", d.Type), fmt.Sprintf("'%s.*' in %s", d.Type, users)))
			case d.Relation != "" && tr.simple(d.Type, d.Relation, nil):
				terms = append(terms, fmt.Sprintf("containsAny(%s, r.sub.roles)", sets))
			case d.Relation != "":
				for _, x := range tr.objectsOf(d.Type) {
					terms = append(terms, andOf(fmt.Sprintf("'%s' in %s", role(x+"#"+d.Relation), sets), tr.of(d.Type, x, d.Relation, within)))
				}
			}
		}
		slices.Sort(terms)
		terms = slices.Compact(terms)
	}
	for i, x := range tr.tuples {
		if x.Relation != rel || typeOf(x.Object) != kind || (object == "") != (x.Condition != nil) && object == "" || object != "" && x.Object != object {
			continue
		}
		subject := tr.subject(x.User, within)
		if x.Condition != nil {
			cond, err := tr.condition(i, x, object == "")
			if err != nil {
				tr.refuse(x.User, err)
				continue
			}
			subject = andOf(subject, cond)
		}
		if object == "" {
			subject = andOf(fmt.Sprintf("r.obj.id == '%s'", plain(x.Object)), subject)
		}
		terms = append(terms, subject)
	}
	return orOf(terms...)
}

func (tr *translation) refuse(user string, err error) {
	if relationOf(user) != "" || strings.HasSuffix(user, ":*") {
		user = ""
	}
	tr.refused[user] = err
}

// subject is one user of a tuple.
func (tr *translation) subject(user string, within []string) string {
	switch {
	case relationOf(user) != "":
		object, rel, _ := strings.Cut(user, "#")
		return tr.of(typeOf(object), object, rel, within)
	case strings.HasSuffix(user, ":*"):
		return fmt.Sprintf("r.sub.kind == '%s'", typeOf(user))
	}
	return fmt.Sprintf("r.sub.id == '%s'", plain(user))
}

// through is who has a relation to an object that the asked one refers to.
func (tr *translation) through(kind, object string, n node, within []string) string {
	if object != "" {
		var terms []string
		for _, x := range tr.tuples {
			if x.Object == object && x.Relation == n.Through {
				terms = append(terms, tr.of(typeOf(x.User), x.User, n.Relation, within))
			}
		}
		return orOf(terms...)
	}
	var terms []string
	for _, d := range tr.directOf(tr.Model[kind][n.Through].Rule) {
		if tr.simple(d, n.Relation, nil) {
			terms = append(terms, fmt.Sprintf("containsAny(%s, r.sub.roles)", tr.attribute(kind, ident(n.Through, n.Relation))))
			continue
		}
		for _, x := range tr.objectsOf(d) {
			terms = append(terms, andOf(fmt.Sprintf("'%s' in %s", plain(x), tr.attribute(kind, ident(n.Through))), tr.of(d, x, n.Relation, within)))
		}
	}
	slices.Sort(terms)
	return orOf(slices.Compact(terms)...)
}

// directOf are the types whose objects may stand in a relation.
func (tr *translation) directOf(n node) []string {
	var types []string
	for _, d := range n.Direct {
		types = append(types, d.Type)
	}
	for _, list := range [][]node{n.Or, n.And, n.Not} {
		for _, x := range list {
			types = append(types, tr.directOf(x)...)
		}
	}
	return types
}

func (tr *translation) objectsOf(kind string) (of []string) {
	for _, x := range tr.objects {
		if typeOf(x) == kind {
			of = append(of, x)
		}
	}
	return of
}

// simple reports whether a relation is a union of tuples without conditions and of simple
// relations: then it is a role.
func (tr *translation) simple(kind, rel string, within []string) bool {
	at := kind + "#" + rel
	r, there := tr.Model[kind][rel]
	return !there || slices.Contains(within, at) || tr.simpleNode(kind, r.Rule, append(within, at))
}

func (tr *translation) simpleNode(kind string, n node, within []string) bool {
	if n.And != nil || n.Not != nil {
		return false
	}
	for _, x := range n.Or {
		if !tr.simpleNode(kind, x, within) {
			return false
		}
	}
	for _, d := range n.Direct {
		if d.Wildcard || d.Condition != "" || d.Relation != "" && !tr.simple(d.Type, d.Relation, within) {
			return false
		}
	}
	switch {
	case n.Through != "":
		for _, d := range tr.directOf(tr.Model[kind][n.Through].Rule) {
			if !tr.simple(d, n.Relation, within) {
				return false
			}
		}
		return true
	case n.Relation != "":
		return tr.simple(kind, n.Relation, within)
	}
	return true
}

// grants are the g rows of simple relations.
func (tr *translation) grants() []string {
	rows := map[string]bool{}
	grant := func(subject, set string) {
		if subject != "role:"+role(set) {
			rows[fmt.Sprintf("g, %s, role:%s, *\n", subject, role(set))] = true
		}
	}
	var walk func(object, rel string, n node)
	walk = func(object, rel string, n node) {
		set := object + "#" + rel
		for _, x := range n.Or {
			walk(object, rel, x)
		}
		switch {
		case n.Through != "":
			for _, x := range tr.tuples {
				if _, there := tr.Model[typeOf(x.User)][n.Relation]; there && x.Object == object && x.Relation == n.Through {
					grant("role:"+role(x.User+"#"+n.Relation), set)
				}
			}
		case n.Relation != "":
			grant("role:"+role(object+"#"+n.Relation), set)
		case n.Direct != nil:
			for _, x := range tr.tuples {
				switch {
				case x.Object != object || x.Relation != rel:
				case relationOf(x.User) != "":
					grant("role:"+role(x.User), set)
				default:
					grant("user:"+plain(x.User), set)
				}
			}
		}
	}
	for _, x := range tr.objects {
		for rel, r := range tr.Model[typeOf(x)] {
			if tr.simple(typeOf(x), rel, nil) {
				walk(x, rel, r.Rule)
			}
		}
	}
	return slices.Sorted(maps.Keys(rows))
}

// attributes returns the tuples of an object, as lists.
func (tr *translation) attributes(object string) policy.Values {
	kind := typeOf(object)
	values := policy.Values{}
	for name := range tr.lists[kind] {
		values[name] = []string{}
	}
	add := func(name, text string) {
		if list, there := values[name].([]string); there && !slices.Contains(list, text) {
			values[name] = append(list, text)
		}
	}
	for _, x := range tr.tuples {
		if x.Object != object || x.Condition != nil {
			continue
		}
		if relationOf(x.User) != "" {
			add(ident(x.Relation, "sets"), role(x.User))
			continue
		}
		add(ident(x.Relation), plain(x.User))
		for rel := range tr.Model[typeOf(x.User)] {
			add(ident(x.Relation, rel), role(x.User+"#"+rel))
		}
	}
	maps.Copy(values, tr.own[object])
	return values
}
