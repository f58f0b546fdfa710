package policy

import (
	"slices"
	"strings"
)

// ways are how a caller comes by each name: the shortest way, and of two that are equally
// short the one whose rows come first.
type ways struct {
	names []string // in the order they were found
	step  map[string]Step
	from  map[string]string // the name before
}

// ways follows the session's roles and the g rows for the request's tenant, breadth first.
func (s *snapshot) ways(r *Request) *ways {
	w := &ways{step: map[string]Step{}, from: map[string]string{}}
	caller := r.Subject.name()
	w.add("", Step{Name: caller, Via: ViaCaller})
	if r.Subject.ID != "" && r.Subject.Roles != nil {
		for i := range r.Subject.Roles.Len() {
			if name := r.Subject.Roles.At(i); validRole(name) {
				w.add(caller, Step{Name: "role:" + name, Via: ViaSession})
			}
		}
	}
	own := s.tenants[r.Tenant]
	for i := 0; i < len(w.names) && r.Subject.ID != ""; i++ {
		name := w.names[i]
		id, known := s.names.find(name)
		if !known {
			continue
		}
		w.follow(name, s.shared.grants[id])
		if own != nil {
			w.follow(name, own.grants[id])
		}
	}
	if r.Subject.ID != "" {
		w.add(caller, Step{Name: authenticated, Via: ViaBuiltIn})
	}
	w.add(caller, Step{Name: anyone, Via: ViaBuiltIn})
	return w
}

func (w *ways) add(from string, to Step) {
	if _, found := w.step[to.Name]; found {
		return
	}
	w.names = append(w.names, to.Name)
	w.step[to.Name], w.from[to.Name] = to, from
}

func (w *ways) follow(from string, links []link) {
	for _, l := range links {
		w.add(from, Step{Name: l.at.role, Via: ViaGrant, File: l.at.file, Line: l.at.line})
	}
}

// to returns the way to a name, nil when there is none.
func (w *ways) to(name string) []Step {
	var path []Step
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

// find returns the number of user:… or role:….
func (n *names) find(s string) (id int32, ok bool) {
	space, name, _ := strings.Cut(s, ":")
	if space == "user" {
		id, ok = n.users[name]
		return id, ok
	}
	id, ok = n.roles[name]
	return id, ok
}
