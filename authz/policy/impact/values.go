package impact

import (
	"fmt"
	"math"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"time"

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
	monotone bool     // whether what is known stays when more is known
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
	d := &domain{index: map[*condition.Attribute]int{}, complete: true, monotone: true, time: -1}
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
		leaves = append(leaves, e)
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
	return d
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
		c.has, d.monotone = true, false
	case condition.OpStartsWith:
		c.starts = append(c.starts, l.B.Value.Text())
	case condition.OpEndsWith:
		c.ends = append(c.ends, l.B.Value.Text())
	case condition.OpContains:
		c.inner = append(c.inner, l.B.Value.Text())
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
		all = d.listsOf(c)
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
	if c.has { // what is out of range is there, and compares with nothing
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
	if a.Null == condition.NullValue {
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

func stringsOf(all []any) (list []string) {
	for _, x := range all {
		switch x := x.(type) {
		case string:
			list = append(list, x)
		case int64:
			list = append(list, strconv.FormatInt(x, 10))
		}
	}
	return list
}

// textsOf returns the constants, texts between them, and a few that are none of them.
func (d *domain) textsOf(c *component) []string {
	list := slices.Clone(c.texts)
	slices.Sort(list)
	list = slices.Compact(list)
	constants, most := len(list), 1
	if c.pairs {
		most = min(c.vars, 3)
		d.complete = d.complete && c.vars <= 3
	}
	if c.ordered {
		// As many texts between two constants as there are attributes to compare. None has a
		// space, which no user's id may have.
		between := func(low, high string) {
			for range most {
				if low += "-"; high != "" && low >= high {
					d.complete = false
					return
				}
				list = append(list, low)
			}
		}
		for i := range constants {
			next := ""
			if i+1 < constants {
				next = list[i+1]
			}
			between(list[i], next)
		}
		if list = append(list, ""); constants > 0 && list[0] != "" {
			between("", list[0])
		}
	}
	list = append(list, d.made(c)...)
	for _, net := range c.nets {
		list = append(list, addressesOf(net)...)
	}
	if len(c.nets) > 0 {
		list = append(list, "192.0.2.1", "2001:db8::1")
	}
	for i := range most {
		list = append(list, freshOf("other", i, list))
		if c.uuids {
			list = append(list, freshUUID(list))
		}
	}
	return distinct(list)
}

// maxMade bounds how many texts are made of parts.
const maxMade = 512

// made returns texts with each beginning, each end and each set of parts within that are looked
// for. What a text has of them is what one of these has: a sign that none has stands between.
func (d *domain) made(c *component) (list []string) {
	starts, ends, inner := distinct(append(c.starts, "")), distinct(append(c.ends, "")), distinct(c.inner)
	if len(c.starts)+len(c.ends)+len(inner) == 0 {
		return nil
	}
	const sign = "~"
	apart := func(s string) bool { return !strings.Contains(s, sign) }
	d.complete = d.complete && !c.pairs && !c.ordered && len(c.nets) == 0 && apart(strings.Join(c.texts, ""))
	if len(inner) > 8 || len(starts)*len(ends)<<len(inner) > maxMade {
		d.complete = false
		inner = inner[:min(len(inner), 2)]
		starts, ends = starts[max(0, len(starts)-8):], ends[max(0, len(ends)-8):]
	}
	for _, start := range starts {
		for _, end := range ends {
			for set := range 1 << len(inner) {
				text := start + sign
				for i, part := range inner {
					if set>>i&1 != 0 {
						text += part + sign
					}
				}
				list = append(list, text+end)
			}
		}
	}
	return list
}

// freshOf returns a word that is none of a list.
func freshOf(word string, from int, list []string) string {
	for i := from; ; i++ {
		s := word
		if i > 0 {
			s += strconv.Itoa(i + 1)
		}
		if !slices.Contains(list, s) {
			return s
		}
	}
}

func freshUUID(list []string) string {
	for i := 1; ; i++ {
		if s := fmt.Sprintf("00000000-0000-4000-8000-%012x", i); !slices.Contains(list, s) {
			return s
		}
	}
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
	for _, at := range c.moments { // beside an int, which counts seconds
		list = append(list, math.Floor(float64(at)/perSecond), math.Ceil(float64(at)/perSecond))
	}
	if c.times && len(list) == 0 {
		list = []float64{noonUnix}
	}
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

// timesOf returns the constants, what lies beside them, and the whole seconds of numbers.
func (d *domain) timesOf(c *component) (all []any) {
	list := slices.Clone(c.moments)
	numbers := c.numbers
	if c.pairs && len(numbers) == 0 && len(list) == 0 {
		numbers = []float64{noonUnix}
	}
	for _, n := range numbers {
		for step := -2.0; step <= 2; step++ {
			if x := math.Floor(n) + step; math.Abs(x) < 1e12 {
				list = append(list, int64(x)*perSecond)
			}
		}
	}
	if len(list) == 0 {
		list = []int64{noonUnix * perSecond}
	}
	slices.Sort(list)
	list = slices.Compact(list)
	reach := int64(1)
	if c.pairs {
		reach = 2
		d.complete = d.complete && c.vars <= 2
	}
	for _, at := range list {
		for step := -reach; step <= reach; step++ {
			all = append(all, time.UnixMicro(at+step).UTC())
		}
	}
	return distinct(all)
}

const (
	perSecond = 1_000_000
	noonUnix  = 946_728_000 // when requests are decided that say no time
)

// maxSubsets is of how many texts every list is tried.
const maxSubsets = 6

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
