package forwardauth

import (
	"net/http"
	"slices"
	"strings"
)

// table has the routes of the programs. Many a server takes /Admin and /admin/ for /admin: those of
// Express, ASP.NET and Rails do. On Windows a name of a file has no case, and no dots and spaces at its end.
type table []route

// hasOther reports whether such a server would serve a request by another route than the one that was
// found, unless that one stands for all that the found one does. A route that is listed in both ways of
// writing is one.
func (t table) hasOther(r *http.Request, template string) bool {
	i := slices.IndexFunc(t, func(of route) bool { return of.template == template && of.serves(r.Method) })
	if i < 0 {
		return true // which cannot be: the template is one of the table
	}
	host, path := hostname(r.Host), trimmed(strings.Split(r.URL.Path, "/")[1:])
	return slices.ContainsFunc(t, func(of route) bool {
		return of.serves(r.Method) && (of.host == "" || of.host == host) && covers(trimmed(of.segments), path) && !of.standsFor(t[i])
	})
}

// serves reports whether the route is one of a method. HEAD is served as GET.
func (of route) serves(method string) bool {
	return of.method == method || of.method == http.MethodGet && method == http.MethodHead
}

// standsFor reports whether every request of another route could be one of this one.
func (of route) standsFor(other route) bool {
	return (of.host == "" || of.host == other.host) && covers(trimmed(of.segments), trimmed(other.segments))
}

// covers reports whether the segments of a template, read without case, match others: those of a path, or
// all that another template matches.
func covers(template, others []string) bool {
	for i, segment := range template {
		switch {
		case segment == "*":
			return true
		case i >= len(others) || others[i] == "*":
			return false
		case strings.HasPrefix(segment, ":"):
		case !strings.EqualFold(segment, strings.TrimRight(others[i], ". ")) && segment != others[i]:
			return false
		}
	}
	return len(template) == len(others)
}

// trimmed returns segments without the slash at their end.
func trimmed(segments []string) []string {
	if n := len(segments); n > 0 && segments[n-1] == "" {
		return segments[:n-1]
	}
	return segments
}
