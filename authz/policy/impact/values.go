package impact

import (
	"math"
	"net/netip"
	"slices"
	"strconv"

	"github.com/reevehq/reeve/authz/policy/condition"
)

// variable is an attribute of a search, and the values that tell apart all that its comparisons
// do. The last one may be missing: its value is nil.
type variable struct {
	attr   *condition.Attribute
	values []value
	id     condition.Part // of r.sub.id and r.obj.id, which the caller and the object say
}

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
	monotone bool     // whether what is known stays when more is known
	foreign  bool     // whether an attribute follows from what is no value of the request
}

// component is attributes that are compared with each other, near or far, and the constants that
// they are compared with.
type component struct {
	texts   []string
	numbers []float64
	nets    []string
	vars    int
	pairs   bool
	ordered bool
}

// domain returns the variables of some conditions. users and ids are those that callers and objects
// may have beside.
func (p *pair) domain(numbers []int32, users, ids []string) *domain {
	d := &domain{index: map[*condition.Attribute]int{}, complete: true, monotone: true}
	byRef, parent := map[string]int{}, []int{}
	var find func(int) int
	find = func(i int) int {
		if parent[i] != i {
			parent[i] = find(parent[i])
		}
		return parent[i]
	}
	var leaves []condition.Leaf
	add := func(a *condition.Attribute) {
		if a == nil {
			return
		}
		ref := a.Ref()
		i, there := byRef[ref]
		if !there {
			i = len(d.vars)
			byRef[ref] = i
			v := variable{attr: a}
			if a.Name == "id" && (a.Part() == condition.PartSubject || a.Part() == condition.PartObject && a.Type != "" && a.Type[0] != '/') {
				v.id = a.Part()
			}
			d.vars, parent = append(d.vars, v), append(parent, i)
		}
		d.foreign = d.foreign || a.Kind > condition.KindStrings || a.Part() == condition.PartSubject && a.Name == "roles" || a.Null == condition.NullValue || a.Via != nil || a.Relation != nil
		if d.vars[i].attr.Kind != a.Kind {
			d.complete = false
		}
		d.index[a] = i
	}
	var walk func(condition.Expr)
	walk = func(e condition.Expr) {
		for arg := range e.Args() {
			walk(arg)
		}
		if !e.Op().IsLeaf() {
			return
		}
		l := e.Leaf()
		add(l.A.Attr)
		add(l.B.Attr)
		for a := range e.Attributes() {
			add(a)
		}
		if l.A.Attr != nil && l.B.Attr != nil {
			parent[find(d.index[l.A.Attr])] = find(d.index[l.B.Attr])
		}
		leaves = append(leaves, l)
	}
	for _, n := range numbers {
		walk(p.conds[n].expr)
		d.complete = d.complete && !p.conds[n].open
	}
	comps := map[int]*component{}
	for i := range d.vars {
		c := comps[find(i)]
		if c == nil {
			c = &component{}
			comps[find(i)] = c
		}
		c.vars++
		switch d.vars[i].id {
		case condition.PartSubject:
			c.texts = append(c.texts, users...)
		case condition.PartObject:
			c.texts = append(c.texts, ids...)
		}
	}
	for _, l := range leaves {
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
		d.fill(&d.vars[i], comps[find(i)])
	}
	return d
}

// take notes the constants of a comparison.
func (d *domain) take(c *component, l condition.Leaf) {
	switch l.Op {
	case condition.OpIs, condition.OpEqual, condition.OpNotEqual, condition.OpOneOf, condition.OpIn:
	case condition.OpLess, condition.OpLessEqual, condition.OpGreater, condition.OpGreaterEqual:
		c.ordered = true
	case condition.OpIPMatch:
		c.nets = append(c.nets, l.B.Value.Text())
		return
	default:
		d.complete, d.monotone = false, false
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
		case v.Kind() == condition.KindString:
			c.texts = append(c.texts, v.Text())
		case v.Kind().IsNumber():
			c.numbers = append(c.numbers, v.Float())
		}
	}
}

// fill gives a variable its values.
func (d *domain) fill(v *variable, c *component) {
	var all []any
	a := v.attr
	switch a.Kind {
	case condition.KindBool:
		all = []any{true, false}
	case condition.KindString:
		for _, s := range d.textsOf(c) {
			all = append(all, s)
		}
	case condition.KindInt, condition.KindFloat:
		all = d.numbersOf(a, c)
	case condition.KindStrings:
		all = d.listsOf(c)
	default:
		d.complete = false
	}
	for _, x := range all {
		w, list := condition.ValueOf(a.Kind, x)
		if w.Kind() == a.Kind {
			v.values = append(v.values, value{x, w, list})
		}
	}
	switch {
	case v.id == condition.PartSubject:
		d.users = stringsOf(all)
	case v.id == condition.PartObject:
		d.ids = stringsOf(all)
		if c.ordered {
			d.complete = false // an id lies within its pattern
		}
	case a.Part() == condition.PartEnv && (a.Name == condition.EnvTime || a.Name == condition.EnvHour || a.Name == condition.EnvWeekday || a.Name == condition.EnvActor):
	default:
		v.values = append(v.values, value{})
	}
}

