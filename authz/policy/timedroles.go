package policy

import (
	"cmp"
	"math"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/reevehq/reeve/tenant"
)

// timedRoles list the roles of the names that come by some of theirs through g rows with times.
// Between two of these times nothing changes, so that roles are listed once for each era of a
// domain, by the first request in it, and looked up afterwards. The eras that one tenant's rows
// begin and end cost that tenant's requests alone.
type timedRoles struct {
	names   wordSet                 // that come by some role so, in some domain
	domains map[uint32]*timedDomain // by the tenant's number, 0 for all
}

// timedDomain is a domain in which some of these names have roles.
type timedDomain struct {
	number uint32
	names  []uint32 // of timedRoles, that have roles of their own here
	bounds []int64  // the ticks at which an era begins, sorted

	latest atomic.Pointer[era]
	mu     sync.Mutex // held to list the next
}

// era is a time in which no row of a domain begins or ends.
type era struct {
	period
	roles map[uint32][]uint32 // by name, near and far
}

// newTimedRoles returns nil when no g row has times. The roles of the policy are free of cycles.
func newTimedRoles(s *snapshot) *timedRoles {
	if len(s.periods) == 1 {
		return nil
	}
	t := &timedRoles{names: newWordSet(s.names.numbers()), domains: map[uint32]*timedDomain{}}
	shared := reverse(linksIn(s.links, 0))
	touched := map[uint32][]uint32{} // by domain: the names with roles there, and those that have them
	var everywhere map[uint32]bool   // the names of domain 0
	each(s.links, func(domain uint32, links []link) {
		touched[domain] = upstream(links, reverse(links), shared)
		f := timeFinder{s: s, domain: domain, known: map[uint32]bool{}, shared: everywhere}
		for _, name := range touched[domain] {
			if f.timed(name) {
				t.names.add(name)
			}
		}
		if domain == 0 {
			everywhere = f.known
		}
	})
	bounds := map[uint32][]int64{}
	each(s.links, func(domain uint32, links []link) { bounds[domain] = boundsOf(s, links) })
	for domain, list := range touched {
		p := &timedDomain{number: domain, bounds: bounds[domain]}
		if domain != 0 {
			p.bounds = slices.Concat(p.bounds, bounds[0])
		}
		slices.Sort(p.bounds)
		p.bounds = slices.Compact(p.bounds)
		for _, name := range list {
			if t.names.has(name) {
				p.names = append(p.names, name)
			}
		}
		if len(p.names) > 0 {
			t.domains[domain] = p
		}
	}
	return t
}

// each visits the links of every domain, those for all first.
func each(links []link, visit func(domain uint32, links []link)) {
	for from := 0; from < len(links); {
		here := linksIn(links[from:], links[from].domain)
		visit(links[from].domain, here)
		from += len(here)
	}
}

// upstream returns the names that links are of, and all that have them, each once.
func upstream(links []link, own, shared reversed) []uint32 {
	visited := map[uint32]bool{}
	var list []uint32
	meet := func(name uint32) {
		if !visited[name] {
			visited[name] = true
			list = append(list, name)
		}
	}
	for _, l := range links {
		meet(l.member)
	}
	for i := 0; i < len(list); i++ {
		for _, name := range own[list[i]] {
			meet(name)
		}
		for _, name := range shared[list[i]] {
			meet(name)
		}
	}
	return list
}

// timeFinder finds out which names come to a link with times, in one domain.
type timeFinder struct {
	s             *snapshot
	domain        uint32
	known, shared map[uint32]bool
}

func (f *timeFinder) timed(name uint32) bool {
	if is, done := f.known[name]; done {
		return is
	}
	is := f.shared[name]
	for _, domain := range [...]uint32{f.domain, 0} {
		for _, l := range linksOf(f.s.links, domain, name) {
			is = f.timed(l.role) || is || l.times != 0
		}
		if f.domain == 0 {
			break
		}
	}
	f.known[name] = is
	return is
}

// boundsOf returns the ticks at which one of some links begins or ends.
func boundsOf(s *snapshot, links []link) (bounds []int64) {
	for _, l := range links {
		p := s.periods[l.times]
		if p.from != always.from {
			bounds = append(bounds, p.from)
		}
		if p.until != always.until {
			bounds = append(bounds, p.until)
		}
	}
	return bounds
}

// has reports whether a name has roles that begin or end.
func (t *timedRoles) has(name uint32) bool { return t != nil && t.names.has(name) }

// of returns the roles of a name of these in a tenant at a tick, as closures list those of others:
// a name with roles of its own in a tenant has all of its roles listed there.
func (t *timedRoles) of(s *snapshot, tenant, name uint32, tick int64) []uint32 {
	if p := t.domains[tenant]; p != nil && tenant != 0 {
		if roles, there := p.at(s, tick).roles[name]; there {
			return roles
		}
	}
	if p := t.domains[0]; p != nil {
		return p.at(s, tick).roles[name]
	}
	return nil
}

