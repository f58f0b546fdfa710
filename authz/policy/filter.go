package policy

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/reevehq/reeve/internal/lookup"

	"github.com/reevehq/reeve/authz/policy/condition"
)

// maxFilter is how many comparisons a filter may have.
const maxFilter = 256

// Filter returns the [Predicate] of the objects of r.Object.Type of which Decide would allow r:
// those of the request's tenant that some allow rule grants and no deny rule forbids. r.Object has
// the type alone; r.Tenant is required.
//
// The type has to be listed, which a row of kind tenant in attributes.csv says, or the error
// wraps [ErrNotListed]. Where the caller's rules are too many for one filter it is
// [ErrFilterTooLarge]. Other errors are those of [Engine.Decide], and an attribute of the subject
// or the environment of another type than was declared is one as soon as a rule of the caller asks
// for it. Beside an error the Predicate selects nothing.
//
// A database is not asked whether Decide takes an id: one of more than 255 bytes, or with characters
// that do not print, is selected where Decide has an error of it. A CHECK keeps such out of the table.
//
// It reads the caller's own rules about the type, whatever the policy holds beside them.
func (e *Engine) Filter(ctx context.Context, r Request) (Predicate, error) {
	if r.Object.ID != "" || r.Object.Route != "" || r.Object.Attributes != nil {
		return Predicate{}, fmt.Errorf("%w: a filter is about a type, and not about one object", ErrMisused)
	}
	if r.Tenant.IsZero() {
		return Predicate{}, fmt.Errorf("%w: a filter without a tenant", ErrRequest)
	}
	s, q, err := e.prepareAll(ctx, &r)
	if err != nil {
		return Predicate{}, err
	}
	t := s.listed[r.Object.Type]
	if t == nil {
		return Predicate{}, notListed(r.Object.Type)
	}
	form, err := s.filter(&r, &q, t.id)
	if err != nil {
		return Predicate{}, err
	}
	var until time.Time
	if s.ending != nil {
		until = s.rolesUntil(&r, &q)
	}
	return Predicate{tenant: r.Tenant, kind: r.Object.Type, table: t, tables: s.listed, form: form, revision: s.revision, until: until}, nil
}

func notListed(typ string) error {
	return fmt.Errorf("%w: add a row such as %s, tenant, tenant, no, tenant_id to %s", ErrNotListed, typ, AttributesFile)
}

// filter returns where a request is allowed, by the attributes of the object.
func (s *snapshot) filter(r *Request, q *query, id *condition.Attribute) (condition.Form, error) {
	var names [64]uint32
	var room [16]mark
	marks := s.about(names[:0], room[:0], r, q)
	sortMarks(marks)
	marks = slices.Compact(marks)

	var partRoom [2][8]part
	parts := [2][]part{partRoom[Deny][:0], partRoom[Allow][:0]}
	for _, m := range marks {
		rule := &s.rules[m>>markBits]
		effect := s.reasons[m>>markBits].Effect
		at := slices.IndexFunc(parts[effect], func(p part) bool { return p.when == rule.when })
		if at < 0 {
			at = len(parts[effect])
			parts[effect] = append(parts[effect], part{when: rule.when})
		}
		parts[effect][at].cover(s, rule)
	}
	var formRoom [2][8]condition.Form
	allows, all := formRoom[0][:0], formRoom[1][:0]
	for i := range parts[Allow] {
		p := &parts[Allow][i]
		when, err := s.reduce(p.when, true, r)
		if err != nil {
			return condition.Form{}, err
		}
		allows = append(allows, condition.All(p.covered(id, true), when))
	}
	all = append(all, condition.Any(allows...))
	for i := range parts[Deny] {
		p := &parts[Deny][i]
		when, err := s.reduce(p.when, false, r)
		if err != nil {
			return condition.Form{}, err
		}
		all = append(all, condition.Any(p.covered(id, false), when))
	}
	form := condition.All(all...)
	if form.Size() > maxFilter {
		return condition.Form{}, fmt.Errorf("%w: the caller's rules about %s come to %d comparisons, at most %d are allowed", ErrFilterTooLarge, r.Object.Type, form.Size(), maxFilter)
	}
	return form, nil
}

