package impact

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/reevehq/reeve/authz/policy"
)

// Assertion is a sentence that must hold of every request. [ParseAssertions] reads them.
type Assertion struct {
	Text string
	Line int

	// A sentence says who must not be allowed what, or who must be.
	must    bool
	names   []string // who: nil is everyone
	alone   bool     // names have these names and no other
	except  []string // and not those who have one of these
	outside string   // a tenant whose requests are left alone
	anon    bool     // anonymous callers alone
	actions []string
	objects []string
	tenant  string
}

const forms = `write "nobody may ACTION OBJECT", "nobody but role:admin may …", "nobody outside TENANT may …", "nobody with role:guest may …", "role:guest may not …", "anonymous may not …" or "role:editor may …", and "in TENANT" behind it`

// ParseAssertions reads sentences, one a line. Lines that begin with # are comments:
//
//	no role but admin may delete
//	nobody outside acme may read invoice
//	nobody with role:guest may update, delete invoice
//	role:guest may not DELETE /admin/*
//	anonymous may not anything invoice
//	role:editor may create invoice in acme
//
// A sentence about a role, "role:guest may …", is about a session that has this role and no
// other; "nobody with" is about every session that has it. An action is a word, a method, several
// with commas between them, or anything. Without an object it is about all.
//
// The error is one of all lines that cannot be read, each as "name:line:col: message".
func ParseAssertions(name, text string) ([]Assertion, error) {
	var list []Assertion
	var bad []error
	n := 0
	for line := range strings.Lines(text) {
		n++
		line = strings.TrimSpace(strings.TrimPrefix(line, "\ufeff"))
		if line == "" || line[0] == '#' {
			continue
		}
		a, at, why := parseAssertion(line)
		if why != "" {
			bad = append(bad, fmt.Errorf("%s:%d:%d: %s", name, n, max(1, at), why))
			continue
		}
		a.Text, a.Line = line, n
		list = append(list, a)
	}
	if len(list) == 0 && len(bad) == 0 {
		bad = append(bad, fmt.Errorf("%s:1:1: no sentence: %s", name, forms))
	}
	return list, errors.Join(bad...)
}

// words are the words of a line, taken from its beginning.
type words struct {
	line string
	at   int // from 0
}

func (w *words) next() string {
	rest := w.line[w.at:]
	word := strings.TrimLeft(rest, " \t")
	w.at += len(rest) - len(word)
	if end := strings.IndexAny(word, " \t"); end >= 0 {
		word = word[:end]
	}
	return word
}

func (w *words) take(word string) bool {
	if w.next() != word {
		return false
	}
	w.at += len(word)
	return true
}

// list takes words with commas, "and" or "or" between them.
func (w *words) list() (list []string) {
	for {
		word := w.next()
		w.at += len(word)
		for part := range strings.SplitSeq(word, ",") {
			if part != "" {
				list = append(list, part)
			}
		}
		if !strings.HasSuffix(word, ",") && !w.take("and") && !w.take("or") {
			return list
		}
	}
}

func parseAssertion(line string) (a Assertion, at int, why string) {
	w := &words{line: line}
	fail := func(format string, args ...any) (Assertion, int, string) {
		w.next()
		return Assertion{}, w.at + 1, fmt.Sprintf(format, args...)
	}
	role := ""
	switch {
	case w.take("no"):
		if !w.take("role") && !w.take("user") {
			return fail("%q: write no role but …, or nobody", w.next())
		}
		role = "role:"
		if !w.take("but") {
			return fail("%q: write no role but …, or nobody", w.next())
		}
		a.except = w.list()
	case w.take("nobody"):
		switch {
		case w.take("but"):
			a.except = w.list()
		case w.take("outside"):
			a.outside = w.next()
			w.at += len(a.outside)
			if err := (Question{Tenant: a.outside}).validate(); err != nil || a.outside == "may" {
				return fail("%q is no tenant", a.outside)
			}
		case w.take("with"):
			a.names = w.list()
		}
	case w.take("anonymous"):
		a.anon, a.must = true, true
	case w.take("everyone"):
		a.must = true
	default:
		start := w.at
		a.names, a.alone, a.must = w.list(), true, true
		if len(a.names) > 0 && !isName(a.names[0]) {
			w.at = start
			return fail("%q: %s", w.next(), meantBy(w.next()))
		}
	}
	for _, names := range [][]string{a.names, a.except} {
		for i, n := range names {
			if role != "" && !strings.Contains(n, ":") {
				names[i] = role + n
			}
			if !isName(names[i]) {
				return fail("%q is no name: write user:… or role:…", n)
			}
		}
	}
	if !w.take("may") {
		return fail("%q, where may is expected: %s", w.next(), meantBy(w.next()))
	}
	if a.must && w.take("not") {
		a.must = false
	}
	if w.next() == "never" {
		return fail("%q: %s", w.next(), meantBy(w.next()))
	}
	if w.next() == "" {
		return fail("no action: %s", forms)
	}
	a.actions = w.list()
	for _, action := range a.actions {
		if action == "anything" || action == everything {
			a.actions = []string{""}
			break
		}
		if why := policy.WhyNoRule(everything, action); why != "" {
			return fail("%s, or anything", why)
		}
	}
	if next := w.next(); next != "" && next != "in" {
		a.objects = w.list()
		for _, o := range a.objects {
			for _, action := range a.actions {
				if err := (Question{Object: o, Action: action}).validate(); err != nil {
					return fail("%s", strings.TrimPrefix(err.Error(), "impact: "))
				}
			}
		}
	} else {
		a.objects = []string{""}
	}
	if w.take("in") {
		a.tenant = w.next()
		w.at += len(a.tenant)
		if err := (Question{Tenant: a.tenant}).validate(); err != nil || a.tenant == "" {
			return fail("%q is no tenant", a.tenant)
		}
	}
	if rest := w.next(); rest != "" {
		return fail("%q, where the sentence ends: %s", rest, forms)
	}
	return a, 0, ""
}

