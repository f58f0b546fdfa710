// Package lint finds mistakes in a policy, also those that load in silence: a deny rule that can
// match nothing, a role that is spelled in two ways, a condition that never holds.
//
//	findings, err := lint.Folder(os.DirFS("policies"), lint.Options{})
//
// For most uses the command reeve lint is enough; this is for tools, and for a test that knows the
// routes of its service.
//
// A [Finding] says what is wrong, where, and what to do; [Rules] lists what is looked for, each
// with a page. Where a mend is safe, a finding has a [Fix], which [Apply] applies.
//
// A folder whose model.conf is not the standard model is looked at as a Casbin policy: Casbin
// takes unknown effects, stray spaces and patterns that match more than they seem to, and this
// package says so.
package lint

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"

	"slices"
	"strings"
	"time"

	"github.com/reevehq/reeve/authz/policy"
	"github.com/reevehq/reeve/internal/policycsv"
)

// Options tell what the files of a policy do not. The zero Options is fine.
type Options struct {
	// Routes are those of the service. With them, routes without a rule and rules without a
	// route are found. Default: not looked for.
	Routes []Route

	// Tenants and Roles are those that there are, beside the ones that the files name. With
	// them, every other name in a rule is a finding. Default: not known.
	Tenants, Roles []string

	// Before is the folder of the policy as it was. With it, a policy that has lost deny rules or
	// many others is a finding. Default: not compared.
	Before fs.FS

	// Now is when the policy is looked at: roles that have ended by then are findings. Default:
	// the time.
	Now time.Time

	// Disable are rules, by id or by name, that are not looked for. Mistakes for which a policy
	// does not load cannot be disabled.
	Disable []string
}

// Route is one route of a service.
type Route struct {
	Method   string
	Template string // "/invoices/:id"
}

// Finding is one thing that is wrong.
type Finding struct {
	Rule     Rule
	Severity policy.Severity
	File     string
	Line     int // from 1; 0 when the file as a whole is meant
	Col      int // from 1, in bytes; 0 when Line is
	EndCol   int // behind the last byte; not less than Col
	Message  string
	Help     string      // what to do; "" when the message says it
	Code     policy.Code // of a mistake for which the policy does not load
	Source   string      // the line, "" when Line is 0
	Fix      *Fix        // nil when there is no safe one
}

// String returns "file:line:col: severity RV101 message".
func (f Finding) String() string {
	return fmt.Sprintf("%s: %s %s %s: %s", f.Position(), f.Severity, f.Rule.ID, f.Rule.Name, f.Message)
}

// Position returns "file:line:col", or the file alone.
func (f Finding) Position() string {
	if f.Line == 0 {
		return f.File
	}
	return fmt.Sprintf("%s:%d:%d", f.File, f.Line, f.Col)
}

// Folder looks at the policy in a folder. The findings are in the order of the files, of which
// those by which others are read are first: model.conf, attributes.csv, ceiling.csv. The error is
// about reading the folder alone: a policy that does not load has findings.
func Folder(fsys fs.FS, opts Options) ([]Finding, error) {
	for _, name := range []string{policy.ModelFile, policy.PolicyFile} {
		if _, err := fs.Stat(fsys, name); err != nil {
			return nil, fmt.Errorf("lint: %w", err)
		}
	}
	b, _ := policy.ReadBundle(fsys) // loading says what is wrong
	return Bundle(b, fsys, opts), nil
}

// Bundle looks at the files of a bundle, such as one with the rows that tenants have published. The
// tables of requests are read from the folder tables; nil leaves them out.
func Bundle(b *policy.Bundle, tables fs.FS, opts Options) []Finding {
	if model, _ := b.Content(policy.ModelFile); !isStandard(model) {
		rows, _ := b.Content(policy.PolicyFile)
		return Casbin(policy.ModelFile, model, policy.PolicyFile, rows, opts)
	}
	l := &linter{opts: opts, fsys: tables, bundle: b}
	l.standard()
	return l.sorted()
}

// linter gathers the findings of one policy.
type linter struct {
	opts     Options
	now      time.Time
	fsys     fs.FS // of the tables, nil for none
	bundle   *policy.Bundle
	found    []Finding
	files    map[string]*policycsv.File
	rules    []*ruleRow
	grants   []*grantRow
	engine   *policy.Engine
	words    words
	closures map[[2]string][]string
	allowed  *targets // of allow rules
	denied   *targets
	routes   map[string]map[string]int // by shape, how often each stands there
	types    *near                     // of allow rules
	paths    *near                     // likewise
	first    map[string]int            // where each route stands first
	actions  map[[2]string]allowedActions
	compared map[[2]string]string // the attribute that is compared with a text, by type and text
	colons   *bool                // whether a route has a parameter that begins with a colon
}

