package lint

import (
	"maps"
	"slices"
	"strings"

	"github.com/reevehq/reeve/authz/policy"
	"github.com/reevehq/reeve/internal/policycsv"
)

// ranks are the usual names of roles by how much they may do.
var ranks = map[string]int{
	"guest": 10, "visitor": 10, "anonymous": 10,
	"reader": 20, "viewer": 20, "readonly": 20, "read-only": 20, "observer": 20, "auditor": 20, "subscriber": 20, "customer": 20,
	"commenter": 30, "member": 30, "user": 30, "employee": 30, "staff": 30,
	"writer": 40, "editor": 40, "author": 40, "contributor": 40, "developer": 40, "clerk": 40, "agent": 40, "accountant": 40,
	"moderator": 50, "maintainer": 50, "manager": 50, "operator": 50, "supervisor": 50, "lead": 50, "approver": 50,
	"admin": 80, "administrator": 80,
	"owner": 90, "superadmin": 95, "super-admin": 95, "superuser": 95, "root": 95, "sysadmin": 95,
}

const rankAdmin = 80

func rankOf(role string) int { return ranks[strings.ToLower(strings.TrimPrefix(role, "role:"))] }

// lookAtWildcards finds rules and grants that are for more people or things than people mean.
func (l *linter) lookAtWildcards() {
	families := map[string]bool{} // with a rule for fewer than everyone
	for _, r := range l.rules {
		if r.isRoute() && r.sub != anyone && r.allow {
			families[family(r.obj)] = true
		}
	}
	for _, r := range l.rules {
		if !r.allow {
			continue
		}
		wide := r.target.isAll() || r.obj == "/*"
		switch {
		case wide && r.act == everything:
			if rankOf(r.sub) < rankAdmin {
				l.at("RV137", policy.SeverityWarning, &r.row, atObject, "name the routes and types, or the actions", "%s may do everything with %s%s", r.sub, r.obj, inTenant(r.dom))
			}
		case r.sub == anyone && wide && !r.isWrite():
			l.at("RV137", policy.SeverityWarning, &r.row, atObject, "name what everybody may see; route:/* is the one route of that name", "every caller, also one without a session, may %s all of %s%s, also what is added later", r.act, r.obj, inTenant(r.dom))
		case r.sub == anyone && r.isWrite() && (wide || !r.isRoute()):
			l.at("RV105", policy.SeverityWarning, &r.row, atSubject, "write role:authenticated or a role", "every caller, also one without a session, may %s %s", r.act, r.obj)
		case r.sub == anyone && r.act == everything && !families[family(r.obj)]:
			l.at("RV105", policy.SeverityNote, &r.row, atAction, "write the methods that there are", "every caller, also one without a session, may call %s by every method, also those that write", r.obj)
		case r.sub == anyone && r.isWrite() && families[family(r.obj)] && !isSignIn(r.obj):
			l.at("RV105", policy.SeverityWarning, &r.row, atSubject, "write the role that the rules beside it name", "every caller, also one without a session, may call %s %s, and other rules below /%s are for fewer", r.act, r.obj, family(r.obj))
		}
		if word := forAdmins(r.obj); word != "" && !wide && (r.sub == anyone || r.sub == authenticated && word == "admin") && r.always() {
			l.at("RV154", policy.SeverityNote, &r.row, atSubject, "write the role that it is for", "%s is open to %s, and %s is for few by its name", r.obj, r.sub, word)
		}
		if r.always() && (isReader(r.sub) && changes[r.act] || r.sub == authenticated && deletes[r.act] && r.about() != "/me") {
			l.at("RV148", policy.SeverityNote, &r.row, atSubject, "write the role that is to do it, or a condition", "%s may %s %s, whatever it holds and whoever owns it", r.sub, r.act, r.obj)
		}
		if strings.HasPrefix(r.sub, "user:") && r.dom == everything {
			l.at("RV104", policy.SeverityWarning, &r.row, atTenant, "write the user's tenant", "%s is allowed this in every tenant: users of one name in two tenants may be two people", r.sub)
		}
	}
	for _, g := range l.grants {
		if strings.HasPrefix(g.member, "user:") && g.dom == everything {
			l.at("RV106", policy.SeverityWarning, &g.row, 3, "write the user's tenant", "%s has %s in every tenant", g.member, g.role)
		}
	}
}

// isSignIn reports whether a route is for callers who have no session yet, by its name.
func isSignIn(route string) bool {
	return strings.HasSuffix(route, "/login") || strings.HasSuffix(route, "/signin") || strings.HasSuffix(route, "/sign-in")
}

// forAdmins returns the segment of a route that is for admins or operators by its name, "" for none and for their
// sign-in.
func forAdmins(route string) string {
	if !strings.HasPrefix(route, "/") || isSignIn(route) {
		return ""
	}
	for segment := range strings.SplitSeq(strings.ToLower(route), "/") {
		switch segment {
		case "admin", "debug", "pprof", "internal", "actuator":
			return segment
		}
	}
	return ""
}

