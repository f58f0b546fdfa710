package impact

import (
	"cmp"
	"math"
	"slices"
	"strings"

	"github.com/reevehq/reeve/authz/policy"
	"github.com/reevehq/reeve/authz/policy/condition"
)

// variable is an attribute of a search, and the values that tell apart all that its comparisons
// do. The last one may be missing: its value is nil.
type variable struct {
	attr   *condition.Attribute
	values []value
	id     condition.Part // of r.sub.id and r.obj.id, which the caller and the object say
	parent int            // of an attribute of a parent, the variable of the parent; else -1
	first  bool           // whether the values from here on depend on none of the variables before, nor on the caller and the object

	// Of a list that is compared with no other but r.sub.roles: what it is compared with, and
	// whether it counts that it has a text which that has not. Its values are made of what is
	// tried of these; see listsNow.
	beside []condition.Term
	beyond bool
	late   bool
}

// null is the value NULL, of an attribute to which it is one.
type null struct{}

type value struct {
	x    any
	v    condition.Value
	list []string
}

// domain is the variables of some conditions.
type domain struct {
	vars     []variable
	index    map[*condition.Attribute]int
	users    []string // that conditions name
	ids      []string // of objects, likewise
	complete bool     // whether the values are all that there is to try
	asks     bool     // whether conditions ask for r.sub.roles
	callers  callers  // that tell apart what they say, if so
	time     int      // the variable of r.env.time, on which roles depend; -1 when they do not
}

// component is attributes that are compared with each other, near or far, and the constants that
// they are compared with.
type component struct {
	texts   []string
	numbers []float64
	moments []int64 // in microseconds since 1970
	nets    []string
	vars    int
	late    int // of vars, the lists whose values are made of the others'
	pairs   bool
	ordered bool
	starts  []string // texts that are looked for at the beginning of others, at the end and within
	ends    []string
	inner   []string
	has     bool // whether it counts that something is there
	uuids   bool // whether one of the attributes is of kind uuid
	times   bool // whether one is of kind time
}

// domain returns the variables of some conditions, for callers in a tenant and objects of a pattern.
// users and ids are those that they may have beside.
func (p *pair) domain(numbers []int32, w Who, m member, users, ids []string) *domain {
	d := &domain{index: map[*condition.Attribute]int{}, complete: true, time: -1}
	byRef, parent := map[string]int{}, []int{}
	var find func(int) int
	find = func(i int) int {
		if parent[i] != i {
			parent[i] = find(parent[i])
		}
		return parent[i]
	}
	var leaves []condition.Expr
	var add func(a *condition.Attribute)
	add = func(a *condition.Attribute) {
		if a == nil {
			return
		}
		ref := a.Ref()
		i, there := byRef[ref]
		if !there {
			v := variable{attr: a, parent: -1}
			if a.Via != nil {
				add(a.Via)
				v.parent = d.index[a.Via]
			}
			if a.Name == "id" && a.Via == nil && (a.Part() == condition.PartSubject || a.Part() == condition.PartObject && a.Type != "" && a.Type[0] != '/') {
				v.id = a.Part()
			}
			i = len(d.vars)
			byRef[ref] = i
			d.vars, parent = append(d.vars, v), append(parent, i)
		}
		d.asks = d.asks || isRoles(a)
		if d.vars[i].attr.Kind != a.Kind {
			d.complete = false
		} else if isNullable(a) {
			d.vars[i].attr = a // NULL is tried where it is a value to one of the policies
		}
		d.index[a] = i
	}
	for _, n := range numbers {
		if p.conds[n].roles && p.hasEnds(m.tenant) {
			at, _ := condition.BuiltIn("env", condition.EnvTime)
			add(&at)
			d.time = 0
			break
		}
	}
	var walk func(condition.Expr)
	walk = func(e condition.Expr) {
		for arg := range e.Args() {
			walk(arg)
		}
		if e.Op().IsLeaf() {
			leaves = append(leaves, e)
		}
	}
	for _, n := range numbers {
		walk(p.conds[n].expr)
		d.complete = d.complete && !p.conds[n].open
	}
	for _, lists := range [...]bool{false, true} { // these last, when what they are compared with is known
		for _, e := range leaves {
			for a := range e.Attributes() {
				if isList(a) == lists {
					add(a)
				}
			}
		}
	}
	for _, e := range leaves {
		if l := e.Leaf(); l.A.Attr != nil && l.B.Attr != nil {
			parent[find(d.index[l.A.Attr])] = find(d.index[l.B.Attr])
		}
	}
	d.findLate(leaves)
	comps := map[int]*component{}
	for i := range d.vars {
		c := comps[find(i)]
		if c == nil {
			c = &component{}
			comps[find(i)] = c
		}
		c.vars++
		if d.vars[i].late {
			c.late++
		}
		c.uuids = c.uuids || d.vars[i].attr.Kind == condition.KindUUID
		c.times = c.times || d.vars[i].attr.Kind == condition.KindTime
		if i == d.time {
			c.numbers, c.ordered = append(c.numbers, p.moments(m.tenant)...), true
		}
		switch d.vars[i].id {
		case condition.PartSubject:
			c.texts = append(c.texts, users...)
		case condition.PartObject:
			c.texts = append(c.texts, ids...)
		}
	}
	for _, e := range leaves {
		l := e.Leaf()
		attr := l.A.Attr
		if attr == nil {
			attr = l.B.Attr
		}
		if attr == nil {
			continue
		}
		d.take(comps[find(d.index[attr])], l)
	}
	for i := range d.vars {
		if c := comps[find(i)]; isRoles(d.vars[i].attr) {
			d.callers = p.callersFor(w, m.tenant, c.texts, c.pairs)
			if c.pairs { // a role that is compared may be any
				d.callers.roles = append(d.callers.roles, fresh("other", func(s string) bool { return slices.Contains(d.callers.roles, s) }))
			}
			c.texts = append(c.texts, d.callers.roles...)
		}
	}
	for i := range d.vars {
		c := comps[find(i)]
		if d.fill(&d.vars[i], c, m.object); c.vars == 1 {
			d.thin(i, leaves)
		}
	}
	for i, v := range d.vars {
		if v.parent >= 0 {
			parent[find(i)] = find(v.parent)
		}
		if d.time >= 0 && isRoles(v.attr) { // roles depend on the time
			parent[find(i)] = find(d.time)
		}
	}
	d.arrange(find)
	return d
}

