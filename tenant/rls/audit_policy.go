package rls

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
)

// floored reports whether a restrictive policy bounds every command of every role.
func floored(t *table) bool {
	for _, p := range t.policies {
		if !p.permissive && p.all && p.command == "*" && floor(t, p.using) && (!p.hasCheck || floor(t, p.check)) {
			return true
		}
	}
	return false
}

func (a *audit) auditPolicies(t *table) {
	bounded := floored(t)
	var mine []policy // those for the application
	reads, writes, permissive := false, false, 0
	for _, p := range t.policies {
		if !p.app {
			continue
		}
		mine = append(mine, p)
		if p.permissive {
			permissive++
			reads = reads || strings.Contains("*r", p.command)
			writes = writes || p.command != "r"
		}
	}
	object := t.String()
	switch {
	case t.privileges == "":
	case len(mine) == 0:
		a.add(Finding{Rule: "no-policy", Severity: Warning, Object: object, Gain: "no policy is for the application: the table looks empty, and nobody sees an error", Mend: wallSQL(t), phase: phasePolicy})
	case permissive == 0:
		a.add(Finding{Rule: "only-restrictive", Severity: Warning, Object: object, Gain: "restrictive policies alone let nobody see anything", Mend: wallSQL(t), phase: phasePolicy})
	case !writes && t.uses("awd"):
		a.add(Finding{Rule: "read-policies-only", Severity: Info, Object: object, Gain: "the application may write by its grants, and no policy lets it: updates find nothing and say nothing",
			Mend: fmt.Sprintf("REVOKE INSERT, UPDATE, DELETE ON %s FROM %s;", t.sql(), a.members()), phase: phasePolicy})
	}
	if !bounded && !a.cfg.HandWritten {
		a.add(Finding{Rule: "no-floor", Severity: Error, Object: object, Gain: "no restrictive policy for all commands and roles compares " + t.column + " with reeve.tenant(): any other policy opens the table", Mend: wallSQL(t), phase: phasePolicy})
	}
	for _, p := range mine {
		a.auditPolicy(t, p, bounded, permissive)
	}
}

