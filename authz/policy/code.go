package policy

import (
	"maps"
	"slices"

	"github.com/reevehq/reeve/internal/policycsv"
)

// Code is the kind of a mistake in a policy. Codes are stable: tools may file pages, settings and
// exceptions under them, and they stay while the texts of errors change. [Codes] lists them.
type Code string

// The codes of what [Load] reports.
const (
	CodeFileUnreadable Code = "file-unreadable"  // a file or a folder cannot be read
	CodeFileMisplaced  Code = "file-misplaced"   // looks like a policy's file, and would not be read
	CodeFolderTooLarge Code = "folder-too-large" // a folder with too much beside the policy

	CodeEncoding     Code = "encoding"      // not UTF-8, or a character that does not print
	CodeLineTooLong  Code = "line-too-long" // a line of more than 4096 bytes
	CodeCSVSeparator Code = "csv-separator" // values are not separated by commas
	CodeCSVQuotes    Code = "csv-quotes"    // quotes that do not enclose one value
	CodeCSVSpace     Code = "csv-space"     // a space that would be part of a value

	CodeRowSection   Code = "row-section"   // a row that begins with neither p nor g
	CodeRowLength    Code = "row-length"    // too many or too few values
	CodeRowEmpty     Code = "row-empty"     // an empty value
	CodeRowDuplicate Code = "row-duplicate" // a row that stands twice

	CodeRuleSubject   Code = "rule-subject"
	CodeRuleTenant    Code = "rule-tenant"
	CodeRuleObject    Code = "rule-object"
	CodeRuleAction    Code = "rule-action"
	CodeRuleCondition Code = "rule-condition"
	CodeRuleEffect    Code = "rule-effect"
	CodeRuleRoute     Code = "rule-route"  // route:… under a model that does not match it
	CodeRuleFilter    Code = "rule-filter" // a condition that lists of the type cannot be filtered by

	CodeGrantSubject Code = "grant-subject"
	CodeGrantRole    Code = "grant-role"
	CodeGrantTenant  Code = "grant-tenant"
	CodeGrantTime    Code = "grant-time"     // a start or an end that is none, or that the model has no place for
	CodeRoleCycle    Code = "role-cycle"     // a role that has itself
	CodeRoleChain    Code = "role-chain"     // more g rows in a row than Casbin follows
	CodeRolesTooMany Code = "roles-too-many" // more roles of all names than can be listed

	CodeAttributeType      Code = "attribute-type"
	CodeAttributeName      Code = "attribute-name"
	CodeAttributeKind      Code = "attribute-kind"
	CodeAttributeNullable  Code = "attribute-nullable"
	CodeAttributeColumn    Code = "attribute-column"
	CodeAttributeRelation  Code = "attribute-relation"
	CodeAttributeDuplicate Code = "attribute-duplicate"

	CodeModelSyntax     Code = "model-syntax"     // not a Casbin model
	CodeModelSection    Code = "model-section"    // an unknown section, or one that stands twice
	CodeModelDefinition Code = "model-definition" // a definition that is not the standard model's

	CodePolicyEmpty    Code = "policy-empty"     // no rule at all
	CodePolicyTooLarge Code = "policy-too-large" // more rules or names than fit
	CodeTenantEmpty    Code = "tenant-empty"     // a tenant's file without a row

	CodeCeilingRow   Code = "ceiling-row"   // a row of ceiling.csv that is none
	CodeCeilingAbove Code = "ceiling-above" // a tenant's file grants more than ceiling.csv allows
)

