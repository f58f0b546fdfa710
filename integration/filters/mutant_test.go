//go:build unix

package filters_test

import (
	"testing"

	"github.com/reevehq/reeve/integration/internal/mutant"
	"github.com/reevehq/reeve/internal/testneed"
)

// Each guard of the texts is there for rows that a test has.
func TestEachGuardIsNeeded(t *testing.T) {
	if !testneed.Soak() {
		t.Skip("each mutant takes a minute: set REEVE_SOAK=1")
	}
	mutant.Run(t, ofTexts)
}

// TestEachMutantChangesWhatIsThere is the cheap part of it.
func TestEachMutantChangesWhatIsThere(t *testing.T) {
	mutant.Stand(t, ofTexts)
	mutant.Stand(t, ofRowLevelSecurity()...)
}

var ofTexts = mutant.Set{Config: mutant.Config{Source: "../../authz/policy/internal/sqltext", Package: ".", Tests: "Comparison|Null|AnotherType|OtherKinds|ValueOfACaller"}, Mutants: guards}

var guards = []mutant.Mutant{
	{Name: "the tenant is left out", File: "query.go", Old: "all := []string{w.inTenant(q.Alias, q.Column)}", New: "all := []string{}"},
	{Name: "texts are ordered by a language", File: "literal.go", Old: "case isOrder(o):\n\t\treturn w.bytes(col)", New: "case isOrder(o):\n\t\treturn col"},
	{Name: "whole numbers have no end", File: "domain.go", Old: `return ">= " + strconv.Itoa(-condition.MaxInt), "<= " + strconv.Itoa(condition.MaxInt)`, New: `return "", strconv.Itoa(0)[:0]`},
	{Name: "numbers of Postgres need not be finite", File: "domain.go", Old: `return "> '-Infinity'::double precision", "< 'Infinity'::double precision"`, New: `return "", ""`},
	{Name: "numbers of SQLite need not be finite", File: "domain.go", Old: `return "> -9e999", "< 9e999"`, New: `return "", ""`},
	{Name: "times of Postgres have no end", File: "domain.go", Old: `return ">= '0001-01-01 00:00:00+00'::timestamptz", "<= '9999-12-31 23:59:59.999999+00'::timestamptz"`, New: `return "", ""`},
	{Name: "a value of SQLite is of any type", File: "domain.go", Old: "parts = append(parts, typeIs(a.Kind, col))", New: "_ = typeIs"},
	{Name: "a number is a bool", File: "domain.go", Old: `return col + " IN (0, 1)"`, New: `return "typeof(" + col + ") = 'integer'"`},
	{Name: "any text is a uuid", File: "domain.go", Old: `col+" GLOB '"+uuidPattern+"'"`, New: `col+" GLOB '*'"+uuidPattern[:0]`},
	{Name: "texts have any length", File: "domain.go", Old: "if most == 0 {", New: "if most >= 0 {"},
	{Name: "a text of the caller has any length", File: "literal.go", Old: "and(append(parts, w.shorter(l, s))...))", New: "and(parts...))"},
	{Name: "NULL is outside every list", File: "list.go", Old: `out := and(append([]string{in(text), col + " IS NOT NULL"}`, New: "out := and(append([]string{in(text)}"},
	{Name: "a list may hold NULL", File: "list.go", Old: `"array_position(" + col + ", NULL) IS NULL"`, New: `col + " IS NOT NULL"`},
	{Name: "a list of Postgres has any length", File: "list.go", Old: `parts = append(parts, "cardinality("+col+") <= "+most)`, New: "_ = most"},
	{Name: "a list of SQLite has any length", File: "list.go", Old: `parts = append(parts, "(SELECT count(*) FROM "+each(col)+") <= "+most)`, New: "_ = most"},
	{Name: "a list of SQLite holds anything", File: "list.go", Old: `"NOT EXISTS (SELECT 1 FROM " + each(col) + " WHERE type <> 'text')"`, New: `"json_valid(" + col + ")"`},
	{Name: "an object of JSON is a list", File: "list.go", Old: `"substr(ltrim(" + col + ", char(32, 9, 10, 13)), 1, 1) = '['"`, New: `"json_valid(" + col + ")"`},
	{Name: "members are of any tenant", File: "relation.go", Old: "in := m.w.inTenant(alias, m.w.Column)", New: "in := always"},
	{Name: "members count whatever they are", File: "relation.go", Old: `if m.list.Relation.Only == "" {`, New: "if alias != \"\" {"},
	{Name: "members are any number", File: "relation.go", Old: `if m.most == "" {`, New: `if m.most >= "" {`},
	{Name: "a parent is of any tenant", File: "relation.go", Old: `return and(w.exact(column(alias, a.Relation.Key))+" = "+s.of(a), w.inTenant(alias, w.tenantOf(a)))`, New: `return w.exact(column(alias, a.Relation.Key)) + " = " + s.of(a)`},
	{Name: "a tenant of SQLite is a number", File: "query.go", Old: `typeIs(condition.KindString, col))`, New: `col+" IS NOT NULL")`},
	{Name: "keys of members are of any case", File: "relation.go", Old: "func (m *members) key() string { return m.w.exact(column(m.alias, m.list.Relation.Key)) }", New: "func (m *members) key() string { return column(m.alias, m.list.Relation.Key) }"},
	{Name: "keys of parents are of any case", File: "relation.go", Old: "key, fk := w.exact(column(within.parent, via.Relation.Key)), s.of(via)", New: "key, fk := column(within.parent, via.Relation.Key), s.of(via)"},
	{Name: "a long text counts once", File: "list.go", Old: `" / " + weight(w.bytesOf(l.A.Attr, s))`, New: `" / 1"`},
	{Name: "a text is as long as it likes beside no list", File: "list.go", Old: "if g := l.Guard(); g.PerUnit {", New: "if g := l.Guard(); g.PerUnit && g.Low {"},
	{Name: "NULL that is a value has no length", File: "list.go", Old: `"greatest(octet_length(" + col + "), 1)"`, New: `"octet_length(" + col + ")"`},
	{Name: "NULL that is a value has no length in SQLite", File: "list.go", Old: `"octet_length(ifnull(" + col + ", ''))"`, New: `"octet_length(" + col + ")"`},
	{Name: "a row without a text is counted", File: "size.go", Old: `" IS NOT NULL" }`, New: `" IS NOT DISTINCT FROM " + column(m.alias, m.list.Relation.Value) }`},
	{Name: "rows are counted one too few", File: "size.go", Old: `" LIMIT " + m.w.number(l, 1)`, New: `" LIMIT " + m.w.number(l, 0)`},
	{Name: "at most so many are more", File: "size.go", Old: `condition.OpSizeNotAbove: " <= "`, New: `condition.OpSizeNotAbove: " < "`},
	{Name: "a list that is not known is counted", File: "list.go", Old: `return and(w.cardinality(col)+sizes[l.Op]+w.number(&l, 0), w.listKnown(col, ""))`, New: `return w.cardinality(col) + sizes[l.Op] + w.number(&l, 0)`},
	{Name: "NULL that is a value is none", File: "literal.go", Old: "if a.Null != condition.NullValue {\n\t\treturn text", New: "if a != nil {\n\t\treturn text"},
	{Name: "NULL equals no NULL", File: "literal.go", Old: "if nullA && nullB {", New: "if nullA && nullB && a == nil {"},
	{Name: "a beginning of nothing is NULL", File: "text.go", Old: `return "instr(" + blob(text) + ", " + blob(part) + ")" + equals(o == condition.OpStartsWith) + "1"`, New: `return "substr(" + blob(text) + ", 1, length(" + blob(part) + "))" + equals(o == condition.OpStartsWith) + blob(part)`},
	{Name: "an end of nothing is NULL", File: "text.go", Old: `"(length(" + blob(part) + ") = 0 OR (length("`, New: `"(length(" + blob(part) + ") < 0 OR (length("`},
	{Name: "an end may be longer than its text", File: "text.go", Old: `") >= length(" + blob(part) + ") AND substr("`, New: `") >= 0 * length(" + blob(part) + ") AND substr("`},
}
