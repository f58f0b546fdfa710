package token

import "strings"

// templateTenant stands in the Name of an issuer for the segment that differs by tenant.
const templateTenant = "{tenant}"

// splitTemplate returns what stands before and behind the segment of a template, which is a
// whole segment of the path of a URL.
func splitTemplate(name string) (before, behind string, ok bool) {
	before, behind, found := strings.Cut(name, templateTenant)
	if !found || strings.ContainsAny(before+behind, "{}") {
		return "", "", false
	}
	_, rest, isURL := strings.Cut(before, "://")
	host, _, hasPath := strings.Cut(rest, "/")
	whole := strings.HasSuffix(before, "/") && (behind == "" || behind[0] == '/')
	return before, behind, isURL && hasPath && host != "" && whole
}

// segment returns the segment of iss in which an issuer's template has the tenant, false when
// the issuer is no template or iss is not of it.
func (i *Issuer) segment(iss string) (string, bool) {
	if !i.isTemplate() {
		return "", false
	}
	before, behind, ok := splitTemplate(i.Name)
	if !ok || len(iss) <= len(before)+len(behind) || !strings.HasPrefix(iss, before) || !strings.HasSuffix(iss, behind) {
		return "", false
	}
	segment := iss[len(before) : len(iss)-len(behind)]
	for n := range len(segment) {
		switch c := segment[n]; {
		case 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z', '0' <= c && c <= '9', c == '-', c == '_':
		default:
			return "", false
		}
	}
	return segment, true
}

func (i *Issuer) isTemplate() bool { return strings.ContainsAny(i.Name, "{}") }
