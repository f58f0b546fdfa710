package policy

import "strings"

// names numbers what the rules and grants of a policy mention. What a request says beyond
// has no number and needs none: a decision stores nothing about it, where Casbin's g()
// remembers every subject.
//
// Users and roles have numbers of one sequence, the roles first; see who.
type names struct {
	users, roles *texts // without user: and role:
	tenants      *texts
	words        *texts // actions and object types
	objects      *texts // routes, ids and how these begin
}

// The numbers of the built-in roles.
const (
	anyoneID uint32 = iota + 1
	authenticatedID
)

// userBit marks a user's number until all roles are known.
const userBit = 1 << 31

func newNames() *names {
	n := &names{users: newTexts(), roles: newTexts(), tenants: newTexts(), words: newTexts(), objects: newTexts()}
	n.addWho(anyone)
	n.addWho(authenticated)
	return n
}

// addWho returns the number of user:… or role:…, which for a user is settled by seal.
func (n *names) addWho(s string) uint32 {
	space, name, _ := strings.Cut(s, ":")
	if space == "user" {
		return n.users.add(name) | userBit
	}
	return n.roles.add(name)
}

// addTenant returns the number of a tenant, 0 for all.
func (n *names) addTenant(s string) uint32 {
	if s == everything {
		return 0
	}
	return n.tenants.add(s)
}

// addWord returns the number of an action or a type, 0 for every action and for no type.
func (n *names) addWord(s string) uint32 {
	if s == everything || s == "" {
		return 0
	}
	return n.words.add(s)
}

// addObject returns the number of the rest of a target, 0 for none.
func (n *names) addObject(s string) uint32 {
	if s == "" {
		return 0
	}
	return n.objects.add(s)
}

// seal ends adding and reports whether all names have a number.
func (n *names) seal() bool {
	ok := true
	for _, t := range []*texts{n.users, n.roles, n.tenants, n.words, n.objects} {
		t.seal()
		ok = ok && !t.full
	}
	return ok && n.count() < userBit
}

// settled is the final number of what addWho returned.
func (n *names) settled(id uint32) uint32 {
	if id&userBit != 0 {
		return n.who(id &^ userBit)
	}
	return id
}

// who is the number of the user that has a number among the users.
func (n *names) who(user uint32) uint32 { return uint32(n.roles.count()) + user }

// isUser reports whether a number is that of a user.
func (n *names) isUser(id uint32) bool { return id >= uint32(n.roles.count()) }

// count is the numbers given to users and roles, and those that nobody has.
func (n *names) count() int { return n.roles.count() + n.users.count() }

// find returns the number of user:… or role:…, 0 when it has none.
func (n *names) find(s string) uint32 {
	space, name, _ := strings.Cut(s, ":")
	if space != "user" {
		return n.roles.find(name)
	}
	if id := n.users.find(name); id != 0 {
		return n.who(id)
	}
	return 0
}

// name returns user:… or role:….
func (n *names) name(id uint32) string {
	if n.isUser(id) {
		return "user:" + n.users.text(id-uint32(n.roles.count()))
	}
	return "role:" + n.roles.text(id)
}

// orEverything returns the text that has a number, and * for 0.
func orEverything(t *texts, id uint32) string {
	if id == 0 {
		return everything
	}
	return t.text(id)
}
