//go:build unix

package attacks_test

import (
	"os"
	"testing"

	"github.com/reevehq/reeve/integration/internal/mutant"
)

// TestEveryGuardOfTheQueryLayerIsFound removes one guard after the other of sqlscope and
// gormscope.
func TestEveryGuardOfTheQueryLayerIsFound(t *testing.T) {
	if os.Getenv("REEVE_SOAK") == "" {
		t.Skip("the long proofs run with REEVE_SOAK=1")
	}
	mutant.Run(t, mutants()...)
}

// TestEachMutantChangesWhatIsThere is the cheap part of it.
func TestEachMutantChangesWhatIsThere(t *testing.T) { mutant.Stand(t, mutants()...) }

func mutants() []mutant.Set {
	const engine = "TestDatabaseSQLStopsEveryAttack|TestTexts|TestADeferred|TestAPool|TestStacksWork|TestNothingIsLeft"
	return []mutant.Set{{Config: mutant.Config{Source: "../../tenant/sqlscope", Package: ".", Tests: engine}, Mutants: []mutant.Mutant{
		{Name: "the setting outlives the transaction", File: "session.go", Old: "set_config($1, $2, true)", New: "set_config($1, $2, false)"},
		{Name: "what is left in the session is not seen", File: "session.go", Old: "case !left.objects:", New: "case true:"},
		{Name: "types that are left are not seen", File: "session.go", Old: "'pg_catalog.pg_namespace'", New: "'pg_catalog.pg_class'", Tests: "ATypeThat"},
		{Name: "a statement that was replaced is not seen", File: "session.go", Old: "case left.replaced:", New: "case left.replaced && false:", Tests: "AStatementThat"},
		{Name: "settings that are left are not seen", File: "session.go", Old: "case left.settings != c.settings:", New: "case left.settings != c.settings && false:", Tests: "NoSettingOf"},
		{Name: "a block is allowed", File: "text.go", Old: `, "do": block`, New: "", Tests: "AStatementThat"},
		{Name: "cursors are not closed", File: "session.go", Old: `"CLOSE ALL", `, New: ""},
		{Name: "temporary tables are not dropped", File: "session.go", Old: `, "DISCARD TEMP"`, New: ""},
		{Name: "another tenant in a transaction", File: "scope.go", Old: "if got != id {", New: "if got != id && false {"},
		{Name: "several statements are sent at once", File: "text.go", Old: `return strings.Contains(strings.TrimRight(text, "; \t\n\r\f\v"), ";")`, New: "return false"},
		{Name: "the commit of the last row is not heard", File: "rows.go", Old: "if err := r.Close(); err != nil {", New: "if _ = r.Close(); false {"},
		{Name: "the tenant is not set", File: "statement.go", Old: "if err := c.enter(ctx, s); err != nil {", New: "if err := error(nil); err != nil {"},
		{Name: "a statement is not committed", File: "statement.go", Old: "if e := o.tx.Commit(); e != nil {", New: "if e := o.tx.Rollback(); e != nil {"},
	}}, {Config: mutant.Config{Source: "../../tenant/gormscope", Package: ".", Tests: "TestGORMStopsWhatItClaims"}, Mutants: []mutant.Mutant{
		{Name: "no parentheses", File: "scope.go", Old: "[]clause.Expression{all{conditions}, tenants}", New: "append(append([]clause.Expression(nil), conditions...), tenants)"},
		{Name: "no tenant in the WHERE", File: "scope.go", Old: `c.Name, c.Expression = "WHERE", p.within`, New: `c.Name, _ = "WHERE", p.within`},
		{Name: "no tenant in the ON of a join", File: "query.go", Old: "join.On = &w", New: "_ = w"},
		{Name: "deletes are not narrowed", File: "write.go", Old: "p.narrow(db.Statement, id)", New: "_ = id"},
		{Name: "no tenant is needed", File: "scope.go", Old: "id, err := tenant.Require(db.Statement.Context)", New: "id, err := tenant.MustParse(\"globex\"), error(nil)"},
	}}, { // These make the text or the values of a statement right, which no attack needs to be wrong.
		Config: mutant.Config{Source: "../../tenant/gormscope", Package: "../../tenant/gormscope", Tests: "."}, Mutants: []mutant.Mutant{
			{Name: "a foreign row is stamped over", File: "write.go", Old: "if !zero && !same(got, id) {", New: "if zero && same(got, id) {"},
			{Name: "an upsert updates any row", File: "write.go", Old: "conflict.Where = p.within(stmt.Table, id, conflict.Where.Exprs)", New: ""},
			{Name: "maps are not stamped", File: "write.go", Old: "if !same(v, id) {", New: "if !same(v, id) && false {"},
		}}}
}
