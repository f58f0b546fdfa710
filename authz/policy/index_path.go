package policy

import (
	"slices"
	"strings"
)

// paths finds the patterns of one function that a key may match. Patterns that the same
// keys match share a terminal; one that is inexact has to be matched once more.
type paths struct {
	fn        *function
	exact     map[string]uint32 // patterns that match themselves alone
	prefixes  map[string]uint32 // by what every match begins with
	lengths   []int             // of prefixes, each once
	segments  map[segment]uint32
	nodes     []pathNode
	terminals map[uint32]uint32 // by the number of the pattern
	inexact   []bool            // by terminal; terminal 0 is none
}

// segment is a step down the tree of patterns that are taken apart at each slash.
type segment struct {
	node uint32
	text string
}

type pathNode struct{ param, end, rest uint32 }

func newPaths(fn *function) *paths {
	return &paths{
		fn: fn, exact: map[string]uint32{}, prefixes: map[string]uint32{}, segments: map[segment]uint32{},
		nodes: make([]pathNode, 1), terminals: map[uint32]uint32{}, inexact: make([]bool, 1),
	}
}

func (p *paths) newTerminal(inexact bool) uint32 {
	p.inexact = append(p.inexact, inexact)
	return uint32(len(p.inexact) - 1)
}

func (p *paths) terminal(at *uint32) uint32 {
	if *at == 0 {
		*at = p.newTerminal(false)
	}
	return *at
}

// addNumbered returns the terminal of the pattern that has a number.
func (p *paths) addNumbered(id uint32, t *texts) uint32 {
	if terminal, ok := p.terminals[id]; ok {
		return terminal
	}
	terminal := p.place(t.text(id))
	p.terminals[id] = terminal
	return terminal
}

// place puts a pattern where the keys that may match it lead, and returns the terminal.
func (p *paths) place(pattern string) uint32 {
	if p.fn.name == "keyMatch" {
		// Up to the first *, whatever follows it: a match is what begins so.
		prefix, _, found := strings.Cut(pattern, "*")
		if !found {
			return p.in(p.exact, pattern, false)
		}
		return p.begins(prefix, false)
	}
	steps, rest, plain := p.steps(pattern)
	if !plain {
		return p.begins(literalPrefix(pattern), true)
	}
	if !rest && !slices.Contains(steps, param) {
		return p.in(p.exact, pattern, false)
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

func (p *paths) in(m map[string]uint32, text string, inexact bool) uint32 {
	t, ok := m[text]
	if !ok {
		t = p.newTerminal(inexact)
		m[text] = t
	}
	return t
}

// begins returns the terminal of the patterns whose every match begins with prefix.
func (p *paths) begins(prefix string, inexact bool) uint32 {
	if i, found := slices.BinarySearch(p.lengths, len(prefix)); !found {
		p.lengths = slices.Insert(p.lengths, i, len(prefix))
	}
	return p.in(p.prefixes, prefix, inexact)
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
		case !all(s, isPlain):
			return nil, false, false
		}
		steps = append(steps, s)
	}
	return steps, rest, true
}

// isPlain reports whether a byte means itself in every function's patterns.
func isPlain(b byte) bool {
	return isLower(b) || isUpper(b) || isDigit(b) || b == '_' || b == '-' || b == '~' || b == '%' || b == '@' || b == '='
}

// literalPrefix returns what every match of a pattern begins with: its plain text up to the
// first byte that could mean anything else, without the byte that a repetition follows.
func literalPrefix(pattern string) string {
	if strings.Contains(pattern, "|") {
		return ""
	}
	n := 0
	for n < len(pattern) && (isPlain(pattern[n]) || pattern[n] == '/') {
		n++
	}
	repeated := n < len(pattern) && strings.IndexByte("*+?{", pattern[n]) >= 0
	ofSlash := n > 0 && pattern[n-1] == '/' && n < len(pattern) && pattern[n] == '*' // becomes /.*
	if repeated && !ofSlash && n > 0 {
		n--
	}
	return pattern[:n]
}

// terminals are what a key may match. The first few need no allocation.
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

// find adds the terminals of the patterns that key may match.
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
