package rls_test

import (
	"regexp"
	"strings"
	"testing"

	"github.com/reevehq/reeve/tenant/rls"
)

// The functions that policies call run with the rights of the owner and in the search_path of
// whoever asks: each operator, function and type in them names the schema of the system.
func TestTheFunctionsOfPoliciesNameTheSystemsSchema(t *testing.T) {
	for _, cfg := range []rls.Config{{}, {NoRows: true}, {Plain: true}} {
		cfg.Owner, cfg.App = "owner", "app"
		script, err := rls.SetupSQL(cfg)
		if err != nil {
			t.Fatal(err)
		}
		parts := strings.Split(script, "$reeve$")
		if want := map[bool]int{true: 1, false: 2}[cfg.Plain]; len(parts) != 2*want+1 {
			t.Fatalf("%d functions\n%s", len(parts)/2, script)
		}
		for i := 1; i < len(parts); i += 2 {
			body := parts[i]
			for _, skip := range []string{`--[^\n]*`, `'[^']*'`, `ERRCODE = `, `-[0-9]+`, `OPERATOR\(pg_catalog\.[^)]+\)`, `:=`, `pg_catalog\.\w+`, `reeve\.context_key`} {
				body = regexp.MustCompile(skip).ReplaceAllString(body, " ")
			}
			if bare := regexp.MustCompile(`[=<>|~#+*/%^@&!-]`).FindAllString(body, -1); len(bare) > 0 {
				t.Errorf("operators %q of no schema in\n%s", bare, parts[i])
			}
			if bare := regexp.MustCompile(`\w+\(|:: *\w+`).FindAllString(body, -1); len(bare) > 0 {
				t.Errorf("functions or types %q of no schema in\n%s", bare, parts[i])
			}
			if regexp.MustCompile(`\b(IN|LIKE|BETWEEN|SIMILAR|DISTINCT|CASE|COALESCE|NULLIF|ANY|ALL)\b`).MatchString(body) {
				t.Errorf("a word that stands for an operator in\n%s", parts[i])
			}
		}
	}
}
