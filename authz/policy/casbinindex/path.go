package casbinindex

import (
	"slices"
	"strings"

	"github.com/reevehq/reeve/internal/ascii"
	"github.com/reevehq/reeve/internal/lookup"
)

// paths finds the patterns of one function that a key matches. Patterns that the same keys
// match share a terminal. One that is more than plain text and parameters is tried on the keys
// that begin as all of its matches do.
type paths struct {
	fn         *function
	exact      map[string]uint32 // patterns that match themselves alone
	prefixes   map[string]uint32 // patterns that match whatever begins so
	lengths    []int             // of prefixes, each once
	trials     map[string][]trial
	trialSizes []int // lengths of the keys of trials, each once
	segments   map[segment]uint32
	nodes      []pathNode
	terminals  map[uint32]uint32 // by the number of the pattern
	count      uint32            // of terminals; terminal 0 is none
}

// trial is a pattern that is matched with each key that begins as it does.
type trial struct {
	match    prepared
	terminal uint32
}

// segment is a step down the tree of patterns that are taken apart at each slash.
type segment struct {
	node uint32
	text string
}

type pathNode struct{ param, end, rest uint32 }

func newPaths(fn *function) *paths {
	return &paths{
		fn: fn, exact: map[string]uint32{}, prefixes: map[string]uint32{}, trials: map[string][]trial{}, segments: map[segment]uint32{},
		nodes: make([]pathNode, 1), terminals: map[uint32]uint32{},
	}
}

func (p *paths) newTerminal() uint32 {
	p.count++
	return p.count
}

func (p *paths) terminal(at *uint32) uint32 {
	if *at == 0 {
		*at = p.newTerminal()
	}
	return *at
}

// addNumbered returns the terminal of the pattern that has a number, and was compiled.
func (p *paths) addNumbered(id uint32, t *lookup.Symbols, match prepared) uint32 {
	if terminal, ok := p.terminals[id]; ok {
		return terminal
	}
	terminal := p.insert(t.Text(id), match)
	p.terminals[id] = terminal
	return terminal
}

// insert puts a pattern where the keys that match it lead, and returns the terminal.
func (p *paths) insert(pattern string, match prepared) uint32 {
	switch p.fn.name {
	case "keyMatch":
		// Up to the first *, whatever follows it: a key that begins so matches.
		prefix, _, found := strings.Cut(pattern, "*")
		if !found {
			return p.in(p.exact, pattern)
		}
		p.lengths = withLength(p.lengths, len(prefix))
		return p.in(p.prefixes, prefix)
	case "regexMatch", "globMatch":
		prefix, whole := p.fn.prefix(pattern)
		if whole {
			return p.in(p.exact, prefix)
		}
		return p.tried(prefix, match)
	}
	steps, rest, plain := p.steps(pattern)
	if !plain {
		prefix, _ := p.fn.prefix(pattern)
		return p.tried(prefix, match)
	}
	if !rest && !slices.Contains(steps, param) {
		return p.in(p.exact, pattern)
	}
	node := uint32(0)
	for _, s := range steps {
		node = p.child(node, s)
	}
	if rest {
		return p.terminal(&p.nodes[node].rest)
	}
	return p.terminal(&p.nodes[node].end)
}

func (p *paths) in(m map[string]uint32, text string) uint32 {
	t, ok := m[text]
	if !ok {
		t = p.newTerminal()
		m[text] = t
	}
	return t
}

// tried has a pattern tried on the keys that begin with prefix.
func (p *paths) tried(prefix string, match prepared) uint32 {
	p.trialSizes = withLength(p.trialSizes, len(prefix))
	t := p.newTerminal()
	p.trials[prefix] = append(p.trials[prefix], trial{match, t})
	return t
}

// tries counts the patterns that are tried on one key, at worst.
func (p *paths) tries() int {
	most := 0
	for prefix := range p.trials {
		n := 0
		for _, size := range p.trialSizes {
			if size <= len(prefix) {
				n += len(p.trials[prefix[:size]])
			}
		}
		most = max(most, n)
	}
	return most
}