// misread are ways in which an expression compares something else than the tenant's column
// with the caller's tenant.
var misread = []struct {
	rule, gain string
	severity   Severity
	found      func(t *table, s, top string, selects []string) bool
}{
	{"or-true", "one branch is always true: every row of every tenant", Error, func(_ *table, s, _ string, _ []string) bool {
		return regexp.MustCompile(`( OR true\b|\btrue OR )`).MatchString(s)
	}},
	{"tautology", "it compares a thing with itself: every row of every tenant", Error, func(_ *table, s, top string, _ []string) bool { return equalsItself(top) }},
	{"unqualified-in-subquery", "inside the sub-select a column names itself: any row of the inner table opens all tenants", Error, func(_ *table, _, _ string, selects []string) bool {
		return equalsItself(strings.Join(selects, " "))
	}},
	{"coalesce-means-all", "without a tenant the row is compared with itself: every row of every tenant", Error, func(t *table, s, _ string, _ []string) bool {
		for rest := s; ; {
			i := strings.Index(rest, "COALESCE(")
			if i < 0 {
				return false
			}
			end := closing(rest, i+len("COALESCE"))
			if end < 0 {
				return false
			}
			if regexp.MustCompile(`[(, ]` + columnPattern(t) + `[), ]`).MatchString(rest[i : end+1]) {
				return true
			}
			rest = rest[end:]
		}
	}},
	{"role-as-tenant", "the tenant is the database's role, which is one for all requests: tenants are not told apart", Error, func(_ *table, s, _ string, _ []string) bool {
		return regexp.MustCompile(`(?i)\b(current_user|session_user|current_role)\b`).MatchString(s)
	}},
	{"pattern-match", "the tenant is compared as a pattern: % is every tenant", Error, func(t *table, s, _ string, _ []string) bool {
		return regexp.MustCompile(columnPattern(t)+`\)?(?:::text)? (~~\*?|~\*?|!~) `).MatchString(s) || strings.Contains(s, "similar_to_escape(")
	}},
	{"user-writable-claim", "it believes a claim that users may edit: they name themselves administrators", Error, func(_ *table, s, _ string, _ []string) bool {
		return regexp.MustCompile(`\b(raw_)?user_meta_?data\b`).MatchString(s)
	}},
	{"exists-without-caller", "EXISTS asks about anybody and not about the caller: one row opens the table for all", Error, func(t *table, s, _ string, selects []string) bool {
		for _, q := range selects {
			if strings.Contains(s, "EXISTS "+q) && !regexp.MustCompile(`current_setting\(|\w\.\w+\(`).MatchString(q) && !strings.Contains(q, t.name+".") {
				return true
			}
		}
		return false
	}},
	{"column-in-function", "slow: a function around the tenant's column keeps its index from being used", Warning, func(t *table, s, _ string, _ []string) bool {
		return regexp.MustCompile(`\b(lower|upper|btrim|trim|md5|concat|left|right)\(` + columnPattern(t) + `\)?[):,]`).MatchString(s)
	}},
	{"empty-after-local", "after its first transaction with a tenant a connection has '' and not NULL: rows whose tenant is '' are everybody's", Info, func(_ *table, s, _ string, _ []string) bool {
		return strings.Contains(strings.ReplaceAll(s, "NULLIF(current_setting(", ""), "current_setting(")
	}},
	{"setting-raises", "a session without the setting gets an error for each statement", Info, func(_ *table, s, _ string, _ []string) bool {
		return regexp.MustCompile(`current_setting\('[^']*'::text\)`).MatchString(s)
	}},
	{"setting-unsigned", "the session tells its own tenant: injected SQL becomes another one by set_config", Info, func(_ *table, s, _ string, _ []string) bool {
		return strings.Contains(s, "current_setting(")
	}},
}

// equalsItself reports whether an expression compares an operand with itself.
func equalsItself(s string) bool {
	for _, m := range regexp.MustCompile(`([^\s()]+) = ([^\s()]+)`).FindAllStringSubmatch(s, -1) {
		if m[1] == m[2] && !strings.Contains(m[1], "…") {
			return true
		}
	}
	return false
}

func (a *audit) auditPolicy(t *table, p policy, bounded bool, permissive int) {
	object := t.String() + " policy " + p.name
	wall := func(rule string, severity Severity, gain string) {
		a.add(Finding{Rule: rule, Severity: severity, Object: object, Gain: gain, Mend: wallSQL(t), phase: phasePolicy})
	}
	if !p.permissive {
		switch {
		case p.using == "true" && (!p.hasCheck || p.check == "true"):
			a.add(Finding{Rule: "restrictive-true", Severity: Error, Object: object, Gain: "a floor that holds nothing: it reads as a bound and is none", Mend: fmt.Sprintf("DROP POLICY %s ON %s;\n", ident(p.name), t.sql()) + wallSQL(t), phase: phasePolicy})
		case p.command == "a" && !p.hasCheck:
			a.add(Finding{Rule: "restrictive-insert-empty", Severity: Error, Object: object, Gain: "a restrictive policy for INSERT without WITH CHECK bounds nothing: rows are written into other tenants", Mend: fmt.Sprintf("DROP POLICY %s ON %s;\n", ident(p.name), t.sql()) + wallSQL(t), phase: phasePolicy})
		}
		return
	}
	if p.using == "false" && (p.command == "*" || p.command == "r") {
		a.add(Finding{Rule: "policy-false", Severity: Info, Object: object, Gain: "the policy lets nothing through: the table looks protected and is shut",
			Mend: fmt.Sprintf("DROP POLICY %s ON %s;\n", ident(p.name), t.sql()) + floorSQL(t) + baseSQL(t), phase: phasePolicy})
	}
	a.auditReads(t, p, object)
	a.auditCalls(t, p, object)
	if bounded { // it is about rows of one tenant
		return
	}
	known := false
	for _, s := range []string{p.using, p.check} {
		top, selects := outside(s)
		for _, m := range misread {
			if s != "" && m.found(t, s, top, selects) {
				wall(m.rule, m.severity, m.gain)
				known = known || m.severity == Error
			}
		}
	}
	if p.hasCheck && p.command != "r" && !scoped(t, p.check, a.readsWalled(p)) {
		wall("open-move", Error, "WITH CHECK does not compare the tenant: rows are written into other tenants, and given away")
	}
	if p.using == "" || p.using == "false" || scoped(t, p.using, a.readsWalled(p)) || known {
		return
	}
	switch {
	case strings.Contains("wd", p.command):
		wall("open-write", Error, "an UPDATE or DELETE that reads no column needs no SELECT policy, and this one does not compare the tenant: rows of all tenants are written")
	case a.byMail(t, p, object):
	case permissive > 1:
		wall("permissive-stack", Error, "policies are joined by OR: this one, which does not compare the tenant, opens rows of other tenants beside the one that does")
	default:
		wall("open-policy", Error, "the policy does not compare the tenant: rows of other tenants are open")
	}
}

