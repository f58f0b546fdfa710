package policy

import (
	"strings"

	"github.com/reevehq/reeve/internal/policycsv"
	"github.com/reevehq/reeve/tenant"
)

// twins finds tenants of a policy that differ by the case of letters alone. Ids are compared
// exactly, so a row for one of them says nothing of the other, and its author likely meant that
// one: a deny would be nobody's. It has the first of each by the id in lower case, and those that
// were told of by themselves.
type twins map[string]string

// of returns what is wrong with a tenant beside those before it, "" for nothing.
func (t twins) of(name string) string {
	lower := strings.ToLower(name)
	other, known := t[lower]
	if !known {
		t[lower] = name
		return ""
	}
	if other == name || t["="+name] != "" {
		return ""
	}
	t["="+name] = other // no id begins so
	return quote(name) + " and " + quote(other) + " differ by case alone: tenants are compared exactly, and one of the two is likely a slip"
}

// distinct reports a row's tenant, value i, that differs by case alone from one before it.
func (l *loader) distinct(code Code, file string, r *policycsv.Line, i int) {
	if why := l.twins.of(r.Fields[i].Text); why != "" {
		l.p.add(code, file, r.Number, r.Fields[i].Col, "%s", why)
	}
}

// distinctFile is distinct for the tenant of a file.
func (l *loader) distinctFile(file string, id tenant.ID) {
	if why := l.twins.of(id.String()); why != "" {
		l.p.add(CodeFileMisplaced, file, 0, 0, "%s", why)
	}
}