// summaries say what the codes mean.
var summaries = map[Code]string{
	CodeFileUnreadable:     "A file or a folder of the policy cannot be read.",
	CodeFileMisplaced:      "A file looks like part of the policy and would not be read.",
	CodeFolderTooLarge:     "The folder holds too much beside the policy to look through.",
	CodeEncoding:           "The text is not UTF-8, or holds a character that does not print.",
	CodeLineTooLong:        "A line is too long.",
	CodeCSVSeparator:       "The values of a row are not separated by commas.",
	CodeCSVQuotes:          "Quotes do not enclose one value as a whole.",
	CodeCSVSpace:           "A space would be part of a value.",
	CodeRowSection:         "A row begins with neither p nor g.",
	CodeRowLength:          "A row has too many or too few values.",
	CodeRowEmpty:           "A value is empty.",
	CodeRowDuplicate:       "A row stands twice.",
	CodeRuleSubject:        "The subject of a rule is no user and no role.",
	CodeRuleTenant:         "The tenant of a rule is none, or another than the file's.",
	CodeRuleObject:         "The object of a rule is no route, no type and no prefix.",
	CodeRuleAction:         "The action of a rule does not go with its object.",
	CodeRuleCondition:      "The condition of a rule does not compile.",
	CodeRuleEffect:         "The effect of a rule is neither allow nor deny.",
	CodeRuleRoute:          "A rule for route:… needs the matcher of the standard model.",
	CodeRuleFilter:         "A condition about a type that is listed cannot be written as SQL.",
	CodeGrantSubject:       "The first name of a g row is no user and no role.",
	CodeGrantRole:          "The second name of a g row is no role that can be granted.",
	CodeGrantTenant:        "The tenant of a g row is none, or another than the file's.",
	CodeGrantTime:          "The start or the end of a g row is no time, or the row does not stand alone.",
	CodeRoleCycle:          "A role has itself, directly or through others.",
	CodeRoleChain:          "A chain of roles is longer than Casbin follows.",
	CodeRolesTooMany:       "The roles of all names are too many to list.",
	CodeAttributeType:      "The type of an attribute is no object type, sub or env.",
	CodeAttributeName:      "The name of an attribute is not valid or is taken.",
	CodeAttributeKind:      "The kind of an attribute is unknown, or not that of a built-in one.",
	CodeAttributeNullable:  "Nullable is neither yes, nor no, nor value.",
	CodeAttributeColumn:    "The column of an attribute is not valid, or is of no table.",
	CodeAttributeRelation:  "A relation names no object type, table or column.",
	CodeAttributeDuplicate: "An attribute is declared twice.",
	CodeModelSyntax:        "model.conf is not a Casbin model.",
	CodeModelSection:       "model.conf has an unknown section, or one twice.",
	CodeModelDefinition:    "model.conf defines something else than the standard model.",
	CodePolicyEmpty:        "The policy has no rule.",
	CodePolicyTooLarge:     "The policy has more rules or names than fit.",
	CodeTenantEmpty:        "A tenant's file has no row.",
	CodeCeilingRow:         "A row of ceiling.csv is not valid.",
	CodeCeilingAbove:       "A tenant's file grants more than ceiling.csv allows.",
}

// Codes returns every code, sorted.
func Codes() []Code { return slices.Sorted(maps.Keys(summaries)) }

// Summary says in one sentence what the code means, "" for an unknown code.
func (c Code) Summary() string { return summaries[c] }

// Severity is how bad a mistake is. Its texts are the levels of SARIF.
type Severity uint8

// The severities. [Load] reports errors alone; the others are for tools that report more.
const (
	SeverityError   Severity = iota // the policy does not load
	SeverityWarning                 // it loads, and likely means something else
	SeverityNote                    // it loads, and could be written better
)

// String returns "error", "warning" or "note".
func (s Severity) String() string {
	switch s {
	case SeverityWarning:
		return "warning"
	case SeverityNote:
		return "note"
	}
	return "error"
}

// The codes of mistakes in the values of a row, by the place of the value.
var (
	ruleCodes      = [...]Code{CodeRowSection, CodeRuleSubject, CodeRuleTenant, CodeRuleObject, CodeRuleAction, CodeRuleCondition, CodeRuleEffect}
	grantCodes     = [...]Code{CodeRowSection, CodeGrantSubject, CodeGrantRole, CodeGrantTenant, CodeGrantTime, CodeGrantTime}
	attributeCodes = [...]Code{CodeAttributeType, CodeAttributeName, CodeAttributeKind, CodeAttributeNullable, CodeAttributeColumn,
		CodeAttributeRelation, CodeAttributeRelation, CodeAttributeRelation, CodeAttributeRelation, CodeAttributeRelation}
)

// codeOf returns the code of a fault in a line.
func codeOf(k policycsv.FaultKind) Code {
	switch k {
	case policycsv.BadLength:
		return CodeLineTooLong
	case policycsv.BadSeparator:
		return CodeCSVSeparator
	case policycsv.BadQuotes:
		return CodeCSVQuotes
	case policycsv.BadSpace:
		return CodeCSVSpace
	}
	return CodeEncoding
}