// readsWalled reports whether each table that a policy reads has policies of its own.
func (a *audit) readsWalled(p policy) bool {
	return len(p.reads) > 0 && !slices.ContainsFunc(p.reads, func(oid uint32) bool { return a.byOID[oid] == nil || !a.byOID[oid].enabled })
}

var mailColumn = regexp.MustCompile(`(?s)^(\w*e?_?mail\w*) = (.*)$`)

// byMail finds a policy for the rows of an address, and lets it compare without case.
func (a *audit) byMail(t *table, p policy, object string) bool {
	m := mailColumn.FindStringSubmatch(strip(p.using))
	if m == nil {
		return false
	}
	a.add(Finding{Rule: "email-as-key", Severity: Warning, Object: object, Gain: "rows belong to an address, which changes and is written in more than one way: their owner loses them without an error. Better than to compare without case is a key that does not change",
		Mend: fmt.Sprintf("ALTER POLICY %s ON %s USING (lower(%s) = lower(%s));\n", ident(p.name), t.sql(), m[1], m[2]) + wallSQL(t), phase: phasePolicy})
	return true
}

// auditReads looks at the other tables that a policy asks.
func (a *audit) auditReads(t *table, p policy, object string) {
	s := p.using + " " + p.check
	for _, oid := range p.reads {
		inner := a.byOID[oid]
		if inner == nil {
			continue
		}
		if !inner.enabled && inner.uses("awd") {
			a.add(Finding{Rule: "policy-reads-open-table", Severity: Error, Object: object, Gain: "it believes " + inner.String() + ", where the application may write any row: who inserts one lets themselves in",
				Mend: fmt.Sprintf("REVOKE INSERT, UPDATE, DELETE ON %s FROM %s;", inner.sql(), a.members()), phase: phaseGrant})
		}
		for _, q := range inner.policies {
			if top, _ := outside(q.using); inner.enabled && userCall.MatchString(top) {
				a.add(Finding{Rule: "inner-table-policies", Severity: Info, Object: object, Gain: "slow: the policies of " + inner.String() + " call a function for each of its rows, within this one",
					Mend: wrapSQL(inner, q), phase: phasePolicy})
			}
		}
	}
	_, selects := outside(s)
	for _, q := range selects {
		if strings.Contains(q, t.name) && regexp.MustCompile(`FROM (?:\w+\.)?`+regexp.QuoteMeta(t.name)+`\b`).MatchString(q) {
			a.add(Finding{Rule: "self-recursion", Severity: Warning, Object: object, Gain: "the policy reads its own table, and so itself: each statement is an error. It needs a SECURITY DEFINER function; the mending SQL leaves the tenant's rows to whom the floor lets in",
				Mend: fmt.Sprintf("DROP POLICY %s ON %s;\n", ident(p.name), t.sql()) + floorSQL(t) + baseSQL(t), phase: phasePolicy})
		}
	}
}

