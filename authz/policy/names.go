package policy

import (
	"strings"

	"github.com/reevehq/reeve/internal/lookup"
)

// names numbers what the rules and grants of a policy mention. Other texts of a request have no
// number and need none: a decision stores nothing about it, where Casbin's g() remembers every
// subject.
//
// Users and roles have numbers of one sequence, the roles first; see user.
type names struct {
	users, roles *lookup.Symbols // without user: and role:
	tenants      *lookup.Symbols
	words        *lookup.Symbols // actions and object types
	objects      *lookup.Symbols // routes, ids and how these begin

	anyone, authenticated uint32 // the built-in roles, once sealed
}

// userBit marks a user's number until all roles are known.
const userBit = 1 << 31

func newNames() *names {
	n := &names{users: lookup.NewSymbols(), roles: lookup.NewSymbols(), tenants: lookup.NewSymbols(), words: lookup.NewSymbols(), objects: lookup.NewSymbols()}
	n.addName(anyone)
	n.addName(authenticated)
	return n
}

// addName returns the number of user:… or role:…, which for a user is settled by seal.
func (n *names) addName(s string) uint32 {
	space, name, _ := strings.Cut(s, ":")
	if space == "user" {
		return n.users.Add(name) | userBit
	}
	return n.roles.Add(name)
}

// addTenant returns the number of a tenant, 0 for all.
func (n *names) addTenant(s string) uint32 {
	if s == everything {
		return 0
	}
	return n.tenants.Add(s)
}

// addWord returns the number of an action or a type, 0 for every action and for no type.
func (n *names) addWord(s string) uint32 {
	if s == everything || s == "" {
		return 0
	}
	return n.words.Add(s)
}

// addObject returns the number of the rest of a target, 0 for none.
func (n *names) addObject(s string) uint32 {
	if s == "" {
		return 0
	}
	return n.objects.Add(s)
}

// moved are the numbers of names, by what adding them returned.
type moved struct {
	names                                 *names
	users, roles, tenants, words, objects []uint32
}

// seal ends adding and reports whether all names have a number.
func (n *names) seal() (moved, bool) {
	m := moved{n, n.users.Seal(), n.roles.Seal(), n.tenants.Seal(), n.words.Seal(), n.objects.Seal()}
	ok := uint64(n.numbers()) < userBit
	for _, t := range []*lookup.Symbols{n.users, n.roles, n.tenants, n.words, n.objects} {
		ok = ok && !t.Full
	}
	n.anyone, n.authenticated = n.find(anyone), n.find(authenticated)
	return m, ok
}

// name is the number of a user or a role.
func (m *moved) name(id uint32) uint32 {
	if id&userBit != 0 {
		return m.names.user(m.users[id&^userBit])
	}
	return m.roles[id]
}

// user is the number of the user that has a number among the users.
func (n *names) user(user uint32) uint32 { return uint32(n.roles.Numbers()) + user }

// isUser reports whether a number is that of a user.
func (n *names) isUser(id uint32) bool { return id >= uint32(n.roles.Numbers()) }

// numbers is more than any number of a user or a role.
func (n *names) numbers() int { return n.roles.Numbers() + n.users.Numbers() }

// find returns the number of user:… or role:…, 0 when it has none.
func (n *names) find(s string) uint32 {
	space, name, _ := strings.Cut(s, ":")
	if space != "user" {
		return n.roles.Find(name)
	}
	if id := n.users.Find(name); id != 0 {
		return n.user(id)
	}
	return 0
}

// name returns user:… or role:….
func (n *names) name(id uint32) string {
	space, name := n.nameOf(id)
	return space + name
}

func (n *names) nameOf(id uint32) (space, name string) {
	if n.isUser(id) {
		return "user:", n.users.Text(id - uint32(n.roles.Numbers()))
	}
	return "role:", n.roles.Text(id)
}

// texts is name, which makes each text once, for whoever asks for many.
func (n *names) texts() func(id uint32) string {
	made, text := make([]string, n.numbers()), strings.Builder{}
	return func(id uint32) string {
		if made[id] != "" {
			return made[id]
		}
		space, name := n.nameOf(id)
		if text.Cap()-text.Len() < len(space)+len(name) {
			text = strings.Builder{}
			text.Grow(len(space) + len(name) + 4096) // for many
		}
		from := text.Len()
		text.WriteString(space)
		text.WriteString(name)
		made[id] = text.String()[from:]
		return made[id]
	}
}

// orEverything returns the text that has a number, and * for 0.
func orEverything(t *lookup.Symbols, id uint32) string {
	if id == 0 {
		return everything
	}
	return t.Text(id)
}
