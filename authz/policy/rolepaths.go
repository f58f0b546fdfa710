package policy

import (
	"slices"
)

// rolePaths are how a caller comes by each name: the shortest way, and of two that are equally
// short the one whose rows come first.
type rolePaths struct {
	names []string // in the order they were found
	step  map[string]RoleStep
	from  map[string]string // the name before
	has   map[uint32]bool   // the numbers of those that the policy mentions

	lapsed []Lapse
}

// rolePaths follows the session's roles and the g rows for the request's tenant, breadth first.
func (s *snapshot) rolePaths(r *Request) *rolePaths {
	w := &rolePaths{step: map[string]RoleStep{}, from: map[string]string{}, has: map[uint32]bool{}}
	caller := r.Subject.name()
	w.add("", RoleStep{Name: caller, Via: ViaCaller})
	if r.Subject.ID != "" && r.Subject.Roles != nil {
		for i := range r.Subject.Roles.Len() {
			if name := r.Subject.Roles.At(i); validRole(name) {
				w.add(caller, RoleStep{Name: "role:" + name, Via: ViaSession})
			}
		}
	}
	now := r.now.tick()
	own := s.names.tenants.Find(r.Tenant.String())
	for i := 0; i < len(w.names) && r.Subject.ID != ""; i++ {
		name := w.names[i]
		id := s.names.find(name)
		if id == 0 {
			continue
		}
		s.follow(w, name, linksOf(s.links, 0, id), now)
		if own != 0 {
			s.follow(w, name, linksOf(s.links, own, id), now)
		}
	}
	if r.Subject.ID != "" {
		w.add(caller, RoleStep{Name: authenticated, Via: ViaBuiltIn})
	}
	w.add(caller, RoleStep{Name: anyone, Via: ViaBuiltIn})
	w.lapsed = slices.DeleteFunc(w.lapsed, func(l Lapse) bool { _, found := w.step[l.Role]; return found })
	for _, name := range w.names {
		w.has[s.names.find(name)] = true
	}
	return w
}

func (w *rolePaths) add(from string, to RoleStep) {
	if _, found := w.step[to.Name]; found {
		return
	}
	w.names = append(w.names, to.Name)
	w.step[to.Name], w.from[to.Name] = to, from
}

// follow adds the roles that links give at a tick, and notes those that they do not give then.
func (s *snapshot) follow(w *rolePaths, from string, links []link, now int64) {
	for _, l := range links {
		p, role := s.periods[l.times], s.names.name(l.role)
		if p.holds(now) {
			w.add(from, RoleStep{Name: role, Via: ViaGrant, File: s.files[l.file], Line: int(l.line), Ends: p.end()})
			continue
		}
		w.lapsed = append(w.lapsed, Lapse{Member: from, Role: role, File: s.files[l.file], Line: int(l.line), Start: p.start(), End: p.end(), Ended: p.until <= now})
	}
}

// to returns the way to a name, nil when there is none.
func (w *rolePaths) to(name string) []RoleStep {
	var path []RoleStep
	for name != "" {
		step, found := w.step[name]
		if !found {
			return nil
		}
		path = append(path, step)
		name = w.from[name]
	}
	slices.Reverse(path)
	return path
}