func withLength(lengths []int, n int) []int {
	if i, found := slices.BinarySearch(lengths, n); !found {
		return slices.Insert(lengths, i, n)
	}
	return lengths
}

// param stands for a segment that any text but none matches. It cannot be a segment's text.
const param = "/"

func (p *paths) child(node uint32, step string) uint32 {
	if step == param {
		if p.nodes[node].param == 0 {
			p.nodes = append(p.nodes, pathNode{})
			p.nodes[node].param = uint32(len(p.nodes) - 1)
		}
		return p.nodes[node].param
	}
	key := segment{node, step}
	next, ok := p.segments[key]
	if !ok {
		p.nodes = append(p.nodes, pathNode{})
		next = uint32(len(p.nodes) - 1)
		p.segments[key] = next
	}
	return next
}

// steps takes a pattern apart, if it is made of nothing but plain text, parameters that are
// whole segments, and /* at its end; the regular expression that Casbin makes of such a
// pattern means just that.
func (p *paths) steps(pattern string) (steps []string, rest, plain bool) {
	if pattern, rest = strings.CutSuffix(pattern, "/*"); rest && pattern == "" {
		return []string{""}, true, true
	}
	colon := p.fn.name == "keyMatch2"
	var names []string
	for s := range strings.SplitSeq(pattern, "/") {
		switch {
		case colon && len(s) > 1 && s[0] == ':':
			// [^/]+ takes the whole segment, whatever the name is made of.
			s = param
		case !colon && len(s) > 2 && s[0] == '{' && strings.IndexByte(s, '}') == len(s)-1:
			if p.fn.name == "keyMatch4" && slices.Contains(names, s) {
				return nil, false, false // the values have to be equal
			}
			names = append(names, s)
			s = param
		case !ascii.All(s, isPlain):
			return nil, false, false
		}
		steps = append(steps, s)
	}
	return steps, rest, true
}

// isPlain reports whether a byte means itself in every function's patterns.
func isPlain(b byte) bool {
	return ascii.IsLower(b) || ascii.IsUpper(b) || ascii.IsDigit(b) || b == '_' || b == '-' || b == '~' || b == '%' || b == '@' || b == '='
}

// terminals are the matches of a key. The first few need no allocation.
type terminals struct {
	done bool
	n    int
	few  [maxTerminals]uint32
	many []uint32 // beyond the few
}

const maxTerminals = 12

func (t *terminals) add(terminal uint32) {
	if t.n < maxTerminals {
		t.few[t.n] = terminal
	} else {
		t.many = append(t.many, terminal)
	}
	t.n++
}

func (t *terminals) at(i int) uint32 {
	if i < maxTerminals {
		return t.few[i]
	}
	return t.many[i-maxTerminals]
}

// find adds the terminals of the patterns that key matches.
func (p *paths) find(t *terminals, key string) {
	if p.fn.name == "keyMatch5" {
		key, _, _ = strings.Cut(key, "?")
	}
	if terminal, ok := p.exact[key]; ok {
		t.add(terminal)
	}
	for _, n := range p.lengths {
		if n > len(key) {
			break
		}
		if terminal, ok := p.prefixes[key[:n]]; ok {
			t.add(terminal)
		}
	}
	for _, n := range p.trialSizes {
		if n > len(key) {
			break
		}
		for _, trial := range p.trials[key[:n]] {
			if trial.match(key) {
				t.add(trial.terminal)
			}
		}
	}
	if len(p.nodes) > 1 {
		p.descend(t, 0, key)
	}
}

func (p *paths) descend(t *terminals, node uint32, key string) {
	n := &p.nodes[node]
	if n.rest != 0 && strings.IndexByte(key, '\n') < 0 {
		t.add(n.rest)
	}
	text, tail, more := strings.Cut(key, "/")
	if next, ok := p.segments[segment{node, text}]; ok {
		p.below(t, next, tail, more)
	}
	if n.param != 0 && text != "" {
		p.below(t, n.param, tail, more)
	}
}

func (p *paths) below(t *terminals, node uint32, tail string, more bool) {
	if more {
		p.descend(t, node, tail)
		return
	}
	if end := p.nodes[node].end; end != 0 {
		t.add(end)
	}
}