func isName(s string) bool {
	space, name, ok := strings.Cut(s, ":")
	return ok && name != "" && (space == "user" || space == "role")
}

// Failure is an assertion that does not hold, and where.
type Failure struct {
	Assertion Assertion
	Cells     []Cell // each with a counterexample, its Witness
}

// Assert returns the assertions that do not hold of a policy, or may not.
func (p *Policy) Assert(list []Assertion) []Failure {
	allowed, denied := newPair(nil, p), newPair(nil, p)
	denied.inverse = true
	var failures []Failure
	for _, a := range list {
		pair := allowed
		if a.must {
			pair = denied
		}
		var cells []Cell
		for _, action := range a.actions {
			for _, object := range a.objects {
				cells = append(cells, pair.against(a, Question{Tenant: a.tenant, Action: action, Object: object})...)
			}
		}
		if len(cells) > 0 {
			failures = append(failures, Failure{a, cells})
		}
	}
	return failures
}

// against returns the cells that a sentence forbids.
func (p *pair) against(a Assertion, q Question) []Cell {
	ask := q.ask()
	var parts []part
	for _, t := range p.tenantsOf(q) {
		if t == a.outside && t != "" {
			continue
		}
		ask.matches = func(c *cube) bool { return c.open || p.meant(a, t, c) }
		parts = append(parts, p.differ(t, ask)...)
	}
	named := p.allTenants()
	if a.outside != "" && !slices.Contains(named, a.outside) {
		named = append(named, a.outside)
	}
	return p.gather(parts, named, q.Tenant == "")
}

// meant reports whether a sentence is about callers of a cube, and narrows it to them.
func (p *pair) meant(a Assertion, tenant string, c *cube) bool {
	switch {
	case a.anon:
		if c.callers.Callers == SignedIn {
			return false
		}
		c.callers.Callers = Anonymous
		return len(c.callers.Any) == 0
	case a.alone:
		for _, n := range a.names {
			s := policy.Subject{ID: p.freshUser()}
			if role, ok := strings.CutPrefix(n, "role:"); ok {
				s.Roles = policy.RoleNames{role}
			} else {
				s.ID = strings.TrimPrefix(n, "user:")
			}
			if c.callers.has(false, p.names(s, tenant)) {
				c.callers = Who{Callers: SignedIn, Any: [][]string{{n}}, None: c.callers.None, exact: &s}
				return true
			}
		}
		return false
	case a.names != nil:
		c.callers.Any = append(slices.Clone(c.callers.Any), a.names)
		if c.callers.Callers == Anonymous {
			return false
		}
		c.callers.Callers = SignedIn
	case a.except != nil:
		c.callers.None = append(slices.Clone(c.callers.None), a.except...)
	}
	return true
}

// meantBy says what to write for a word of another wording, or the forms that there are.
func meantBy(word string) string {
	switch lower := strings.ToLower(word); lower {
	case "cannot", "can", "must", "mustn't", "shall", "should", "can't", "never", "doesn't":
		return `write "may not", or "may"`
	case "only":
		return `write "no role but admin may …"`
	case "anyone", "anybody", "everybody", "all", "users":
		return `write "nobody may …", or "everyone may …"`
	case "without":
		return `write "nobody but role:admin may …"`
	case "no", "nobody", "anonymous", "everyone":
		if word != lower {
			return "write " + lower
		}
	}
	return forms
}