// userCall is a call of a function that is not the system's.
var userCall = regexp.MustCompile(`([\w"]+\.[\w"]+)\(([^()]*)\)`)

// auditCalls finds functions that are called for each row.
func (a *audit) auditCalls(t *table, p policy, object string) {
	for _, s := range []string{p.using, p.check} {
		top, selects := outside(s)
		for _, call := range userCall.FindAllStringSubmatch(top, -1) {
			rule, gain, mend := "call-per-row", "slow: the function is called for each row and not once per statement", wrapSQL(t, p)
			var stable string
			for _, f := range a.functions {
				if f.name == call[1] && f.volatile && f.arguments == 0 {
					rule = "volatile-per-row"
					stable = fmt.Sprintf("ALTER FUNCTION %s STABLE;\n", f.signature)
				}
			}
			switch {
			case strings.Contains(top, "ANY ("+call[0]):
				rule = "array-function-per-row"
			case call[2] != "":
				rule, gain, mend = "row-argument", "slow: the function takes a value of the row and is called for each. Let it return the set of tenants, and write: "+t.column+" IN (SELECT …)", ""
			}
			if mend != "" {
				mend = stable + mend
			}
			a.add(Finding{Rule: rule, Severity: Info, Object: object, Gain: gain, Mend: mend, phase: phasePolicy})
		}
		for _, q := range selects {
			if !strings.Contains(q, t.name+".") {
				continue
			}
			if userCall.MatchString(q) && regexp.MustCompile(`\w\.\w+\([^()]*`+regexp.QuoteMeta(t.name)+`\.`).MatchString(q) {
				a.add(Finding{Rule: "row-argument", Severity: Info, Object: object, Gain: "slow: the function takes a value of the row and is called for each. Let it return the set of tenants, and write: " + t.column + " IN (SELECT …)", phase: phasePolicy})
			} else if regexp.MustCompile(`= \(?` + regexp.QuoteMeta(t.name) + `\.`).MatchString(q) {
				a.add(Finding{Rule: "join-from-the-row", Severity: Info, Object: object, Gain: "slow: the sub-select looks at the row and runs for each. Turn it round: " + t.column + " IN (SELECT … WHERE the caller is a member)", phase: phasePolicy})
			}
		}
	}
}

// wrapSQL puts the calls of a policy into sub-selects.
func wrapSQL(t *table, p policy) string {
	wrap := func(s string) string {
		var b strings.Builder
		for s != "" {
			i := strings.Index(s, "( SELECT")
			head, tail := s, ""
			if i >= 0 {
				end := closing(s, i)
				if end < 0 {
					return s
				}
				head, tail = s[:i], s[i:end+1]
				s = s[end+1:]
			} else {
				s = ""
			}
			head = regexp.MustCompile(`ANY \(([\w"]+\.[\w"]+\(\))\)`).ReplaceAllString(head, "ANY (ARRAY(…SELECT unnest($1)))")
			if !strings.Contains(head, "…") {
				head = regexp.MustCompile(`[\w"]+\.[\w"]+\(\)`).ReplaceAllString(head, "(SELECT $0)")
			}
			b.WriteString(strings.ReplaceAll(head, "…", "") + tail)
		}
		return b.String()
	}
	out := fmt.Sprintf("ALTER POLICY %s ON %s", ident(p.name), t.sql())
	if p.using != "" {
		out += " USING (" + wrap(p.using) + ")"
	}
	if p.hasCheck {
		out += " WITH CHECK (" + wrap(p.check) + ")"
	}
	return out + ";\n"
}
