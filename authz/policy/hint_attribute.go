package policy

import (
	"github.com/reevehq/reeve/internal/ascii"
	"strings"

	"github.com/reevehq/reeve/authz/policy/condition"
	"github.com/reevehq/reeve/internal/hint"
)

// The results of these follow the text that says what is wrong with a value of attributes.csv.

// kindHint says which kind was probably meant.
func kindHint(s string) string {
	meant := ""
	switch strings.ToLower(s) {
	case "string", "text", "str", "varchar", "char", "enum", "citext":
		meant = "string"
	case "int", "integer", "int64", "int32", "bigint", "smallint", "long", "number":
		meant = "int"
	case "timestamp", "timestamptz", "date", "datetime", "moment":
		meant = "time"
	case "guid":
		meant = "uuid"
	case "one", "belongs", "belongs-to", "reference", "object":
		meant = "parent"
	case "many", "has-many", "relation":
		meant = "members"
	case "float", "double", "float64", "decimal", "numeric", "real":
		meant = "float"
	case "bool", "boolean":
		meant = "bool"
	case "strings", "list", "array", "set", "text[]", "[]string", "string[]":
		meant = "strings"
	case "kind", "type":
		return "; the names of the columns are a comment: begin the line with #"
	default:
		meant = hint.Nearest(s, []string{"string", "strings", "int", "float", "bool", "time", "uuid", "parent", "members", kindTenant})
	}
	if meant == "" {
		return nameCharacter(s)
	}
	return "; did you mean " + meant + "?"
}

func nullableHint(s string) string {
	switch strings.ToLower(s) {
	case "yes", "y", "true", "t", "1", "null", "nullable", "on":
		return ": write yes"
	case "no", "n", "false", "f", "0", "not null", "required", "off":
		return ": write no"
	}
	return nameCharacter(s)
}

func typeHint(s string) string {
	switch strings.ToLower(s) {
	case ofObject:
		return ": " + s + " stands for the object of any type, which has a name here"
	case ofSubject, ofEnv:
		return ": write " + strings.ToLower(s)
	}
	if small := kebab(s); validWord(small) && len(s) < maxQuoted && foreign(s, func(int) bool { return true }) < 0 {
		return ": write " + small
	}
	return nameCharacter(s)
}

func attributeNameHint(s string) string {
	if len(s) > condition.MaxName {
		return ": at most " + itoa(condition.MaxName) + " bytes"
	}
	plain := strings.Trim(strings.Map(func(c rune) rune {
		if c < 0x80 && ascii.IsIdent(byte(c)) {
			return c
		}
		return '_'
	}, s), "_")
	if foreign(s, func(int) bool { return true }) < 0 && plain != "" {
		plain = strings.ToLower(plain[:1]) + plain[1:]
		if condition.IsName(plain) {
			return ": write " + plain
		}
	}
	return nameCharacter(s)
}

// nameCharacter names the first character of s that no name of ASCII letters holds.
func nameCharacter(s string) string {
	for i := range s {
		if !ascii.IsIdent(s[i]) {
			if more := hint.Alike(s[i:]); more != "" {
				return ": " + hint.Rune(s[i:]) + more
			}
			return ": not " + hint.Rune(s[i:])
		}
	}
	return ""
}
