package policy

import (
	"github.com/reevehq/reeve/authz/policy/condition"
	"github.com/reevehq/reeve/internal/ascii"
	"github.com/reevehq/reeve/internal/policycsv"
)

// Attribute is one row of attributes.csv: what a condition may compare.
type Attribute = condition.Attribute

// AttributeKind is the type of an attribute.
type AttributeKind = condition.Kind

// The kinds, as attributes.csv writes them in lower case. The zero AttributeKind is none of
// them.
const (
	KindString  = condition.KindString  // compared byte by byte
	KindInt     = condition.KindInt     // a whole number within ±2⁵³, where Casbin's arithmetic is exact
	KindFloat   = condition.KindFloat   // a finite number
	KindBool    = condition.KindBool    // true or false
	KindStrings = condition.KindStrings // a list that "in" looks into
	KindTime    = condition.KindTime    // a moment of the years 1 to 9999, in microseconds
	KindUUID    = condition.KindUUID    // a UUID, as RFC 9562 writes it, in lower case
	KindParent  = condition.KindParent  // an object of another type, which has attributes of its own
)

// Where an attribute is found: the part of the request, in Casbin's spelling.
const (
	ofSubject = "sub"
	ofObject  = "obj"
	ofEnv     = "env"
)

// readSchema reads attributes.csv. Content may be empty: then only r.sub.id and r.obj.id
// can be compared.
func readSchema(file, content string, p *problems) (*condition.Schema, listed) {
	var list []Attribute
	tables := listed{}
	seen := map[[2]string]bool{}
	var parents []parentRow
	for r := range rowsOf(file, content, p) {
		if isTenantRow(r) {
			tables.read(file, r, p)
			continue
		}
		a, ok := readAttribute(file, r, p)
		if !ok {
			continue
		}
		if seen[[2]string{a.Type, a.Name}] {
			p.add(CodeAttributeDuplicate, file, r.Number, r.Fields[1].Col, "the attribute %s of %s is declared already", a.Name, a.Type)
			continue
		}
		seen[[2]string{a.Type, a.Name}] = true
		list = append(list, a)
		if a.Kind == KindParent {
			parents = append(parents, parentRow{a, r.Number, r.Fields[5].Col})
		}
	}
	list = withTargets(file, list, parents, p)
	s, err := condition.NewSchema(list)
	if err != nil { // each row was checked
		p.add(CodeAttributeName, file, 0, 0, "%v", err)
		s, _ = condition.NewSchema(nil)
	}
	tables.complete(file, s, p)
	return s, tables
}

func readAttribute(file string, r *policycsv.Line, p *problems) (a Attribute, ok bool) {
	if values := valuesOfAttribute(r); len(r.Fields) != len(values) {
		miscounted(file, r, values, p, func(i int) (at int, why string) { return 0, "" })
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
	check(1, condition.IsName(a.Name), "%s cannot name an attribute: a lower-case letter, then letters, digits and _%s", quote(a.Name), attributeNameHint(a.Name))
	var known bool
	a.Kind, known = condition.ParseKind(r.Fields[2].Text)
	if r.Fields[2].Text == kindMembers {
		a.Kind, known = KindStrings, true
	}
	check(2, known, "unknown kind %s: write string, int, float, bool, strings, time, uuid, parent, members or tenant%s", quote(r.Fields[2].Text), kindHint(r.Fields[2].Text))
	a.Null, known = condition.ParseNull(nullable)
	check(3, known, "%s is not yes, no or value%s", quote(nullable), nullableHint(nullable))
	check(4, a.Column == "" || validColumn(a.Column), "%s cannot name a column: letters, digits and _%s", quote(a.Column), nameCharacter(a.Column))
	if a.Type == ofSubject || a.Type == ofEnv {
		check(4, a.Column == "", "an attribute of %s has no column: leave it empty", a.Type)
	}
	if a.Name == "id" && a.Type != ofEnv {
		check(1, a.Type != ofSubject, "r.sub.id is built in: delete the row")
		check(2, a.Kind == KindString || a.Kind == KindInt || a.Kind == KindUUID, "r.obj.id is built in: a string, an int or a uuid")
		check(3, a.Null == condition.NullNever, "an object that has an id has one: write no")
	}
	if a.Type == ofSubject && a.Name == condition.SubRoles {
		check(1, false, "r.sub.roles is built in: delete the row")
	}
	if len(r.Fields) > len(attributeValues) {
		a.Relation = readRelation(r, &a, check)
	}
	if own, builtIn := condition.BuiltIn(ofEnv, a.Name); builtIn && a.Type == ofEnv {
		check(2, a.Kind == own.Kind, "r.env.%s is built in and of kind %s", a.Name, own.Kind)
	}
	return a, ok
}

// validColumn accepts what is a column in every database without quotes.
func validColumn(s string) bool {
	return len(s) <= 63 && !ascii.IsDigit(s[0]) && ascii.All(s, ascii.IsIdent)
}
