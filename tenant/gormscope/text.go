package gormscope

import (
	"fmt"
	"strings"

	"gorm.io/gorm"
	"gorm.io/gorm/clause"
)

// texts looks at the conditions that are texts. It finds what would get out of the parentheses
// around them; a query within a text it does not find.
func texts(stmt *gorm.Statement) error {
	for _, c := range stmt.Clauses {
		w, ok := c.Expression.(clause.Where)
		if !ok {
			continue
		}
		if err := check(w.Exprs); err != nil {
			return err
		}
	}
	for _, j := range stmt.Joins {
		if j.On == nil {
			continue
		}
		if err := check(j.On.Exprs); err != nil {
			return err
		}
	}
	return nil
}

func check(conditions []clause.Expression) error {
	for _, e := range conditions {
		var err error
		switch e := e.(type) {
		case clause.Expr:
			err = checkText(e.SQL)
		case clause.NamedExpr:
			err = checkText(e.SQL)
		case clause.AndConditions:
			err = check(e.Exprs)
		case clause.OrConditions:
			err = check(e.Exprs)
		case clause.NotConditions:
			err = check(e.Exprs)
		case clause.Where:
			err = check(e.Exprs)
		case all:
			err = check(e.conditions)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func checkText(text string) error {
	if !closed(text) {
		return fmt.Errorf("%w: a condition does not end where its text ends", ErrText)
	}
	return nil
}

// closed reports whether a text closes what it opens, closes nothing else and begins no comment.
// Text that databases read in different ways, such as backslashes in constants and dollar quotes,
// counts as open.
func closed(text string) bool {
	depth := 0
	for i := 0; i < len(text); i++ {
		switch c := text[i]; c {
		case '\'', '"', '`':
			end := strings.IndexByte(text[i+1:], c) // two of them are two constants side by side
			if end < 0 || strings.Contains(text[i+1:i+1+end], `\`) {
				return false
			}
			i += end + 1
		case '(':
			depth++
		case ')':
			if depth--; depth < 0 {
				return false
			}
		case ';', '#':
			return false
		case '$':
			if i+1 == len(text) || text[i+1] < '0' || text[i+1] > '9' {
				return false
			}
		case '-', '/':
			if i+1 < len(text) && (text[i:i+2] == "--" || text[i:i+2] == "/*") {
				return false
			}
		}
	}
	return depth == 0
}