// changes are actions that change what is there, by their names, and deletes those of them that end it.
var (
	changes = map[string]bool{"PUT": true, "PATCH": true, "DELETE": true, "update": true, "edit": true, "write": true, "change": true, "delete": true, "remove": true, "destroy": true, "purge": true}
	deletes = map[string]bool{"DELETE": true, "delete": true, "remove": true, "destroy": true, "purge": true}
)

// isReader reports whether a role reads by its name and does nothing else.
func isReader(role string) bool {
	switch strings.ToLower(strings.TrimPrefix(role, "role:")) {
	case "viewer", "reader", "readonly", "read-only", "observer", "guest", "visitor":
		return true
	}
	return false
}

func inTenant(dom string) string {
	if dom == everything {
		return " in every tenant"
	}
	return " in " + dom
}

// family returns the first segment of a route.
func family(route string) string {
	route = strings.TrimPrefix(route, "route:")
	if strings.HasPrefix(route, "//") {
		_, route, _ = strings.Cut(route[2:], "/")
		route = "/" + route
	}
	name, _, _ := strings.Cut(strings.TrimPrefix(route, "/"), "/")
	return name
}

// power counts the rules of one role, and those that write.
type power struct {
	rules, writes int
	families      map[string]bool
}

// powers returns what the rules say of each role: all rules, or those of the common policy for every tenant.
func (l *linter) powers(common bool) map[string]*power {
	all := map[string]*power{}
	for _, r := range l.rules {
		if !r.allow || common && (r.own != "" || r.dom != everything) {
			continue
		}
		p := all[r.sub]
		if p == nil {
			p = &power{families: map[string]bool{}}
			all[r.sub] = p
		}
		p.rules++
		if r.isWrite() {
			p.writes++
		}
		p.families[r.about()] = true
	}
	return all
}

// about returns the type or the first segment that a rule is about.
func (r *ruleRow) about() string {
	if r.isRoute() {
		return "/" + family(r.obj)
	}
	return r.target.typ
}

// lookAtRoles finds roles that nobody has, that nothing is allowed to, and that are granted the
// wrong way round.
func (l *linter) lookAtRoles() {
	powers := l.powers(false)
	ruled := map[string]bool{}
	for _, r := range l.rules {
		ruled[r.sub] = true
	}
	counts := map[string]int{}
	for name := range ruled {
		if strings.HasPrefix(name, "role:") {
			counts[name] = 2
		}
	}
	names := newNear(counts, nil, true)
	for _, g := range l.grants {
		if why := turned(g, powers); why != "" {
			l.at("RV118", policy.SeverityWarning, &g.row, atSubject, "a row says who, then the role that they have: exchange the two", "%s gets all that %s may do: %s", g.member, g.role, why)
		}
		if ruled[g.role] || slices.ContainsFunc(l.rolesOf(g.role, g.dom), func(r string) bool { return ruled[r] }) {
			continue
		}
		hint := ""
		if meant := names.of(g.role, true); meant != "" {
			hint = ": did you mean " + meant + "?"
		} else if meant := builtInFor(g.role); meant != "" {
			hint = ": " + meant + " is built in, and needs no g row"
		}
		l.at("RV112", policy.SeverityWarning, &g.row, 2, "give the role a rule, or delete the row", "no rule is for %s, nor for a role that it has%s", g.role, hint)
	}
	if len(l.opts.Roles) == 0 {
		return
	}
	granted := map[string]bool{}
	for _, g := range l.grants {
		granted[g.role] = true
	}
	declared := map[string]int{anyone: 1, authenticated: 1}
	for name := range l.words.roles {
		declared[name] = 1
	}
	names = newNear(declared, nil, true)
	for _, r := range l.rules {
		if !strings.HasPrefix(r.sub, "role:") || r.sub == anyone || r.sub == authenticated || granted[r.sub] || l.words.roles[r.sub] {
			continue
		}
		l.at("RV111", policy.SeverityWarning, &r.row, atSubject, "declare the role, grant it in a g row, or delete the rule", "nobody has %s%s", r.sub, didYouMean(names, r.sub))
	}
}

// turned says why a grant seems to be the wrong way round.
func turned(g *grantRow, powers map[string]*power) string {
	if strings.HasPrefix(g.member, "user:") {
		return ""
	}
	low, high := rankOf(g.member), rankOf(g.role)
	if low > 0 && high > 0 {
		if low < high {
			return "by its name it is the weaker one"
		}
		return ""
	}
	a, b := powers[g.member], powers[g.role]
	if low >= rankAdmin || a == nil || b == nil || a.writes > 0 || b.writes == 0 {
		return ""
	}
	for name := range a.families {
		if !b.families[name] {
			return ""
		}
	}
	return "by its own rules it reads, and the other writes the same"
}

// didYouMean says which word was probably meant, as the rest of a message.
func didYouMean(names *near, word string) string {
	if meant := names.of(word, true); meant != "" {
		return ": did you mean " + meant + "?"
	}
	return ""
}

