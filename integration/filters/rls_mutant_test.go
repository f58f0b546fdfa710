//go:build unix

package filters_test

import (
	"testing"
	"time"

	"github.com/reevehq/reeve/integration/internal/mutant"
	"github.com/reevehq/reeve/internal/testneed"
)

// Each guard of row-level security is there for a statement, a row or a caller that a test has: of
// the texts, of what is said of a caller, and of the functions of the database.
func TestEachGuardOfRowLevelSecurityIsNeeded(t *testing.T) {
	if !testneed.Soak() {
		t.Skip("each mutant takes a minute: set REEVE_SOAK=1")
	}
	mutant.Run(t, ofRowLevelSecurity()...)
}

func ofRowLevelSecurity() []mutant.Set {
	const comparisons, functions = "Comparison|Null|OtherKinds|Database|Written", "Forge|Verifying|Bounds|Revision|Without"
	return []mutant.Set{{Config: mutant.Config{Source: "../../authz/policy/internal/sqltext", Package: ".", Tests: comparisons, Timeout: 10 * time.Minute}, Mutants: []mutant.Mutant{
		{Name: "a branch that allows is always on", File: "rows.go", Old: "return caller != nil\n\tcase condition.FormAll, condition.FormAny:\n\t\tall := true", New: "return true || caller != nil\n\tcase condition.FormAll, condition.FormAny:\n\t\tall := true"},
		{Name: "a branch that denies is always off", File: "rows.go", Old: "return or(rest, w.flag(Slot{Kind: SlotOn}))", New: "return or(rest, w.flag(Slot{Kind: SlotOn}), always)"},
		{Name: "NULL is no list that a text is outside of", File: "rows.go", Old: "if w.holdsOfNull(l) {", New: "if false && w.holdsOfNull(l) {"},
		{Name: "NULL of a caller is none", File: "rows.go", Old: "return or(text, and(w.flag(Slot{Kind: SlotHolds, Holds: isNull}), beside))", New: "_ = isNull\n\treturn or(text, beside)"},
		{Name: "prefixes are allowed for denied", File: "rows.go", Old: `"text")+")", b.Allow)`, New: `"text")+")", true)`},
		{Name: "denied ids are allowed", File: "rows.go", Old: "l.Op = condition.OpNoneOf", New: "l.Op = condition.OpOneOf"},
		{Name: "what is asked of the caller alone is not", File: "rows.go", Old: "if len(own) > 0 {", New: "if len(own) > 0 && isAll == false {"},
		{Name: "apostrophes end a text", File: "rows.go", Old: `text = strings.ReplaceAll(text, "'", "''")`, New: ""},
		{Name: "backslashes begin an escape", File: "rows.go", Old: "strings.ReplaceAll(text, `\\`, `\\\\`)", New: "text"},
		{Name: "a list of the caller has no share of the limit", File: "list.go", Old: ` / greatest(sum(" + weight("octet_length(v)") + "), 1) FROM unnest(" + w.rows.Argument(w.slot.n) + "::text[]) AS v")`, New: `")`},
		{Name: "a long text of the caller counts once", File: "list.go", Old: `" / " + weight("octet_length("+w.rows.Argument(w.slot.n)+")")`, New: `" / 1"`},
		{Name: "rows of another tenant are members", File: "query.go", Old: `return column(alias, name) + " = " + w.rows.Tenant`, New: `return always`, Tests: "WithoutAWall"},
		{Name: "rows hide that a context is of another revision", File: "rows.go", Old: "if ofAllow > 1 && !asksAll {", New: "if false {", Tests: "WhateverTheRow"},
		{Name: "the only branch asks its row first", File: "rows.go", Old: "ofAllow == 1 && !asksAll", New: "false", Tests: "WhateverTheRow"},
		{Name: "a text of the caller is a uuid", File: "literal.go", Old: "if w.slot != nil && a.Kind == condition.KindUUID { // beside", New: "if w.slot != nil && a == nil { // beside"},
	}}, {
		Config: mutant.Config{Source: "../../authz/policy", Package: ".", Tests: comparisons, Timeout: 10 * time.Minute}, Mutants: []mutant.Mutant{
			{Name: "a rule whose caller is another applies", File: "rls_context.go", Old: "if holds != (effect == Allow) {", New: "if holds != (effect == Allow) && effect == Deny {"},
			{Name: "a rule that denies is left out", File: "rls_context.go", Old: "b.applies, b.on = true, effect == Allow", New: "b.applies, b.on = true, true"},
			{Name: "a fraction is cut off", File: "rls_context.go", Old: "f = math.Ceil(f)", New: "f = math.Floor(f)"},
			{Name: "a fraction equals a whole number", File: "rls_context.go", Old: "if !whole || f > most", New: "if f > most"},
			{Name: "two attributes of a caller are one", File: "rls_plan.go", Old: "describeLeaf(&key, slot.Value)", New: ""},
			{Name: "what is asked of two callers is one", File: "rls_plan.go", Old: "describe(&key, slot.Holds)", New: ""},
			{Name: "a table may have no wall of tenants", File: "rls.go", Old: "RAISE EXCEPTION 'reeve: %% has", New: "RAISE NOTICE 'reeve: %% has", Tests: functions},
			{Name: "the database is not looked at", File: "policyrls/check.go", Old: "if n != 4 {", New: "if n > 4 {", Tests: functions},
		}}, {
		// A text that is too long selects nothing else, since no rule of a caller turns the rest of it on.
		Config: mutant.Config{Source: "../../authz/policy", Package: "../../authz/policy", Tests: "HoldsNoMoreThanItNeeds|ChangeNoRowLevelSecurity"}, Mutants: []mutant.Mutant{
			{Name: "an action has the rules of others", File: "rls_plan.go", Old: "r.action != 0 && (r.action != action || action == 0) || ", New: "r.action != action && false || "},
			{Name: "a tenant's own rules are part of the text", File: "rls_plan.go", Old: "own := s.reasons[i].File != PolicyFile", New: "own := false"},
		}}, {
		Config: mutant.Config{Source: "../../tenant/rls", Package: ".", Tests: functions, Timeout: 10 * time.Minute}, Mutants: []mutant.Mutant{
			{Name: "the signature is not compared", File: "setup.go", Old: "AND pg_catalog.sha256(outside {||} pg_catalog.decode(", New: "AND true OR pg_catalog.sha256(outside {||} pg_catalog.decode("},
			{Name: "a caller may be as long as they like", File: "setup.go", Old: "pg_catalog.octet_length(context) {<=} `+fmt.Sprint(MaxContextLength)", New: "pg_catalog.octet_length(context) {<=} 100 * `+fmt.Sprint(MaxContextLength)"},
			{Name: "any revision will do", File: "setup.go", Old: "IF ((entry {->>} 0) {=} $2) IS NOT TRUE THEN", New: "IF false THEN"},
			{Name: "no revision is any", File: "setup.go", Old: "{=} $2) IS NOT TRUE THEN", New: "{=} $2) IS FALSE THEN"},
			{Name: "nobody is somebody", File: "setup.go", Old: "IF entry IS NULL THEN", New: "IF false THEN"},
		}}}
}
