package lint

import (
	"slices"
)

// Rule is a kind of mistake that is looked for.
type Rule struct {
	ID      string // "RV101"
	Name    string // "unknown-effect", also the name of its page
	Summary string // one sentence
}

// Page returns the address of the page that says what to avoid, what to prefer, and why.
func (r Rule) Page() string {
	return "https://github.com/reevehq/reeve/blob/main/policies/rules/" + r.Name + ".md"
}

var all = []Rule{
	{"RV001", "csv-syntax", "The text is not UTF-8, is not separated by commas, or has quotes that do not enclose a value."},
	{"RV002", "field-count", "A row has too many or too few values, or an empty one."},
	{"RV003", "unknown-section", "A row begins with neither p nor g, or a model has an unknown section."},
	{"RV004", "byte-order-mark", "The file begins with a byte order mark."},
	{"RV005", "inline-comment-in-field", "A comment stands behind a value and would be part of it."},
	{"RV006", "stray-space", "A space would be part of a value."},
	{"RV007", "unread-file", "A file looks like part of the policy and is not read."},
	{"RV008", "model-differs", "The model is not the standard model."},
	{"RV009", "invalid-name", "A subject or a role is not a name that rules can have."},
	{"RV010", "invalid-tenant", "A tenant is none, or is another than the file's."},
	{"RV011", "invalid-object", "An object is no route, no type and no prefix."},
	{"RV012", "invalid-action", "An action does not go with its object."},
	{"RV013", "invalid-attribute", "A row of attributes.csv is not valid."},
	{"RV014", "empty-policy", "A file has no row, or there is more than fits."},
	{"RV015", "invalid-test-table", "A table of requests does not load."},
	{"RV101", "unknown-effect", "The effect is neither allow nor deny: Casbin ignores the rule."},
	{"RV102", "effect-case", "The effect is written in another case: Casbin ignores the rule."},
	{"RV103", "method-case", "The method of a route is not in capitals."},
	{"RV104", "wildcard-tenant", "A user is allowed something in every tenant."},
	{"RV105", "wildcard-subject-write", "Every caller, also one without a session, may write."},
	{"RV106", "cross-tenant-grouping", "A user has a role in every tenant."},
	{"RV107", "role-cycle", "A role has itself, directly or through others."},
	{"RV108", "duplicate", "A row stands twice."},
	{"RV109", "shadowed-rule", "Another rule says the same for more: the rule changes nothing."},
	{"RV110", "deny-never-matches", "A deny rule can match nothing that any rule allows."},
	{"RV111", "role-without-members", "A rule is for a role that nobody has."},
	{"RV112", "role-without-rules", "A role is granted that no rule is for."},
	{"RV113", "unknown-tenant", "A row names a tenant that is not known."},
	{"RV114", "route-without-rule", "A route of the service has no rule, so that it is closed."},
	{"RV115", "rule-without-route", "A rule is for a route that the service does not have."},
	{"RV116", "condition-does-not-compile", "A condition does not compile."},
	{"RV117", "unknown-attribute", "A condition compares an attribute that is not declared."},
	{"RV118", "admin-reachable-from-low-role", "A weaker role has a stronger one."},
	{"RV119", "no-test-covers-rule", "No row of the tables of requests is decided by the rule."},
	{"RV120", "unanchored-regex", "A regular expression also matches longer texts."},
	{"RV121", "non-final-star", "keyMatch ignores everything behind a star."},
	{"RV122", "role-and-user-share-a-name", "A user of the name of a role has the role."},
	{"RV123", "default-allow-model", "The model allows what no rule denies."},
	{"RV124", "role-depth-over-ten", "A chain of roles is longer than Casbin follows."},
	{"RV125", "falls-back-to-casbin", "The matcher is evaluated rule by rule instead of by look-up."},
	{"RV126", "regex-metacharacter-in-path", "A path holds a sign of regular expressions."},
	{"RV127", "allow-under-deny", "A deny rule covers the allow rule wholly: it never allows."},
	{"RV128", "near-name", "A name differs from a known one in case or in one letter."},
	{"RV129", "condition-always-true", "A part of a condition is true for every value."},
	{"RV130", "condition-never-true", "A part of a condition is true for no value."},
	{"RV131", "mixed-and-or", "&& and || stand beside each other without parentheses."},
	{"RV132", "deny-without-attribute", "A deny rule asks for an attribute that a request may not have, and then denies."},
	{"RV133", "prefix-without-list", "A prefix does not cover the list that it begins with."},
	{"RV134", "unused-attribute", "An attribute is declared, and nothing asks for it."},
	{"RV135", "fewer-rules", "The policy has lost rules since it was last read."},
	{"RV136", "tenant-file-widens", "A tenant's file gives a role of the common policy more than that gives it."},
	{"RV137", "wildcard-everything", "A rule allows every action on everything, or opens everything to every caller."},
	{"RV138", "quoted-expression", "A text in a condition looks like an attribute, a pattern or a list, and is compared as it stands."},
	{"RV139", "swapped-values", "Two values of a rule seem to have changed places."},
	{"RV140", "route-spelling", "A route is spelled otherwise than the one that other rules name."},
	{"RV141", "role-ended", "A g row has ended, and grants nothing any more."},
	{"RV142", "end-before-start", "A g row ends before it begins, and never grants anything."},
	{"RV143", "invalid-grant-time", "The start or the end of a g row is no time, or a second row says otherwise."},
	{"RV144", "above-ceiling", "A tenant's file grants more than ceiling.csv allows."},
	{"RV145", "invalid-ceiling", "A row of ceiling.csv is not valid."},
	{"RV146", "deny-in-comment", "A deny rule stands in a comment, where it is not in force."},
	{"RV147", "column-of-another", "An attribute has the column of another one, or one that differs from its name in a letter."},
	{"RV148", "reader-writes", "A role that by its name reads, or every user, may change or delete something whatever it holds."},
	{"RV149", "redundant-part", "A part of a condition changes nothing beside another part."},
	{"RV150", "second-factor-turned", "A rule denies those who have a second factor, or allows those who have none."},
	{"RV151", "deny-through-role", "A deny rule for a role takes from other roles what that role is not allowed anyway."},
	{"RV152", "placeholder", "A name or a text of an example or a template was not filled in."},
	{"RV153", "limit-left-out", "Two rules have the same limit, and neither is for the limit itself."},
	{"RV154", "open-to-everyone", "A route that is for few by its name is open to every caller."},
}

// Rules returns every rule, in the order of their ids.
func Rules() []Rule { return slices.Clone(all) }

// FindRule returns the rule of an id or a name.
func FindRule(idOrName string) (Rule, bool) {
	i := slices.IndexFunc(all, func(r Rule) bool { return r.ID == idOrName || r.Name == idOrName })
	if i < 0 {
		return Rule{}, false
	}
	return all[i], true
}

var byID = func() map[string]Rule {
	m := map[string]Rule{}
	for _, r := range all {
		m[r.ID] = r
	}
	return m
}()

func ruleOf(id string) Rule { return byID[id] }
