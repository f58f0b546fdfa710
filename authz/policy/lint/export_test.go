package lint

import "github.com/reevehq/reeve/authz/policy"

// RuleOfCode returns the id of the rule under which a code is filed.
func RuleOfCode(c policy.Code) string { return ruleOfCode[c] }