func stringsOf(all []any) (list []string) {
	for _, x := range all {
		if s, ok := x.(string); ok {
			list = append(list, s)
		}
	}
	return list
}

// textsOf returns the constants, texts between them, and a few that are none of them.
func (d *domain) textsOf(c *component) []string {
	list := slices.Clone(c.texts)
	slices.Sort(list)
	list = slices.Compact(list)
	constants := len(list)
	if c.ordered {
		for i := range constants {
			gap := list[i] + " "
			if i+1 < constants && gap >= list[i+1] {
				d.complete = false
			}
			list = append(list, gap)
		}
		list = append(list, "")
		d.complete = d.complete && !c.pairs
	}
	for _, net := range c.nets {
		list = append(list, addressesOf(net)...)
	}
	if len(c.nets) > 0 {
		list = append(list, "192.0.2.1", "2001:db8::1")
	}
	fresh := 1
	if c.pairs {
		fresh = min(c.vars, 3)
		d.complete = d.complete && c.vars <= 3
	}
	for i := 0; fresh > 0; i++ {
		s := "other"
		if i > 0 {
			s += strconv.Itoa(i + 1)
		}
		if !slices.Contains(list, s) {
			list = append(list, s)
			fresh--
		}
	}
	return distinct(list)
}

func distinct[T comparable](list []T) []T {
	var out []T
	for _, x := range list {
		if !slices.Contains(out, x) {
			out = append(out, x)
		}
	}
	return out
}

// addressesOf returns the addresses at the ends of a network, within and outside.
func addressesOf(net string) []string {
	prefix, err := netip.ParsePrefix(net)
	if err != nil {
		addr, err := netip.ParseAddr(net)
		if err != nil {
			return nil
		}
		prefix = netip.PrefixFrom(addr, addr.BitLen())
	}
	first := prefix.Masked().Addr()
	bytes := first.AsSlice()
	for bit := prefix.Bits(); bit < first.BitLen(); bit++ {
		bytes[bit/8] |= 1 << (7 - bit%8)
	}
	last, _ := netip.AddrFromSlice(bytes)
	var list []string
	for _, a := range []netip.Addr{first, last, first.Prev(), last.Next()} {
		if a.IsValid() {
			list = append(list, a.String())
			if a.Is4() {
				list = append(list, "::ffff:"+a.String())
			}
		}
	}
	return list
}

func (d *domain) numbersOf(a *condition.Attribute, c *component) (all []any) {
	low, high := math.Inf(-1), math.Inf(1)
	if a.Part() == condition.PartEnv {
		switch a.Name {
		case condition.EnvHour:
			low, high = 0, 23
		case condition.EnvWeekday:
			low, high = 1, 7
		}
	}
	list := slices.Clone(c.numbers)
	if len(list) == 0 {
		list = []float64{max(low, 1)}
	}
	slices.Sort(list)
	list = slices.Compact(list)
	points := slices.Clone(list)
	reach := 1.0
	if c.pairs {
		reach = 2
		d.complete = d.complete && c.vars <= 2
	}
	for i, n := range list {
		for step := 1.0; step <= reach; step++ {
			points = append(points, math.Floor(n)+step, math.Ceil(n)-step)
		}
		if i+1 < len(list) && a.Kind == condition.KindFloat {
			for step := 1.0; step <= reach; step++ {
				points = append(points, n+(list[i+1]-n)*step/(reach+1))
			}
		}
	}
	for _, n := range distinct(points) {
		switch {
		case n < low || n > high:
		case a.Kind == condition.KindFloat:
			all = append(all, n)
		case n == math.Trunc(n) && math.Abs(n) <= 1<<53:
			all = append(all, int64(n))
		}
	}
	return all
}

// maxSubsets is of how many texts every list is tried.
const maxSubsets = 4

func (d *domain) listsOf(c *component) (all []any) {
	texts := distinct(c.texts)
	if c.pairs {
		texts = d.textsOf(c)
	}
	if len(texts) <= maxSubsets {
		for set := 1<<len(texts) - 1; set >= 0; set-- {
			list := []string{}
			for i, s := range texts {
				if set>>i&1 != 0 {
					list = append(list, s)
				}
			}
			all = append(all, list)
		}
		return all
	}
	d.complete = false
	all = append(all, texts, []string{})
	for i := range texts {
		all = append(all, []string{texts[i]}, slices.Concat(texts[:i], texts[i+1:]))
	}
	return all
}