// lookAtTenants finds tenants that there are not, and tenants' files that give roles of the
// common policy more than that does.
func (l *linter) lookAtTenants() {
	counts := map[string]int{}
	for name := range l.words.tenants {
		counts[name] += 2
	}
	for _, r := range l.rules {
		counts[r.dom]++
	}
	for _, g := range l.grants {
		counts[g.dom]++
	}
	delete(counts, everything)
	names := newNear(counts, func(name string) bool { return l.words.tenants[name] }, true)
	look := func(r *row, i int, dom string, deny bool) {
		if dom == everything || r.own != "" || l.words.tenants[dom] {
			return
		}
		if isEvery(dom) {
			l.at("RV113", policy.SeverityWarning, r, i, "write *", "%s is a tenant of that name, and every tenant is *", dom)
			return
		}
		const severity, help = policy.SeverityWarning, "spell the tenant as its file and the tables of requests do, or name it there"
		if meant := names.of(dom, true); meant != "" {
			l.at("RV113", severity, r, i, help, "other rows and files say %s: is the tenant %s misspelt?", meant, dom)
			return
		}
		if len(l.words.tenants) == 0 || !deny && len(l.opts.Tenants) == 0 {
			return
		}
		what := "nothing else knows the tenant " + dom + ": known are " + listOf(l.words.tenants)
		if deny {
			what += "; the deny rule may never match"
		}
		l.at("RV113", severity, r, i, help, "%s", what)
	}
	for _, r := range l.rules {
		look(&r.row, atTenant, r.dom, !r.allow)
	}
	for _, g := range l.grants {
		look(&g.row, 3, g.dom, false)
	}
	l.lookAtTenantFiles()
}

// lookAtCeiling finds names in ceiling.csv that differ from known ones in a letter, and a row that lets tenants'
// own files grant everything.
func (l *linter) lookAtCeiling(roles, types *near, actions map[string]*near) {
	if _, there := l.bundle.Content(policy.CeilingFile); !there {
		return
	}
	counts := map[string]int{}
	for name := range l.words.tenants {
		counts[name]++
	}
	for _, r := range l.rules {
		if r.own == "" {
			counts[r.dom]++
		}
	}
	delete(counts, everything)
	tenants := newNear(counts, nil, true)
	lines := l.file(policy.CeilingFile).Lines()
	for i := range lines {
		x := &lines[i]
		if x.Kind != policycsv.Row || len(x.Faults) > 0 {
			continue
		}
		r, f := &row{policy.CeilingFile, "", x}, x.Fields
		name := func(i int, n *near, word string) {
			if n != nil && word != everything && n.counts[word] == 0 {
				l.nearName(r, i, "spell it as the rules do", word, n.of(word, true))
			}
		}
		switch {
		case f[0].Text == "p" && len(f) == 5:
			goal := targetOf(f[3].Text)
			name(1, roles, f[1].Text)
			name(2, tenants, f[2].Text)
			if goal.typ != "" {
				name(3, types, goal.typ)
				name(4, actions[goal.typ], f[4].Text)
			}
			if goal.isAll() && f[4].Text == everything {
				l.at("RV137", policy.SeverityWarning, r, 3, "name the routes and types, or the actions", "tenants' own files may let %s do everything%s", f[1].Text, inTenant(f[2].Text))
			}
		case f[0].Text == "g" && len(f) == 3:
			name(1, roles, f[1].Text)
			name(2, tenants, f[2].Text)
		case f[0].Text == "key" && len(f) == 3:
			name(1, tenants, f[1].Text)
		}
	}
}

func (l *linter) lookAtTenantFiles() {
	powers := l.powers(true)
	if _, there := l.bundle.Content(policy.CeilingFile); there {
		return // its author has said what tenants' files may give
	}
	const help = "the operator may set a ceiling in ceiling.csv, or deny rules in policy.csv"
	for _, r := range l.rules {
		p := powers[r.sub]
		switch {
		case r.own == "" || !r.allow:
		case r.sub == anyone && r.isWrite():
			l.at("RV136", policy.SeverityWarning, &r.row, atSubject, help, "the tenant's file lets every caller, also one without a session, %s %s", r.act, r.obj)
		case r.sub == anyone || r.sub == authenticated:
			l.at("RV136", policy.SeverityNote, &r.row, atSubject, help, "the tenant's file gives %s more than the common policy does", r.sub)
		case p != nil && p.writes == 0 && r.isWrite():
			l.at("RV136", policy.SeverityWarning, &r.row, atSubject, help, "the tenant's file lets %s %s %s, and in the common policy that role only reads", r.sub, r.act, r.obj)
		case p != nil:
			l.at("RV136", policy.SeverityNote, &r.row, atSubject, help, "the tenant's file gives %s more than the common policy does", r.sub)
		}
	}
	for _, g := range l.grants {
		if g.own != "" && rankOf(g.role) >= rankAdmin && powers[g.role] != nil {
			l.at("RV136", policy.SeverityWarning, &g.row, 2, help, "the tenant's file makes %s %s, a role of the common policy", g.member, g.role)
		}
	}
}

// listOf returns up to eight words, sorted.
func listOf[V any](words map[string]V) string {
	list := slices.Sorted(maps.Keys(words))
	if len(list) > 8 {
		return strings.Join(list[:8], ", ") + ", …"
	}
	return strings.Join(list, ", ")
}
