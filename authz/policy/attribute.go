package policy

import (
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/reevehq/reeve/internal/ascii"
	"github.com/reevehq/reeve/internal/hint"
	"github.com/reevehq/reeve/internal/policycsv"
)

// Kind is the type of an attribute.
type Kind uint8

// The kinds, as attributes.csv writes them in lower case. The zero Kind is none of them.
const (
	String  Kind = iota + 1 // compared byte by byte
	Int                     // a whole number within ±2⁵³, where Casbin's arithmetic is exact
	Float                   // a finite number
	Bool                    // true or false
	Strings                 // a list that "in" looks into
)

// String returns the kind as attributes.csv writes it.
func (k Kind) String() string {
	switch k {
	case String:
		return "string"
	case Int:
		return "int"
	case Float:
		return "float"
	case Bool:
		return "bool"
	case Strings:
		return "strings"
	}
	return "none"
}

func parseKind(s string) (Kind, bool) {
	for k := String; k <= Strings; k++ {
		if k.String() == s {
			return k, true
		}
	}
	return 0, false
}

// Attribute is one row of attributes.csv: what a condition may compare.
type Attribute struct {
	Type     string // "sub", "env" or an object type
	Name     string
	Kind     Kind
	Nullable bool   // whether the column may be NULL
	Column   string // of the table that holds such objects; "" when there is none
}

// Where an attribute is found: the part of the request, in Casbin's spelling.
const (
	ofSubject = "sub"
	ofObject  = "obj"
	ofEnv     = "env"
)

const maxAttributeName = 64 // bytes

// schema is what attributes.csv declares, with the built-in attributes.
type schema struct {
	list   []Attribute
	byType map[string]map[string]Attribute
	known  map[string]string   // by type: what there is to ask for, for errors
	names  map[string][]string // by type, sorted: what may have been meant
}

// readSchema reads attributes.csv. Content may be empty: then only r.sub.id and r.obj.id
// can be compared.
func readSchema(file, content string, p *problems) *schema {
	s := &schema{byType: map[string]map[string]Attribute{}}
	s.put(Attribute{Type: ofSubject, Name: "id", Kind: String})
	for r := range rowsOf(file, content, p) {
		a, ok := readAttribute(file, r, p)
		if !ok {
			continue
		}
		if _, twice := s.byType[a.Type][a.Name]; twice {
			p.add(CodeAttributeDuplicate, file, r.Number, r.Fields[1].Col, "the attribute %s of %s is declared already", a.Name, a.Type)
			continue
		}
		s.list = append(s.list, a)
		s.put(a)
	}
	for _, a := range EnvAttributes() {
		if _, repeated := s.byType[ofEnv][a.Name]; !repeated {
			s.put(a)
		}
	}
	s.known, s.names = map[string]string{}, map[string][]string{}
	for typ, attributes := range s.byType {
		names := slices.Collect(maps.Keys(attributes))
		if typ != ofEnv && !slices.Contains(names, "id") {
			names = append(names, "id")
		}
		slices.Sort(names)
		s.known[typ], s.names[typ] = known(typ, names), names
	}
	return s
}

func (s *schema) put(a Attribute) {
	if s.byType[a.Type] == nil {
		s.byType[a.Type] = map[string]Attribute{}
	}
	s.byType[a.Type][a.Name] = a
}

