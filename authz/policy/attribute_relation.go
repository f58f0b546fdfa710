package policy

import (
	"github.com/reevehq/reeve/authz/policy/condition"
	"github.com/reevehq/reeve/internal/policycsv"
)

// kindMembers is the kind of a list that attributes.csv writes for the rows of another table.
// The attribute is of kind strings.
const kindMembers = "members"

// valuesOfAttribute are the values that a row of attributes.csv has, which its kind says.
func valuesOfAttribute(r *policycsv.Line) []string {
	if len(r.Fields) < 3 {
		return attributeValues
	}
	switch r.Fields[2].Text {
	case KindParent.String():
		return parentValues
	case kindMembers:
		if len(r.Fields) > len(membersValues) {
			return onlyValues
		}
		return membersValues
	}
	return attributeValues
}

// readRelation reads what a row says beyond its first five values.
func readRelation(r *policycsv.Line, a *Attribute, check func(i int, good bool, format string, args ...any)) *condition.Relation {
	text := func(i int) string { return r.Fields[i].Text }
	column := func(i int) {
		check(i, text(i) != "" && validColumn(text(i)), "%s cannot name a column: letters, digits and _%s", quote(text(i)), nameCharacter(text(i)))
	}
	check(0, a.Type != ofSubject && a.Type != ofEnv, "an attribute of %s is no row of a table", a.Type)
	check(4, a.Column != "", "a relation needs the column that the other table refers to, or that refers to it")
	relation := &condition.Relation{}
	if a.Kind == KindParent {
		relation.Target, relation.Table, relation.Key = text(5), text(6), text(7)
		check(5, validWord(relation.Target) && relation.Target != ofObject && relation.Target != ofSubject && relation.Target != ofEnv, "%s is not an object type: write a word in lower case such as project", quote(relation.Target))
		check(3, a.Null != condition.NullValue, "an object without a parent has no attributes of one: write yes")
		column(6)
		column(7)
		return relation
	}
	relation.Table, relation.Key, relation.Value = text(5), text(6), text(7)
	column(5)
	column(6)
	column(7)
	check(3, a.Null == condition.NullNever, "a list of rows is there when there are none: write no")
	if len(r.Fields) == len(onlyValues) {
		relation.Only, relation.Is = text(8), text(9)
		column(8)
		check(9, relation.Is != "" && printable(relation.Is), "%s is not what a column of such rows says", quote(relation.Is))
	}
	return relation
}

// parentRow is a row that declares a parent, and where its type stands.
type parentRow struct {
	Attribute
	line, col int
}

// withTargets returns the attributes without those parents whose type no row is about.
func withTargets(file string, list []Attribute, parents []parentRow, p *problems) []Attribute {
	for _, row := range parents {
		there := false
		for _, a := range list {
			there = there || a.Type == row.Relation.Target
		}
		if there {
			continue
		}
		p.add(CodeAttributeRelation, file, row.line, row.col, "no row is about the object type %s", quote(row.Relation.Target))
		kept := list[:0:0]
		for _, a := range list {
			if a.Type != row.Type || a.Name != row.Name {
				kept = append(kept, a)
			}
		}
		list = kept
	}
	return list
}