// arrange puts variables that depend on each other side by side: first the time on which roles
// depend, then what the caller and the object say; lists behind what they are compared with.
func (d *domain) arrange(group func(int) int) {
	rank, at := map[int]int{}, map[int]int{} // of groups: the lowest of a variable, and where it stands first
	for i, v := range d.vars {
		g := group(i)
		if _, there := at[g]; !there {
			at[g], rank[g] = i, 2
		}
		switch {
		case i == d.time:
			rank[g] = 0
		case v.id != 0 || isRoles(v.attr):
			rank[g] = min(rank[g], 1)
		}
	}
	order := make([]int, len(d.vars))
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(i, j int) int {
		a, b := group(i), group(j)
		return cmp.Or(cmp.Compare(rank[a], rank[b]), cmp.Compare(at[a], at[b]), cmp.Compare(listsLast(d.vars[i].attr), listsLast(d.vars[j].attr)))
	})
	vars, moved := make([]variable, len(order)), make([]int, len(order))
	for to, from := range order {
		vars[to], moved[from] = d.vars[from], to
		vars[to].first = rank[group(from)] == 2 && (to == 0 || group(order[to-1]) != group(from))
	}
	for i := range vars {
		if vars[i].parent >= 0 {
			vars[i].parent = moved[vars[i].parent]
		}
	}
	for a, i := range d.index {
		d.index[a] = moved[i]
	}
	if d.time >= 0 {
		d.time = moved[d.time]
	}
	d.vars = vars
}

func listsLast(a *condition.Attribute) int {
	if isList(a) {
		return 1
	}
	return 0
}

// thin leaves out values of an attribute that is compared with constants alone, of which no
// comparison tells one from an earlier one.
func (d *domain) thin(i int, leaves []condition.Expr) {
	v := &d.vars[i]
	if v.id != 0 || i == d.time || v.attr.Kind == condition.KindParent || isRoles(v.attr) {
		return
	}
	var about []condition.Expr
	for _, e := range leaves {
		for a := range e.Attributes() {
			if d.index[a] == i {
				about = append(about, e)
				break
			}
		}
	}
	seen := map[string]bool{}
	v.values = slices.DeleteFunc(v.values, func(x value) bool {
		at := func(*condition.Attribute) (condition.Value, []string) { return x.v, x.list }
		var key strings.Builder
		for _, e := range about {
			key.WriteByte('0' + byte(condition.Eval(e, at)))
		}
		twice := seen[key.String()]
		seen[key.String()] = true
		return twice
	})
}

