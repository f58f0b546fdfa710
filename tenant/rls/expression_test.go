package rls

import (
	"slices"
	"strings"
	"testing"
)

func TestAnExpressionIsCutWhereItIsNotInParentheses(t *testing.T) {
	for s, want := range map[string][]string{
		"((a = 1) OR (b = 2))":             {"(a = 1)", "(b = 2)"},
		"((a = 1) OR ((b = 2) OR (c)))":    {"(a = 1)", "((b = 2) OR (c))"},
		"(a = ' OR ')":                     {"a = ' OR '"},
		"((a = ')') OR (b = '('))":         {"(a = ')')", "(b = '(')"},
		`(("x OR y" = 1) AND (b))`:         {`("x OR y" = 1) AND (b)`},
		"(a = 'it''s' OR b)":               {"a = 'it''s'", "b"},
		"(":                                {"("},
		"a OR '":                           {"a OR '"},
		"":                                 {""},
		"(EXISTS ( SELECT\n   FROM x OR))": {"EXISTS ( SELECT\n   FROM x OR)"},
	} {
		if got := split(s, " OR "); !slices.Equal(got, want) {
			t.Errorf("%q: %q, want %q", s, got, want)
		}
	}
}

func TestAPolicyIsScopedWhenEveryWayThroughItComparesTheTenant(t *testing.T) {
	doc := &table{schema: "public", name: "doc", column: "tenant_id"}
	for s, want := range map[string]bool{
		"(tenant_id = ( SELECT reeve.tenant() AS tenant))":                                                                           true,
		"((tenant_id)::text = ( SELECT reeve.tenant() AS tenant))":                                                                   true,
		"(tenant_id = current_setting('app.tenant'::text, true))":                                                                    true,
		"((tenant_id = reeve.tenant()) AND published)":                                                                               true,
		"((tenant_id = reeve.tenant()) OR ((tenant_id = reeve.tenant()) AND published))":                                             true,
		"(tenant_id IN ( SELECT m.tenant_id\n   FROM public.member m))":                                                              false,
		"(tenant_id IN ( SELECT m.tenant_id\n   FROM public.member m\n  WHERE (m.login = current_setting('app.user'::text, true))))": true,
		"((tenant_id = reeve.tenant()) IS NOT FALSE)":                                                                                false,
		"((tenant_id = reeve.tenant()) = false)":                                                                                     false,
		"(tenant_id = origin)":                                                                                                       false,
		"(tenant_id = public.whose(doc.*))":                                                                                          false,
		"(tenant_id = ( SELECT doc.tenant_id))":                                                                                      false,
		"(tenant_id = ( SELECT public.whose(doc.*) AS whose))":                                                                       false,
		"(tenant_id = ( SELECT public.whose(doc.tenant_id) AS whose))":                                                               false,
		"(tenant_id = lower('x'::text))":                                                                                             false,
		"(tenant_id = ANY (ARRAY( SELECT unnest(public.mine()) AS unnest)))":                                                         true,
		"(tenant_id = 'acme'::text)":                                                                                                 true,
		"((tenant_id = reeve.tenant()) OR published)":                                                                                false,
		"((tenant_id = reeve.tenant()) OR true)":                                                                                     false,
		"(tenant_id = tenant_id)":                                                                                                    false,
		"(tenant_id = COALESCE(current_setting('app.tenant'::text, true), tenant_id))":                                               false,
		"(tenant_id = CURRENT_USER)":                                                                                                 false,
		"(tenant_id <> reeve.tenant())":                                                                                              false,
		"(NOT (tenant_id = reeve.tenant()))":                                                                                         false,
		"(tenant_id ~~ reeve.tenant())":                                                                                              false,
		"(other_tenant_id = reeve.tenant())":                                                                                         false,
		"(body = 'tenant_id = reeve.tenant()'::text)":                                                                                false,
		"true": false,
		"":     false,
		"(NOT (tenant_id IS DISTINCT FROM reeve.tenant()))":                                        false,
		"((published OR (tenant_id = reeve.tenant())) AND ((tenant_id = 'x'::text) OR published))": false,
	} {
		if got := scoped(doc, s, false); got != want {
			t.Errorf("scoped(%s) = %v", s, got)
		}
		wantFloor := strings.HasSuffix(s, "= ( SELECT reeve.tenant() AS tenant))")
		if got := floor(doc, s); got != wantFloor {
			t.Errorf("floor(%s) = %v", s, got)
		}
	}
}

func TestAPolicyIsScopedByTheTablesThatItReads(t *testing.T) {
	doc := &table{schema: "public", name: "doc", column: "tenant_id"}
	for s, want := range map[string]bool{
		"(tenant_id IN ( SELECT m.tenant_id\n   FROM public.member m))": true,
		"(tenant_id = origin)":                             false,
		"(tenant_id = ( SELECT doc.tenant_id))":            false,
		"(origin IN ( SELECT m.origin\n   FROM member m))": false,
	} {
		if got := scoped(doc, s, true); got != want {
			t.Errorf("scoped(%s) = %v", s, got)
		}
	}
}

// A function or a column whose name only begins or ends alike is another one.
func TestAFloorIsExact(t *testing.T) {
	doc := &table{schema: "public", name: "doc", column: "tenant_id"}
	for _, s := range []string{
		"(tenant_id = ( SELECT reeve.tenant() AS tenant\n   FROM public.doc x))", "(tenant_id = ( SELECT public.tenant() AS tenant))", "(tenant_id = reeve.tenant())",
		"(xtenant_id = ( SELECT reeve.tenant() AS tenant))", "((tenant_id = ( SELECT reeve.tenant() AS tenant)) OR true)", "(tenant_id <= ( SELECT reeve.tenant() AS tenant))",
		"(lower(tenant_id) = ( SELECT reeve.tenant() AS tenant))", "(NOT (tenant_id = ( SELECT reeve.tenant() AS tenant)))", "(tenant_id = ( SELECT COALESCE(reeve.tenant(), 'x'::text) AS tenant))",
	} {
		if floor(doc, s) {
			t.Errorf("%s is taken for a floor", s)
		}
	}
}

func TestNamesAndTextsAreQuoted(t *testing.T) {
	if got := ident(`a"; DROP`); got != `"a""; DROP"` {
		t.Error(got)
	}
	if got := literal(`it's \`); got != `E'it''s \\'` {
		t.Error(got)
	}
}
