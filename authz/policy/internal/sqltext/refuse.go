package sqltext

import (
	"fmt"

	"github.com/reevehq/reeve/authz/policy/condition"
)

// Refuse says why a condition cannot be written for a database, "" where it can.
func Refuse(e condition.Expr) string {
	for part := range e.Args() {
		if why := Refuse(part); why != "" {
			return why
		}
	}
	if !e.Op().IsLeaf() {
		return ""
	}
	l := e.Leaf()
	for _, a := range []*condition.Attribute{l.A.Attr, l.B.Attr} {
		if !isColumn(a) {
			continue
		}
		if a.Column == "" {
			return a.Ref() + " has no column"
		}
		if l.Op == condition.OpIPMatch {
			return condition.FunctionIPMatch + " asks of an object, and no column is compared with a network: compare r.env.ip or an attribute of the caller"
		}
	}
	if !isColumn(l.A.Attr) || !isColumn(l.B.Attr) {
		return ""
	}
	a, b := l.A.Attr, l.B.Attr
	switch {
	case l.Op == condition.OpContainsAny || l.Op == condition.OpContainsAll:
		return fmt.Sprintf("%s and %s are two lists of the object, and only one of them may be", a.Ref(), b.Ref())
	case (a.Kind == condition.KindTime) != (b.Kind == condition.KindTime):
		return fmt.Sprintf("%s is of kind %s and %s of kind %s: columns of both are not compared", a.Ref(), a.Kind, b.Ref(), b.Kind)
	case a.Via != nil && b.Via != nil && a.Via.Name != b.Via.Name:
		return fmt.Sprintf("%s and %s are of two parents", a.Ref(), b.Ref())
	}
	return ""
}

// isColumn reports whether the attribute is of the object.
func isColumn(a *condition.Attribute) bool {
	return a != nil && a.Part() == condition.PartObject
}
