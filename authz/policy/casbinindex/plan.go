package casbinindex

import (
	"fmt"
	"slices"
	"strings"
)

// Plan says how an [Index] decides: what it finds by a look-up and what it still evaluates.
type Plan struct {
	Rules int // of the section p

	// Scanned counts the rules that no look-up finds: they are evaluated one by one at each
	// decision, as Casbin does with all.
	Scanned int

	// Evaluated counts what one decision evaluates at worst: each rule that is scanned, what
	// the look-ups leave to evaluate for the rules of the largest group that they find for one
	// role, and each pattern that has no beginning of its own and has to be tried.
	//
	// It holds as long as the request has what the look-ups need: where an attribute is
	// missing, or is no text, it depends on the order of the rules whether Casbin meets an
	// error first, and such a request is decided in that order.
	Evaluated int

	// Asks is true when a decision asks a role manager or calls a function of the service. The
	// cost of these is not known.
	Asks bool

	Keys      []string // the look-ups, as the matcher writes them
	Residuals []string // what is evaluated for the rules that a look-up finds
	Notes     []string // why rules are scanned, roles asked of a manager, and such
}

// maxEvaluated is more than a decision may evaluate and still cost what look-ups cost.
const maxEvaluated = 100

// IsIndexed reports whether every decision costs what look-ups cost: no rule is scanned, neither a
// role manager nor a function of the service is asked, and fewer than 100 pieces of the matcher
// are evaluated.
func (p Plan) IsIndexed() bool { return p.Scanned == 0 && !p.Asks && p.Evaluated < maxEvaluated }

// String returns the plan in a few lines for people.
func (p Plan) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%d rules, %d of them scanned\n", p.Rules, p.Scanned)
	if p.Evaluated > 0 {
		fmt.Fprintf(&b, "at worst  : %d pieces are evaluated\n", p.Evaluated)
	}
	for _, list := range []struct {
		name  string
		texts []string
	}{{"by look-up", p.Keys}, {"evaluated ", p.Residuals}, {"note      ", p.Notes}} {
		for _, text := range list.texts {
			fmt.Fprintf(&b, "%s: %s\n", list.name, text)
		}
	}
	return b.String()
}

func (p *Plan) note(format string, args ...any) {
	if text := fmt.Sprintf(format, args...); !slices.Contains(p.Notes, text) {
		p.Notes = append(p.Notes, text)
	}
}

func (p *Plan) unindexed(s *ruleShape, verify []*expr) {
	if len(verify) == 0 {
		return
	}
	p.note("%d rules have no look-up before %s, which may be an error", len(s.rules), verify[0].text)
}

// finish describes the partitions of a compiled model.
func (p *Plan) finish(v *compiledModel) {
	p.Scanned = len(v.always)
	p.Evaluated = p.Scanned
	add := func(list *[]string, text string) {
		if !slices.Contains(*list, text) {
			*list = append(*list, text)
		}
	}
	for _, part := range v.partitions {
		for _, k := range part.keys {
			add(&p.Keys, v.describeKey(k))
		}
		for _, e := range part.verify {
			add(&p.Residuals, e.text)
			if what := v.asks(e); what != "" {
				p.Asks = true
				p.note("%s asks %s for each rule that a look-up finds", e.text, what)
			}
		}
		p.Evaluated += part.largest() * len(part.verify)
	}
	for i := range v.pathKeys {
		k := &v.pathKeys[i]
		if n := k.paths.tries(); n > 0 {
			p.Evaluated += n
			p.note("%s: up to %d patterns that begin alike are tried one by one", v.describeKey(key{keyPath, i, k.field}), n)
		}
	}
	p.addCosts(v)
	if len(v.rows.odd) > 0 {
		p.note("%d rules have another number of values than %d: an error once they are reached", len(v.rows.odd), v.rows.width)
	}
	for _, s := range v.sections {
		if s.why != "" {
			p.note("%s: %s", s.name, s.why)
		}
	}
	for _, list := range [][]string{p.Keys, p.Residuals, p.Notes} {
		slices.Sort(list)
	}
}

func (v *compiledModel) describeKey(k key) string {
	field := func(i int) string {
		for name, at := range v.rule {
			if at == i {
				return strings.Replace(name, "_", ".", 1)
			}
		}
		return ""
	}
	switch k.kind {
	case keyPath:
		p := v.pathKeys[k.at]
		return fmt.Sprintf("%s(%s, %s)", p.fn.name, v.sources[p.source].text, field(k.of))
	case keyRole:
		r := v.roleKeys[k.at]
		return fmt.Sprintf("%s(%s, %s)", v.sections[r.section].name, v.sources[r.source].text, field(k.of))
	}
	return fmt.Sprintf("%s == %s", v.sources[k.at].text, field(k.of))
}