// take notes the constants of a comparison.
func (d *domain) take(c *component, l condition.Leaf) {
	switch l.Op {
	case condition.OpIs, condition.OpEqual, condition.OpNotEqual, condition.OpOneOf, condition.OpIn, condition.OpIsNull, condition.OpContainsAny, condition.OpContainsAll:
	case condition.OpLess, condition.OpLessEqual, condition.OpGreater, condition.OpGreaterEqual:
		c.ordered = true
	case condition.OpIPMatch:
		c.nets = append(c.nets, l.B.Value.Text())
		return
	case condition.OpHas:
		c.has = true
	case condition.OpStartsWith:
		c.starts = append(c.starts, l.B.Value.Text())
	case condition.OpEndsWith:
		c.ends = append(c.ends, l.B.Value.Text())
	case condition.OpContains:
		c.inner = append(c.inner, l.B.Value.Text())
	default:
		d.complete = false
	}
	c.pairs = c.pairs || l.A.Attr != nil && l.B.Attr != nil
	constants := slices.Clone(l.List)
	for _, t := range [...]condition.Term{l.A, l.B} {
		if t.Attr == nil {
			constants = append(constants, t.Value)
			c.texts = append(c.texts, t.Texts...)
		}
	}
	for _, v := range constants {
		switch {
		case v.Kind() == condition.KindString || v.Kind() == condition.KindUUID:
			c.texts = append(c.texts, v.Text())
		case v.Kind() == condition.KindTime:
			c.moments = append(c.moments, v.Time().UnixMicro())
		case v.Kind().IsNumber():
			c.numbers = append(c.numbers, v.Float())
		}
	}
}

// fill gives a variable its values.
func (d *domain) fill(v *variable, c *component, within Pattern) {
	var all []any
	a := v.attr
	if isRoles(a) {
		v.values = []value{{}} // the caller says
		return
	}
	switch a.Kind {
	case condition.KindBool:
		all = []any{true, false}
	case condition.KindString, condition.KindUUID:
		for _, s := range d.textsOf(c) {
			all = append(all, s)
		}
	case condition.KindInt, condition.KindFloat:
		all = d.numbersOf(a, c)
	case condition.KindStrings:
		if !v.late {
			all = d.listsOf(c)
		}
	case condition.KindTime:
		all = d.timesOf(c)
	case condition.KindParent:
		all = []any{policy.Values{}}
	default:
		d.complete = false
	}
	for _, x := range all {
		w, list := condition.ValueOf(a.Kind, x)
		if w.Kind() == a.Kind {
			v.values = append(v.values, value{x, w, list})
		}
	}
	if c.has { // a value out of range is there, and compares with nothing
		switch a.Kind {
		case condition.KindInt:
			v.values = append(v.values, value{x: int64(condition.MaxInt + 1), v: condition.Unusable()})
		case condition.KindFloat:
			v.values = append(v.values, value{x: math.Inf(1), v: condition.Unusable()})
		case condition.KindUUID:
			v.values = append(v.values, value{x: "none", v: condition.Unusable()})
		case condition.KindTime:
			v.values = append(v.values, value{x: condition.MaxTime().AddDate(1, 0, 0), v: condition.Unusable()})
		}
	}
	if isNullable(a) {
		v.values = append(v.values, value{x: null{}, v: condition.NullOf()})
	}
	switch {
	case v.id == condition.PartSubject:
		d.users = stringsOf(all)
	case v.id == condition.PartObject:
		d.ids = stringsOf(all)
		if c.ordered && within.of.kind != targetOne && (within.of.kind != targetType || len(within.except) > 0) {
			d.complete = false // an id lies within its pattern
		}
	case a.Part() == condition.PartEnv && (a.Name == condition.EnvTime || a.Name == condition.EnvHour || a.Name == condition.EnvWeekday || a.Name == condition.EnvActor):
	default:
		v.values = append(v.values, value{})
	}
}
