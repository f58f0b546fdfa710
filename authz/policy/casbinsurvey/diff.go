package casbinsurvey

import (
	"cmp"
	"encoding/binary"
	"fmt"
	"slices"
	"strings"
)

// Direction says what becomes of the requests of a [Change].
type Direction uint8

// The directions. A request that is an error is allowed nothing.
const (
	Wider    Direction = iota + 1 // not allowed before, allowed after
	Narrower                      // allowed before, not allowed after
	Fails                         // denied before, an error after
	Mended                        // an error before, denied after
)

// String returns "wider", "narrower", "error" or "no error".
func (d Direction) String() string {
	return [...]string{"", "wider", "narrower", "error", "no error"}[d%5]
}

// Change is requests that two policies decide differently: each text of the first list with each
// of the second, and so on.
type Change struct {
	Direction Direction
	Values    []Texts  // by field
	Witness   []string // a request
}

// Texts are those of one field.
type Texts struct {
	Names  []string // sorted
	Others bool     // and all that nothing names
	All    bool     // all that there are
}

// String returns "alice, bob and any other".
func (t Texts) String() string {
	names := strings.Join(t.Names, ", ")
	switch {
	case t.All:
		return "*"
	case t.Others && names == "":
		return "any other"
	case t.Others:
		return names + " and any other"
	}
	return names
}

// Report has the differences between the decisions of two policies.
type Report struct {
	Changes []Change // what is wider first
	Asked   int      // requests
	Notes   []string // what was not asked, see [Policy.Notes]
}

// IsWider reports whether something is allowed that was not.
func (r Report) IsWider() bool {
	return slices.ContainsFunc(r.Changes, func(c Change) bool { return c.Direction == Wider })
}

// Diff asks two policies about every request that the rows of one of them tell apart. Their
// requests have the same values. The error wraps [ErrModel].
func Diff(before, after *Policy) (Report, error) {
	if !slices.Equal(before.Fields(), after.Fields()) {
		return Report{}, fmt.Errorf("%w: requests have the values %s before, and %s after", ErrModel, strings.Join(before.Fields(), ", "), strings.Join(after.Fields(), ", "))
	}
	texts, others, err := space(before, after)
	if err != nil {
		return Report{}, err
	}
	report := Report{Notes: before.Notes()}
	for _, note := range after.Notes() {
		if !slices.Contains(report.Notes, note) {
			report.Notes = append(report.Notes, note)
		}
	}
	var cells []cell
	request := make([]string, len(texts))
	for at := range requests(texts) {
		for i, n := range at {
			request[i] = texts[i][n]
		}
		report.Asked++
		if d := direction(before.ask(request), after.ask(request)); d != 0 {
			c := cell{direction: d, values: make([][]int, len(at))}
			for i, n := range at {
				c.values[i] = []int{n}
			}
			cells = append(cells, c)
		}
	}
	for f := len(texts) - 1; f >= 0; f-- {
		cells = joined(cells, f)
	}
	slices.SortStableFunc(cells, func(a, b cell) int { return cmp.Compare(a.direction, b.direction) })
	for _, c := range cells {
		report.Changes = append(report.Changes, c.change(texts, others))
	}
	return report, nil
}

func direction(before, after Answer) Direction {
	switch {
	case before == after:
		return 0
	case after == Allow:
		return Wider
	case before == Allow:
		return Narrower
	case after == Failed:
		return Fails
	}
	return Mended
}

// requests yields each choice of one text per field, by number. The slice is used again.
func requests(texts [][]string) func(yield func([]int) bool) {
	return func(yield func([]int) bool) {
		at := make([]int, len(texts))
		for {
			if !yield(at) {
				return
			}
			i := len(at) - 1
			for ; i >= 0; i-- {
				if at[i]++; at[i] < len(texts[i]) {
					break
				}
				at[i] = 0
			}
			if i < 0 {
				return
			}
		}
	}
}

// cell is a change by the numbers of texts.
type cell struct {
	direction Direction
	values    [][]int
}

// joined makes one of cells that differ in one field alone.
func joined(cells []cell, f int) (out []cell) {
	at := map[string]int{}
	var key []byte
	for _, c := range cells {
		key = append(key[:0], byte(c.direction))
		for i, list := range c.values {
			if i == f {
				continue
			}
			key = binary.AppendUvarint(key, uint64(len(list)))
			for _, n := range list {
				key = binary.AppendUvarint(key, uint64(n))
			}
		}
		i, there := at[string(key)]
		if !there {
			at[string(key)] = len(out)
			out = append(out, c)
			continue
		}
		out[i].values[f] = append(out[i].values[f], c.values[f]...)
	}
	for _, c := range out {
		slices.Sort(c.values[f])
	}
	return out
}

func (c cell) change(texts [][]string, others []int) Change {
	x := Change{Direction: c.direction}
	for f, list := range c.values {
		named := len(texts[f]) - others[f]
		t := Texts{All: len(list) == len(texts[f])}
		for _, n := range list {
			if n < named {
				t.Names = append(t.Names, texts[f][n])
			} else {
				t.Others = true
			}
		}
		x.Values = append(x.Values, t)
		x.Witness = append(x.Witness, texts[f][list[0]])
	}
	return x
}