// at returns the era of a tick.
func (p *timedDomain) at(s *snapshot, tick int64) *era {
	if e := p.latest.Load(); e != nil && e.holds(tick) {
		return e
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if e := p.latest.Load(); e != nil && e.holds(tick) {
		return e
	}
	e := &era{period: p.around(tick), roles: make(map[uint32][]uint32, len(p.names))}
	visited := map[uint32]bool{}
	for _, name := range p.names {
		e.roles[name] = s.rolesAt(p.number, name, tick, visited)
	}
	p.latest.Store(e)
	return e
}

// around returns the time around a tick in which nothing begins or ends.
func (p *timedDomain) around(tick int64) period {
	around := period{math.MinInt64, math.MaxInt64}
	i, found := slices.BinarySearch(p.bounds, tick)
	if found {
		i++
	}
	if i > 0 {
		around.from = p.bounds[i-1]
	}
	if i < len(p.bounds) {
		around.until = p.bounds[i]
	}
	return around
}

// rolesAt lists the roles of a name in a domain at a tick, sorted. visited is room.
func (s *snapshot) rolesAt(domain, name uint32, tick int64, visited map[uint32]bool) []uint32 {
	clear(visited)
	visited[name] = true
	list := []uint32{name}
	follow := func(links []link) {
		for _, l := range links {
			if !visited[l.role] && s.periods[l.times].holds(tick) {
				visited[l.role] = true
				list = append(list, l.role)
			}
		}
	}
	for level, from := 0, 0; level < maxDepth && from < len(list); level++ {
		for to := len(list); from < to; from++ {
			follow(linksOf(s.links, 0, list[from]))
			if domain != 0 {
				follow(linksOf(s.links, domain, list[from]))
			}
		}
	}
	list = slices.Clip(list[1:])
	slices.Sort(list)
	return list
}

// rolesUntil returns when a role of the caller next begins or ends, zero for never.
func (s *snapshot) rolesUntil(r *Request, q *query) time.Time {
	// The caller's own names alone: those that follow from them begin and end with a name that
	// has a link with times, and all that come to one are in names.
	var own []uint32
	if r.Subject.ID != "" {
		own = append(own, s.names.find("user:"+r.Subject.ID))
		for i := range rolesLen(r.Subject.Roles) {
			own = append(own, s.names.roles.Find(r.Subject.Roles.At(i)))
		}
	}
	next := period{always.from, always.until}
	if slices.ContainsFunc(own, s.ending.has) {
		for _, domain := range [...]uint32{0, q.tenant.ID} {
			if p := s.ending.domains[domain]; p != nil {
				next.until = min(next.until, p.around(r.now.tick()).until)
			}
		}
	}
	return next.end()
}

func rolesLen(r Roles) int {
	if r == nil {
		return 0
	}
	return r.Len()
}

// checkTimes reports the g rows with times by which a member has a role that it has by another
// row, too. Casbin keeps the times of one of two such rows, and of those for all tenants and for
// one takes the latter: their meaning together would depend on which it is.
func (l *loader) checkTimes() {
	if len(l.periods) == 1 {
		return
	}
	links := slices.Clone(l.links)
	slices.SortFunc(links, func(a, b link) int {
		return cmp.Or(cmp.Compare(a.member, b.member), cmp.Compare(a.role, b.role), cmp.Compare(a.file, b.file), cmp.Compare(a.line, b.line))
	})
	for from := 0; from < len(links); {
		to := from + 1
		for to < len(links) && links[to].member == links[from].member && links[to].role == links[from].role {
			to++
		}
		l.checkTimesOf(links[from:to])
		from = to
	}
}

// checkTimesOf is checkTimes for the rows of one member and one role.
func (l *loader) checkTimesOf(links []link) {
	if !slices.ContainsFunc(links, func(k link) bool { return k.times != 0 }) {
		return
	}
	first := map[uint32]link{} // by domain
	all, everywhere := link{}, false
	for _, k := range links {
		if k.domain == 0 && !everywhere {
			all, everywhere = k, true
		}
	}
	for _, k := range links {
		other, there := first[k.domain]
		if !there {
			first[k.domain] = k
			if other, there = all, everywhere && k.domain != 0; !there {
				continue
			}
		}
		if k.times == 0 && other.times == 0 {
			continue
		}
		l.p.about = l.owners[k.file]
		l.p.add(CodeGrantTime, l.files[k.file], int(k.line), int(k.col), "%s has %s by %s, line %d, too: of two rows, one of them with times, nobody knows which counts: keep one",
			l.names.name(k.member), l.names.name(k.role), l.files[other.file], other.line)
	}
	l.p.about = tenant.ID{}
}