func (l *linter) standard() {
	l.files, l.actions = map[string]*policycsv.File{}, map[[2]string]allowedActions{}
	if l.now = l.opts.Now; l.now.IsZero() {
		l.now = time.Now()
	}
	engine, err := policy.LoadBundle(l.bundle, policy.Options{Clock: noon})
	if err != nil {
		l.loadErrors(err)
		return // what else could be said may be due to what does not load
	}
	l.engine = engine
	l.read()
	l.readTables()
	l.lookAtDenies()
	l.lookAtCover()
	l.lookAtWildcards()
	l.lookAtRoles()
	l.lookAtThrough()
	l.lookAtGrants()
	l.lookAtTimes()
	l.lookAtTenants()
	l.lookAtNames()
	l.lookAtConditions()
	l.lookAtBeside()
	l.lookAtTexts()
	l.lookAtPlaceholders()
	l.lookAtObjects()
	l.lookAtAttributes()
	l.lookAtRoutes()
	l.lookAtBefore()
	l.lookAtFiles()
}

// add notes a finding unless its rule is disabled.
func (l *linter) add(f Finding) {
	if f.Code == "" && l.disabled(f.Rule) {
		return
	}
	if f.EndCol < f.Col {
		f.EndCol = f.Col
	}
	l.found = append(l.found, f)
}

func (l *linter) disabled(r Rule) bool {
	return slices.Contains(l.opts.Disable, r.ID) || slices.Contains(l.opts.Disable, r.Name)
}

// at notes a finding about value i of a row.
func (l *linter) at(id string, severity policy.Severity, r *row, i int, help, format string, args ...any) *Finding {
	rule := ruleOf(id)
	if l.disabled(rule) {
		return &Finding{}
	}
	f := Finding{Rule: rule, Severity: severity, File: r.file, Line: r.line.Number, Source: r.line.Text, Message: fmt.Sprintf(format, args...), Help: help}
	f.Col, f.EndCol = r.span(i)
	l.add(f)
	return &l.found[len(l.found)-1]
}

// refuse notes why Casbin does not load a row, which cannot be disabled.
func (l *linter) refuse(id string, code policy.Code, r *row, i int, help, format string, args ...any) {
	f := Finding{Rule: ruleOf(id), File: r.file, Line: r.line.Number, Source: r.line.Text, Message: fmt.Sprintf(format, args...), Help: help, Code: code}
	f.Col, f.EndCol = r.span(i)
	l.add(f)
}

func (l *linter) sorted() []Finding {
	order := map[string]int{}
	if l.bundle != nil {
		// A file stands before those that are read by it, so that a cause stands before what follows.
		for i, name := range append([]string{policy.ModelFile, policy.AttributesFile, policy.CeilingFile}, l.bundle.Files()...) {
			if _, there := order[name]; !there {
				order[name] = i
			}
		}
	}
	slices.SortStableFunc(l.found, func(a, b Finding) int {
		return cmp.Or(cmp.Compare(order[a.File], order[b.File]), cmp.Compare(a.File, b.File), cmp.Compare(a.Line, b.Line), cmp.Compare(a.Col, b.Col), cmp.Compare(a.Rule.ID, b.Rule.ID), cmp.Compare(a.Message, b.Message))
	})
	return slices.CompactFunc(l.found, func(a, b Finding) bool {
		return a.Rule.ID == b.Rule.ID && a.File == b.File && a.Line == b.Line && a.Col == b.Col && a.Message == b.Message
	})
}

// errorsOf returns the policy errors that are joined in err.
func errorsOf(err error) []*policy.Error {
	var one *policy.Error
	switch x := err.(type) {
	case nil:
		return nil
	case *policy.Error:
		return []*policy.Error{x}
	case interface{ Unwrap() []error }:
		var all []*policy.Error
		for _, e := range x.Unwrap() {
			all = append(all, errorsOf(e)...)
		}
		return all
	}
	if errors.As(err, &one) {
		return []*policy.Error{one}
	}
	return nil
}

// isStandard reports whether a model is meant to be the standard one: most of its definitions
// are, or what its rules are made of.
func isStandard(model string) bool {
	squeezed := strings.Map(func(c rune) rune {
		if c == ' ' || c == '\t' || c == '\r' {
			return -1
		}
		return c
	}, model)
	votes := 0
	for _, clause := range []string{"r=sub,dom,obj,act,env", "p=sub,dom,obj,act,cond,eft", "g=_,_,_", "e=some(where(p.eft==allow))&&!some(where(p.eft==deny))", "r.obj.Type==p.obj", "eval(p.cond)"} {
		if strings.Contains(squeezed, clause) {
			votes++
		}
	}
	return votes >= 3 || !strings.Contains(squeezed, "[matchers]")
}
