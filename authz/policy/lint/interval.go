package lint

import (
	"math"
	"slices"

	"github.com/reevehq/reeve/authz/policy/condition"
)

// possible has the values of one attribute that comparisons leave.
type possible struct {
	low, high         float64
	lowOpen, highOpen bool
	whole             bool
	texts             []string // nil for all
	someTexts         bool
	notTexts          []string
	notNumbers        []float64
	numbers           []float64 // nil for all
	someNumbers       bool
	yes, no           bool // whether true and false are ruled out
	looks             []lookInto
	networks          []network
}

// consistent reports whether comparisons can all be true of the same values. Those of lists are
// taken to be possible unless one is the opposite of another.
func consistent(all []condition.Leaf) bool {
	type named struct {
		attr *condition.Attribute
		size bool // how many texts the list has, in place of its value
		possible
	}
	of := make([]named, 0, 4)
	for at, f := range all {
		if contradicted(all[:at], f) {
			return false
		}
		a, b, op := f.A, f.B, f.Op
		if a.Attr == nil && b.Attr != nil && orders(op) {
			a, b, op = b, a, swapped(op)
		}
		if a.Attr == nil || b.Attr != nil {
			continue
		}
		op, size := sizes(op)
		i := slices.IndexFunc(of, func(n named) bool { return n.size == size && sameAttribute(n.attr, a.Attr) })
		if i < 0 {
			i, of = len(of), append(of, named{a.Attr, size, newPossible(a.Attr)})
			if size {
				of[i].low, of[i].whole = 0, true
			}
		}
		of[i].narrow(op, b.Value, f.List)
	}
	for i := range of {
		if !of[i].any() {
			return false
		}
	}
	return true
}

func newPossible(a *condition.Attribute) possible {
	p := possible{low: math.Inf(-1), high: math.Inf(1), whole: a.Kind == condition.KindInt}
	if a.Part() == condition.PartSubject && a.Name == "id" {
		p.notTexts = []string{""} // a caller without a session has none
	}
	if a.Part() == condition.PartEnv {
		switch a.Name {
		case condition.EnvHour:
			p.low, p.high = 0, 23
		case condition.EnvWeekday:
			p.low, p.high = 1, 7
		}
	}
	return p
}

func orders(op condition.Op) bool {
	return op >= condition.OpEqual && op <= condition.OpGreaterEqual
}

func swapped(op condition.Op) condition.Op {
	switch op {
	case condition.OpLess:
		return condition.OpGreater
	case condition.OpLessEqual:
		return condition.OpGreaterEqual
	case condition.OpGreater:
		return condition.OpLess
	case condition.OpGreaterEqual:
		return condition.OpLessEqual
	}
	return op
}

// narrow takes what a comparison rules out.
func (p *possible) narrow(op condition.Op, v condition.Value, list []condition.Value) {
	switch op {
	case condition.OpIs:
		p.no = true
	case condition.OpNotIs:
		p.yes = true
	case condition.OpOneOf:
		p.oneOf(list)
	case condition.OpNoneOf:
		for _, x := range list {
			p.narrow(condition.OpNotEqual, x, nil)
		}
	}
	switch {
	case v.Kind().IsNumber():
		p.number(op, v.Float())
	case v.Kind() == condition.KindString:
		switch op {
		case condition.OpEqual:
			p.only([]string{v.Text()})
		case condition.OpNotEqual:
			p.notTexts = append(p.notTexts, v.Text())
		case condition.OpIPMatch, condition.OpNotIPMatch:
			p.networks = append(p.networks, networkOf(op, v.Text()))
		default:
			p.looks = append(p.looks, lookInto{op, v.Text()})
		}
	case v.Kind() == condition.KindTime && v.Time().Nanosecond() == 0:
		p.number(op, float64(v.Time().Unix()))
	case v.Kind() == condition.KindBool:
		if op == condition.OpEqual || op == condition.OpNotEqual {
			if v.Bool() == (op == condition.OpEqual) {
				p.no = true
			} else {
				p.yes = true
			}
		}
	}
}

func (p *possible) oneOf(list []condition.Value) {
	var texts []string
	var numbers []float64
	for _, v := range list {
		switch {
		case v.Kind() == condition.KindString:
			texts = append(texts, v.Text())
		case v.Kind().IsNumber():
			numbers = append(numbers, v.Float())
		default:
			return
		}
	}
	if len(texts) == len(list) {
		p.only(texts)
	} else if len(numbers) == len(list) {
		p.onlyNumbers(numbers)
	}
}

func (p *possible) only(texts []string) {
	if !p.someTexts {
		p.someTexts, p.texts = true, texts
		return
	}
	p.texts = slices.DeleteFunc(slices.Clone(p.texts), func(s string) bool { return !slices.Contains(texts, s) })
}

func (p *possible) onlyNumbers(numbers []float64) {
	if !p.someNumbers {
		p.someNumbers, p.numbers = true, numbers
		return
	}
	p.numbers = slices.DeleteFunc(slices.Clone(p.numbers), func(n float64) bool { return !slices.Contains(numbers, n) })
}

// within reports whether a number is one of those that bounds leave.
func (p *possible) within(n float64) bool {
	return (n > p.low || n == p.low && !p.lowOpen) && (n < p.high || n == p.high && !p.highOpen) && !(p.whole && n != math.Trunc(n)) && !slices.Contains(p.notNumbers, n)
}

func (p *possible) number(op condition.Op, n float64) {
	switch op {
	case condition.OpEqual:
		p.number(condition.OpGreaterEqual, n)
		p.number(condition.OpLessEqual, n)
	case condition.OpNotEqual:
		p.notNumbers = append(p.notNumbers, n)
	case condition.OpLess:
		if n <= p.high {
			p.high, p.highOpen = n, true
		}
	case condition.OpLessEqual:
		if n < p.high {
			p.high, p.highOpen = n, false
		}
	case condition.OpGreater:
		if n >= p.low {
			p.low, p.lowOpen = n, true
		}
	case condition.OpGreaterEqual:
		if n > p.low {
			p.low, p.lowOpen = n, false
		}
	}
}

// any reports whether a value is left.
func (p *possible) any() bool {
	if p.yes && p.no {
		return false
	}
	if p.someTexts {
		if !slices.ContainsFunc(p.texts, func(s string) bool { return !slices.Contains(p.notTexts, s) && p.meets(s) }) {
			return false
		}
	} else if !looksMeet(p.looks) || !networksMeet(p.networks) {
		return false
	}
	if p.someNumbers && !slices.ContainsFunc(p.numbers, p.within) {
		return false
	}
	low, high := p.low, p.high
	if p.whole {
		if low = math.Ceil(low); p.lowOpen && low == p.low {
			low++
		}
		if high = math.Floor(high); p.highOpen && high == p.high {
			high--
		}
	} else if low == high && (p.lowOpen || p.highOpen) {
		return false
	}
	if low > high {
		return false
	}
	// Few are left: whether each is ruled out is counted.
	if p.whole && high-low <= float64(len(p.notNumbers)) {
		for n := low; n <= high; n++ {
			if !slices.Contains(p.notNumbers, n) {
				return true
			}
		}
		return false
	}
	return low != high || !slices.Contains(p.notNumbers, low)
}
