package impact

import (
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/reevehq/reeve/authz/policy"
	"github.com/reevehq/reeve/authz/policy/condition"
)

// period is when a g row holds: after start and before end, in seconds since 1970.
type period struct{ start, end int64 }

var always = period{math.MinInt64, math.MaxInt64}

func periodOf(g *policy.Grant) period {
	p := always
	if !g.Start.IsZero() {
		p.start = g.Start.Unix()
	}
	if !g.End.IsZero() {
		p.end = g.End.Unix()
	}
	return p
}

func (p period) and(q period) period { return period{max(p.start, q.start), min(p.end, q.end)} }

func (p period) empty() bool { return p.end <= p.start }

// covers reports whether the period is on whenever another is.
func (p period) covers(q period) bool { return p.start <= q.start && p.end >= q.end }

// text returns the period as a condition, "" for always.
func (p period) text() string {
	var parts []string
	if p.start != always.start {
		parts = append(parts, "r.env.time > "+constant(p.start))
	}
	if p.end != always.end {
		parts = append(parts, "r.env.time < "+constant(p.end))
	}
	return strings.Join(parts, " && ")
}

func constant(unix int64) string {
	if at := time.Unix(unix, 0).UTC(); at.Year() >= 1 && at.Year() <= 9999 {
		return "'" + at.Format(time.RFC3339) + "'"
	}
	return strconv.FormatInt(unix, 10)
}

// maxPaths is how many periods are told apart in which a name has a role.
const maxPaths = 16

// paths returns the roles that a name has in a tenant by the rows of a policy, and when: in each of
// the periods. It reports false when they are too many to tell.
// Nobody may write to them.
func (p *pair) paths(tenant, name string, in side) (map[string][]period, bool) {
	key := closureKey{tenant, name, in}
	w, there := p.pathsOf[key]
	if !there {
		w.roles, w.all = p.findPaths(tenant, name, in)
		p.pathsOf[key] = w
	}
	return w.roles, w.all
}

// paths are the roles of a name, and whether they are all.
type paths struct {
	roles map[string][]period
	all   bool
}

func (p *pair) findPaths(tenant, name string, in side) (map[string][]period, bool) {
	of := p.new
	if in == before {
		of = p.old
	}
	out := map[string][]period{}
	type step struct {
		name   string
		during period
	}
	todo := []step{{name, always}}
	for i := 0; i < len(todo); i++ {
		for _, dom := range [...]string{everything, tenant} {
			for _, h := range of.grantedTo(at{dom, todo[i].name}) {
				during := todo[i].during.and(h.during)
				if h.role == name || during.empty() || slices.ContainsFunc(out[h.role], func(q period) bool { return q.covers(during) }) {
					continue
				}
				out[h.role] = append(slices.DeleteFunc(out[h.role], during.covers), during)
				if len(out[h.role]) > maxPaths {
					return out, false
				}
				todo = append(todo, step{h.role, during})
			}
			if tenant == "" {
				break
			}
		}
	}
	return out, true
}

// ending returns the names of turned and those that have roles by rows with times in a tenant.
func (p *pair) ending(tenant string, turned []string) []string {
	names := turned[:len(turned):len(turned)]
	for _, of := range p.sides {
		if of == nil {
			continue
		}
		for _, dom := range [...]string{everything, tenant} {
			for _, n := range of.ends[dom] {
				if !slices.Contains(names, n) {
					names = append(names, n)
				}
			}
			if tenant == "" {
				break
			}
		}
	}
	return names
}

// duringKey is a condition that is asked in a period.
type duringKey struct {
	cond   int32
	during period
}

// during returns the number of a condition that is what another is within a period, and false
// without. It reports false when it cannot be written.
func (p *pair) during(cond int32, at period) (int32, bool) {
	if at == always {
		return cond, true
	}
	key := duringKey{cond, at}
	if n, there := p.timed[key]; there {
		return n, true
	}
	c := &p.conds[cond]
	text, schema := at.text(), p.new.schema
	if cond != 0 {
		text, schema = text+" && ("+c.text+")", p.sides[c.of].schema
	}
	e, err := condition.Parse(text, c.typ, schema)
	if err != nil {
		return 0, false
	}
	n := p.numberOf(e, c.of, c.typ)
	p.timed[key] = n
	return n, true
}