// about appends the rules that are for the caller and for some object of the query's type.
func (s *snapshot) about(names []uint32, marks []mark, r *Request, q *query) []mark {
	c := s.caller(names, r, q)
	var room [12]ruleGroup
	list := room[:0]
	for _, table := range [...]struct {
		of  *ruleTable
		own bool
	}{{&s.shared, false}, {&s.own, true}} {
		tenant := lookup.Term{}
		if table.own {
			if tenant = q.tenant; tenant.ID == 0 {
				continue
			}
		}
		for _, action := range [...]lookup.Term{q.action, {}} {
			if q.typ != (lookup.Term{}) {
				list = table.of.bucket(list, table.own, keyOf(tenant, action, q.typ, coversType, lookup.Term{}))
				list = table.of.bucket(list, table.own, keyOf(tenant, action, q.typ, coversSome, lookup.Term{}))
			}
			list = table.of.bucket(list, table.own, keyOf(tenant, action, lookup.Term{}, coversAll, lookup.Term{}))
			if q.action == (lookup.Term{}) {
				break
			}
		}
	}
	for i := range list {
		marks = s.gather(marks, &list[i], c)
	}
	return marks
}

// reduce returns where a condition is want, by the attributes of the object.
func (s *snapshot) reduce(when uint32, want bool, r *Request) (condition.Form, error) {
	e := s.conditions[when]
	known := r.values()
	form := condition.Reduce(e, want, func(a *condition.Attribute) (condition.Value, []string) {
		if a.Part() == condition.PartObject {
			return condition.Later(), nil
		}
		return known(a)
	})
	if r.misfit.of == nil {
		return form, nil
	}
	r.callerMisfits(e)
	return condition.Form{}, r.misfit.err(r)
}

// callerMisfits notes the attributes of a condition that are of another type than declared, but
// for those of the object.
func (r *Request) callerMisfits(e condition.Expr) {
	for a := range e.Attributes() {
		if a.Part() == condition.PartObject {
			continue
		}
		if x, there := r.raw(a); there && x != nil && !a.Kind.Takes(x) {
			r.misfit.note(a, x)
		}
	}
}

// part is the rules of one effect and one condition.
type part struct {
	when     uint32
	all      bool // they cover every object
	ids      []string
	prefixes []string // "" for whatever has an id
}

func (p *part) cover(s *snapshot, r *rule) {
	switch {
	case r.shape == coversAll || r.shape == coversType:
		p.all = true
	case r.shape == coversOne:
		p.ids = append(p.ids, s.names.objects.Text(r.rest))
	case r.rest == 0: // doc:*, and an object of a list has an id
		p.all = true
	default:
		p.prefixes = append(p.prefixes, s.names.objects.Text(r.rest))
	}
}

// covered returns the Form of the objects that the rules cover, or of those that they do not.
func (p *part) covered(id *condition.Attribute, want bool) condition.Form {
	if p.all {
		return fixed(want)
	}
	var room [4]condition.Form
	forms := room[:0]
	if len(p.ids) > 0 {
		list := make([]condition.Value, 0, len(p.ids))
		for _, text := range p.ids {
			if v := idOf(id.Kind, text); v.Kind() == id.Kind {
				list = append(list, v)
			}
		}
		forms = append(forms, literal(id, condition.OpOneOf, want, condition.Leaf{List: list}, len(list) > 0))
	}
	for _, prefix := range p.prefixes {
		// Neither a number nor a uuid has the / or : that a prefix ends in.
		forms = append(forms, literal(id, condition.OpStartsWith, want, condition.Leaf{B: condition.Term{Value: condition.String(prefix)}}, id.Kind == KindString && !strings.ContainsRune(prefix, 0)))
	}
	if want {
		return condition.Any(forms...)
	}
	return condition.All(forms...)
}

// literal returns where a comparison of an id is want. One that no id can fulfil is false.
func literal(id *condition.Attribute, o condition.Op, want bool, l condition.Leaf, can bool) condition.Form {
	if !can {
		return fixed(!want)
	}
	if l.Op = o; !want {
		l.Op = o.Complement()
	}
	l.A.Attr = id
	return condition.Literal(l)
}

func fixed(holds bool) condition.Form {
	if holds {
		return condition.Always()
	}
	return condition.Form{}
}
