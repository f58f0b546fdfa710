package policy

import (
	"fmt"

	"github.com/reevehq/reeve/authz/policy/condition"
	"github.com/reevehq/reeve/authz/policy/internal/sqltext"
	"github.com/reevehq/reeve/internal/policycsv"
)

// kindTenant is the kind of the row of attributes.csv that says in which column the tenant of an
// object stands. It is no attribute of a condition: it makes the type one whose objects are
// listed, so that [Engine.Filter] answers for it, and every condition about it has to be one that a
// database can be asked.
const kindTenant = "tenant"

// listed are the types whose objects are listed, and where these are.
type listed map[string]*table

// table is where the objects of a type are.
type table struct {
	id     *condition.Attribute
	schema *condition.Schema
	tenant string // the column
	line   int    // of the row that says so
}

// fieldType is the object type of the fields of objects; see [Mask].
const fieldType = "field"

func isTenantRow(r *policycsv.Line) bool { return len(r.Fields) > 2 && r.Fields[2].Text == kindTenant }

// read reads a row of kind tenant.
func (l listed) read(file string, r *policycsv.Line, p *problems) {
	f, before := r.Fields, len(p.list)
	if len(f) != len(attributeValues) {
		miscounted(file, r, attributeValues, p, func(i int) (at int, why string) { return 0, "" })
		return
	}
	add := func(i int, good bool, format string, args ...any) {
		if !good {
			p.add(attributeCodes[i], file, r.Number, f[i].Col, format, args...)
		}
	}
	typ, column := f[0].Text, f[4].Text
	add(0, validWord(typ) && typ != ofObject && typ != ofSubject && typ != ofEnv && typ != fieldType, "objects of %s are not listed: write a word in lower case such as invoice", quote(typ))
	add(1, condition.IsName(f[1].Text), "%s cannot name an attribute: a lower-case letter, then letters, digits and _", quote(f[1].Text))
	add(3, f[3].Text == condition.NullNever.String(), "an object has a tenant: write no")
	add(4, column != "" && validColumn(column), "%s cannot name the column of the tenant: letters, digits and _", quote(column))
	if l[typ] != nil {
		p.add(CodeAttributeDuplicate, file, r.Number, f[1].Col, "the tenant of %s is declared already", typ)
	}
	if len(p.list) == before {
		l[typ] = &table{tenant: column, line: r.Number}
	}
}

// complete finds the columns of the ids, once all rows are read.
func (l listed) complete(file string, s *condition.Schema, p *problems) {
	for typ, t := range l {
		t.id, t.schema = s.Object(typ, "id"), s
		if t.id == nil || t.id.Column == "" {
			p.add(CodeAttributeColumn, file, t.line, 1, "objects of %s are listed and their id has no column: add the row %s, id, string, no, id", typ, typ)
		}
	}
}

// tenantOf returns the column of the tenant of a type's objects, "" for a type that is not listed.
func (l listed) tenantOf(typ string) string {
	if t := l[typ]; t != nil {
		return t.tenant
	}
	return ""
}

// unlisted says why no list of a type's objects can be filtered by a condition, "" when one can,
// or there is none.
func (l *loader) unlisted(typ string, when uint32) string {
	if when == 0 || l.listed[typ] == nil {
		return ""
	}
	if why := sqltext.Refuse(l.conds.Exprs()[when]); why != "" {
		return fmt.Sprintf("objects of %s are listed, and no database can be asked this: %s", typ, why)
	}
	return ""
}

// filters reports whether a type, by its number, has predicates: it is listed, or that of fields.
func (s *snapshot) filters(typ uint32) bool {
	if typ == 0 {
		return false
	}
	name := s.names.words.Text(typ)
	return name == fieldType || s.listed[name] != nil
}
