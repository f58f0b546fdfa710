package token

// fewNames is how many names are held without memory of their own: more than there are in a
// token, and few enough to be looked through.
const fewNames = 24

// names are those of the members of all open objects, each object's for itself. Names beyond that
// go into a map, so that looking for a name takes no longer the more there are.
type names struct {
	few    [fewNames]string
	n      int // how many of few there are, the innermost object's last
	many   map[scopedName]struct{}
	opened int
}

// nameScope is the part of names that is of one object.
type nameScope struct{ from, object int }

// scopedName is a name in the object of that number.
type scopedName struct {
	object int
	name   string
}

// open begins the names of an object.
func (s *names) open() nameScope {
	s.opened++
	return nameScope{s.n, s.opened}
}

// close drops the names of an object, the innermost.
func (s *names) close(o nameScope) { s.n = o.from }

// add reports whether the object, the innermost, has not had the name yet.
func (s *names) add(o nameScope, name string) bool {
	for _, n := range s.few[o.from:s.n] {
		if n == name {
			return false
		}
	}
	if s.n < fewNames { // and so none of the object's is in many
		s.few[s.n] = name
		s.n++
		return true
	}
	if s.many == nil {
		s.many = map[scopedName]struct{}{}
	}
	before := len(s.many)
	s.many[scopedName{o.object, name}] = struct{}{}
	return len(s.many) > before
}
