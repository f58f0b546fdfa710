package policy

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/reevehq/reeve/internal/ascii"
	"github.com/reevehq/reeve/internal/invisible"
	"github.com/reevehq/reeve/tenant"
)

// Limits of a request. They bound the work of one decision, whatever a client sends.
const (
	maxNameLength  = 128  // bytes of an action, an object type, a role's name
	maxIDLength    = 255  // bytes of a subject's or an object's id
	maxRouteLength = 1024 // bytes of a route template
	maxRoles       = 256  // roles of one subject
)

// Action names the operation that the caller asks for: an HTTP method in upper case for a route, a
// word in lower case ("read", "update") for a typed object.
type Action string

// AttributeSource answers what conditions ask of a subject, an object or the environment.
// Get returns false for an attribute that is not there; a nil value counts as not there too.
// Values are string for the kind string, bool for bool, []string for strings, any of Go's
// integer types for int, and these or a floating-point type for float, a time.Time for time, a
// string or a [16]byte for uuid, and for parent an AttributeSource of the parent. A value of any
// other type, such as a named string, a pointer or a json.Number, is an error of the decision as
// soon as a condition is unknown for it, see [Engine.Decide]: convert it where it is given. A
// number out of range, a NaN, an infinity, a time beyond the years 1 to 9999 and a malformed UUID
// count as not there.
//
// To bound the work of a decision, comparisons beyond these limits are unknown, as if their
// values were not there:
//
//   - two attributes that are both longer than 4 KiB;
//   - lists of more than 4096 texts, counted over all lists that one condition looks into, and two
//     lists of as many pairs;
//   - of these, a text that is looked for counts once for each 64 bytes that it begins: one of 255
//     bytes is looked for in at most 1024 texts. It is the caller's, or that of a constant, where
//     one side is the object's and the other is not.
type AttributeSource interface {
	Get(name string) (any, bool)
}

// Values is an [AttributeSource] made of a map.
type Values map[string]any

// Get returns the value of name.
func (v Values) Get(name string) (any, bool) {
	x, ok := v[name]
	return x, ok
}

// Roles is a set of role names without the "role:" prefix. A name that no policy
// mentions grants nothing.
type Roles interface {
	Len() int
	At(i int) string
}

// RoleNames is a [Roles] made of a slice.
type RoleNames []string

// Len returns the number of roles.
func (r RoleNames) Len() int { return len(r) }

// At returns role i of 0..Len()-1.
func (r RoleNames) At(i int) string { return r[i] }

// Subject is the caller. The zero Subject is an anonymous caller, to whom only the rules
// for role:anyone apply.
type Subject struct {
	ID         string          // the user's id without "user:"; "" for an anonymous caller
	Roles      Roles           // of the session, for the request's tenant; nil is none
	Attributes AttributeSource // of the session; nil is none
}

// Object is the target of the caller's action: a route, made by [Route], or a typed object such
// as the invoice 42 or, with no ID, the invoices as a whole.
type Object struct {
	Route string // the route template as the router registered it ("/invoices/:id")

	Type string // in lower case ("invoice")
	ID   string // "" for the type as a whole, as when creating

	// Tenant is the tenant that the object belongs to, as it is stored with the object, and
	// never taken from the caller. It is required with an ID. A request for another tenant's
	// object is refused before any rule is read. An object that belongs to no tenant, such as
	// an entry of a catalogue for all, is asked about with the request's tenant. Without an
	// ID, the zero Tenant is the request's.
	Tenant tenant.ID

	// Attributes are those of the object, and of a route the parameters by their names: texts, as
	// the handler sees them. Nil is none.
	Attributes AttributeSource
}

// Request asks whether a subject may do something in a tenant.
type Request struct {
	Tenant  tenant.ID // may be zero for an anonymous caller only
	Subject Subject
	Action  Action
	Object  Object
	Env     AttributeSource // of the environment, such as the client's address, see [EnvAttributes]; nil is none

	now    instant   // when it is decided; set by the engine
	roles  *[]string // what r.sub.roles is; set by the engine for conditions that ask
	misfit misfit    // that left a condition unknown
}

// validate returns an error wrapping [ErrRequest] for a request that means nothing or
// could mean two things. It comes before all that reads the policy, hints included.
func (r *Request) validate() error {
	if r.Subject.ID != "" && r.Tenant.IsZero() {
		return fmt.Errorf("%w: a subject without a tenant", ErrRequest)
	}
	if !r.Object.Tenant.IsZero() && r.Tenant.IsZero() {
		return fmt.Errorf("%w: an anonymous caller asks in no tenant about an object in one: set Request.Tenant to the object's", ErrRequest)
	}
	if !r.Object.Tenant.IsZero() && r.Object.Tenant != r.Tenant {
		return fmt.Errorf("%w: the object belongs to another tenant", ErrRequest)
	}
	if err := r.Subject.validate(); err != nil {
		return err
	}
	return r.Object.validate(r.Action)
}

