package casbinindex

import "slices"

type key struct {
	kind keyKind
	at   int // a source, a pathKey or a roleKey
	of   int // the field of the rule
}

type keyKind uint8

const (
	keyEqual keyKind = iota
	keyPath
	keyRole
)

// pathKey is a function on a source and a field.
type pathKey struct {
	paths  *paths
	fn     *function
	source int
	field  int
}

// roleKey is a name whose roles are asked: g(source, …, domain).
type roleKey struct {
	section int
	source  int
	domain  domainKey
}

// domainKey is where: a source, or a text when source is negative.
type domainKey struct {
	source int
	text   string
}

// keyOf returns the key that a clause is, with its source in at, and for a role the subject and the
// domain.
func (v *compiledModel) keyOf(e *expr) (k key, subject roleKey, ok bool) {
	switch e.kind {
	case exprEqual:
		x, y := e.args[0], e.args[1]
		if x.kind == exprField {
			x, y = y, x
		}
		return key{keyEqual, x.at, y.at}, subject, x.kind == exprSource && y.kind == exprField
	case exprCall:
		if len(e.args) != 2 || e.fn.match == nil || !e.fn.sure {
			return key{}, subject, false
		}
		x, y := e.args[0], e.args[1]
		return key{keyPath, x.at, y.at}, subject, x.kind == exprSource && y.kind == exprField
	case exprRole:
		if len(e.args) < 2 || len(e.args) > 3 || v.sections[e.at].manager != nil {
			return key{}, subject, false
		}
		x, y := e.args[0], e.args[1]
		subject = roleKey{section: e.at, source: x.at, domain: domainKey{source: -1}}
		if len(e.args) == 3 && v.sections[e.at].domains {
			switch d := e.args[2]; {
			case d.kind == exprSource:
				subject.domain.source = d.at
			case d.kind == exprLiteral && d.lit.kind == valueString:
				subject.domain.text = d.lit.s
			default:
				return key{}, subject, false
			}
		}
		return key{keyRole, x.at, y.at}, subject, x.kind == exprSource && y.kind == exprField
	}
	return key{}, subject, false
}

// room reports whether there is place for the slot that a key uses.
func (v *compiledModel) room(k key, subject roleKey, fn *function) bool {
	switch k.kind {
	case keyPath:
		return len(v.pathKeys) < maxPaths || slices.ContainsFunc(v.pathKeys, func(p pathKey) bool {
			return p.source == k.at && p.field == k.of && p.fn == fn
		})
	case keyRole:
		return len(v.roleKeys) < maxRoleKeys || slices.Contains(v.roleKeys, subject)
	}
	return true
}

func (v *compiledModel) pathKeyOf(e *expr, k key) key {
	i := slices.IndexFunc(v.pathKeys, func(p pathKey) bool { return p.fn == e.fn && p.source == k.at && p.field == k.of })
	if i < 0 {
		i = len(v.pathKeys)
		v.pathKeys = append(v.pathKeys, pathKey{newPaths(e.fn), e.fn, k.at, k.of})
	}
	return key{keyPath, i, k.of}
}

func (v *compiledModel) roleKeyOf(k key, subject roleKey) key {
	i := slices.Index(v.roleKeys, subject)
	if i < 0 {
		i = len(v.roleKeys)
		v.roleKeys = append(v.roleKeys, subject)
	}
	return key{keyRole, i, k.of}
}