func readAttribute(file string, r *policycsv.Line, p *problems) (a Attribute, ok bool) {
	if len(r.Fields) != 5 {
		miscounted(file, r, attributeValues, p, func(i int) (at int, why string) { return 0, "" })
		return Attribute{}, false
	}
	ok = true
	check := func(i int, good bool, format string, args ...any) {
		if good {
			return
		}
		ok = false
		if at := comment(r.Fields[i].Text); at >= 0 {
			format, args = "%s", []any{ownLine}
			p.add(attributeCodes[i], file, r.Number, r.Column(r.Fields[i], at), format, args...)
			return
		}
		p.add(attributeCodes[i], file, r.Number, r.Fields[i].Col, format, args...)
	}
	a = Attribute{Type: r.Fields[0].Text, Name: r.Fields[1].Text, Column: r.Fields[4].Text}
	nullable := r.Fields[3].Text

	check(0, validWord(a.Type) && a.Type != ofObject, `%s is not an object type: write sub, env, or a word in lower case such as invoice%s`, quote(a.Type), typeHint(a.Type))
	check(1, validAttribute(a.Name), "%s cannot name an attribute: a lower-case letter, then letters, digits and _%s", quote(a.Name), attributeNameHint(a.Name))
	var known bool
	a.Kind, known = parseKind(r.Fields[2].Text)
	check(2, known, "unknown kind %s: write string, int, float, bool or strings%s", quote(r.Fields[2].Text), kindHint(r.Fields[2].Text))
	a.Nullable = nullable == "yes"
	check(3, nullable == "yes" || nullable == "no", "%s is not yes or no%s", quote(nullable), nullableHint(nullable))
	check(4, a.Column == "" || validColumn(a.Column), "%s cannot name a column: letters, digits and _%s", quote(a.Column), nameCharacter(a.Column))
	if a.Type == ofSubject || a.Type == ofEnv {
		check(4, a.Column == "", "an attribute of %s has no column: leave it empty", a.Type)
	}
	if a.Name == "id" && a.Type != ofEnv {
		check(1, a.Type != ofSubject, "r.sub.id is built in: delete the row")
		check(2, a.Kind == String, "r.obj.id is built in and a string")
	}
	if own, builtIn := builtInEnv(a.Name); builtIn && a.Type == ofEnv {
		check(2, a.Kind == own.Kind, "r.env.%s is built in and of kind %s", a.Name, own.Kind)
	}
	return a, ok
}

// find returns the attribute that r.<part>.<name> names in a rule for the object type typ,
// "" for a rule that covers objects of no one type. Otherwise why says what is wrong.
func (s *schema) find(part, name, typ string) (a Attribute, why string) {
	if part == ofObject && typ == "" {
		return Attribute{}, "a rule for routes or for every object cannot ask for r.obj." + name + ": only r.sub and r.env are the same everywhere"
	}
	of := part
	if part == ofObject {
		of = typ
	}
	if a, ok := s.byType[of][name]; ok {
		return a, ""
	}
	if part == ofObject && name == "id" {
		return Attribute{Type: typ, Name: "id", Kind: String}, ""
	}
	there, ok := s.known[of]
	if !ok {
		there = known(of, []string{"id"})
	}
	why = "unknown attribute r." + part + "." + name + ": " + there
	if near := s.nearest(of, name); near != "" {
		why += "; did you mean r." + part + "." + near + "?"
	}
	if part == ofSubject && (name == "role" || name == "roles" || name == "groups") {
		why += "; a role is who the rule is for, the row's second value"
	}
	if part == ofSubject && (name == "tenant" || name == "tenants") {
		why += "; a tenant is the row's third value"
	}
	return Attribute{}, why
}

// nearest returns the attribute of a type that name was probably meant to be, "" for none.
func (s *schema) nearest(of, name string) string {
	names, ok := s.names[of]
	if !ok {
		names = []string{"id"}
	}
	return hint.Nearest(name, names)
}

// known says which attributes a type has, sorted, or the first of them: an error is no place for
// hundreds.
func known(typ string, names []string) string {
	const most = 20
	names, more := slices.Sorted(slices.Values(names)), ""
	if n := len(names) - most; n > 0 {
		names, more = names[:most], " and "+strconv.Itoa(n)+" more"
	}
	return "those of " + typ + " are " + strings.Join(names, ", ") + more
}

// validAttribute accepts [a-z][a-zA-Z0-9_]*. Names with a capital are the model's own.
func validAttribute(s string) bool {
	return s != "" && len(s) <= maxAttributeName && ascii.IsLower(s[0]) && ascii.All(s, isIdent)
}

// validColumn accepts what is a column in every database without quotes.
func validColumn(s string) bool {
	return len(s) <= 63 && !ascii.IsDigit(s[0]) && ascii.All(s, isIdent)
}

func isIdent(b byte) bool {
	return ascii.IsLower(b) || ascii.IsUpper(b) || ascii.IsDigit(b) || b == '_'
}