func (s *Subject) validate() error {
	if s.ID == "" && s.Roles != nil && s.Roles.Len() > 0 {
		return fmt.Errorf("%w: an anonymous subject with roles", ErrRequest)
	}
	if s.ID != "" && !validUserID(s.ID) {
		return fmt.Errorf("%w: malformed subject id", ErrRequest)
	}
	if s.Roles != nil && s.Roles.Len() > maxRoles {
		return fmt.Errorf("%w: %d roles, at most %d are allowed", ErrRequest, s.Roles.Len(), maxRoles)
	}
	return nil
}

func (o *Object) validate(action Action) error {
	if o.Route == "" {
		return o.validateTyped(action)
	}
	if o.Type != "" || o.ID != "" {
		return fmt.Errorf("%w: an object that is a route and has a type", ErrRequest)
	}
	if o.Route[0] != '/' || len(o.Route) > maxRouteLength {
		return fmt.Errorf("%w: malformed route template", ErrRequest)
	}
	// A HEAD answers what GET would: were it decided by its own name, a deny for GET
	// would not cover it.
	if action == "HEAD" {
		return fmt.Errorf("%w: HEAD is decided as GET", ErrRequest)
	}
	if !validMethod(string(action)) {
		return fmt.Errorf("%w: the action on a route is a method in upper case", ErrRequest)
	}
	return nil
}

func (o *Object) validateTyped(action Action) error {
	if err := o.Err(); err != nil {
		return err
	}
	if o.Type == "" {
		return fmt.Errorf("%w: no object", ErrRequest)
	}
	if !validWord(o.Type) {
		return fmt.Errorf("%w: %s is no object type: a type is a word in lower case, as the policy has it", ErrMisused, shown(quote(o.Type)))
	}
	if o.ID != "" && o.Tenant.IsZero() {
		return fmt.Errorf("%w: an object of the type %s has an id and no tenant: set Object.Tenant to the tenant that is stored with the object", ErrMisused, o.Type)
	}
	if len(o.ID) > maxIDLength || !printable(o.ID) {
		return fmt.Errorf("%w: malformed object id", ErrRequest)
	}
	// Such a name would be that of a route in a rule.
	if o.Type == "route" && strings.HasPrefix(o.ID, "/") {
		return fmt.Errorf("%w: the id of an object of type route begins with a slash", ErrRequest)
	}
	if !validWord(string(action)) {
		return fmt.Errorf("%w: the action on a typed object is a word in lower case", ErrRequest)
	}
	return nil
}

// validUserID accepts what session.ParseUserID does.
func validUserID(id string) bool {
	return id != "" && len(id) <= maxIDLength && ascii.All(id, inUserID) &&
		(ascii.All(id, visible) || printable(id) && !invisible.In(id))
}

// inUserID reports whether a byte may stand in a user's id.
func inUserID(b byte) bool { return b != ' ' }

// nameable reports whether a row may name a user. It may not where the id has '*' or '?', which
// whoever writes a row means as a pattern, nor a comma, with which Casbin joins values, a quote
// or '#': such users have roles.
func nameable(id string) bool { return validUserID(id) && !strings.ContainsAny(id, `*?,"#`) }

// validRole accepts what session.NewRoles does.
func validRole(name string) bool {
	return name != "" && len(name) <= maxNameLength && ascii.All(name, func(b byte) bool {
		return ascii.IsLower(b) || ascii.IsUpper(b) || ascii.IsDigit(b) || b == '.' || b == '_' || b == '-'
	})
}

// validWord accepts object types and actions: [a-z][a-z0-9_-]*.
func validWord(s string) bool {
	return s != "" && len(s) <= maxNameLength && ascii.IsLower(s[0]) && ascii.All(s, func(b byte) bool {
		return ascii.IsLower(b) || ascii.IsDigit(b) || b == '_' || b == '-'
	})
}

// printable reports whether s is UTF-8 whose every character prints; the one space that
// prints is the ASCII one.
func printable(s string) bool {
	if ascii.All(s, visible) {
		return true
	}
	for _, c := range s {
		if !unicode.IsPrint(c) {
			return false
		}
	}
	return utf8.ValidString(s)
}

// visible reports whether a byte is an ASCII character that prints.
func visible(b byte) bool { return ' ' <= b && b <= '~' }
