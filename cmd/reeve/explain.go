package main

import (
	"context"
	"encoding/json"
	"strings"
	"time"

	"github.com/reevehq/reeve/authz/policy"
)

type explainCommand struct {
	requestFlags

	Format string `help:"pretty or json." enum:"pretty,json" default:"pretty"`
}

func (*explainCommand) Help() string {
	return `Examples:

  reeve explain user:bob acme update invoice:1 --role viewer --attr owner=bob
  reeve explain --model model.conf --policy policy.csv alice data1 read
  reeve explain user:alice acme read invoice --published --name billing

` + sourceHelp + `

Exit codes: 0 allowed, 1 denied, 2 usage, 3 the policy cannot be loaded.`
}

func (c *explainCommand) Run(a *app) error {
	if err := c.check(); err != nil {
		return err
	}
	if c.isCasbin() {
		return c.casbinRule(a)
	}
	engine, from, err := c.engine(a, c.Policies, time.Now)
	if err != nil {
		return err
	}
	r, err := c.request(engine)
	if err != nil {
		return err
	}
	x, err := engine.Explain(context.Background(), r)
	if err != nil {
		return undecided(err)
	}
	prefixFiles(from, &x)
	if c.Format == "json" {
		e := json.NewEncoder(a.out)
		e.SetIndent("", "  ")
		e.SetEscapeHTML(false)
		if err := e.Encode(explanationOf(x)); err != nil {
			return &exitError{codeLoad, err}
		}
	} else {
		a.printf("%s", a.painted(x))
	}
	if x.Decision.Allowed() {
		return nil
	}
	c.tellUnknown(a, from)
	return ends(codeFindings)
}

// prefixFiles names files as people know them, so that editors open those that are in a folder.
func prefixFiles(from *source, x *policy.Explanation) {
	path := func(steps []policy.RoleStep) {
		for i := range steps {
			if steps[i].File != "" {
				steps[i].File = from.name(steps[i].File)
			}
		}
	}
	for i := range x.Matches {
		x.Matches[i].File = from.name(x.Matches[i].File)
		path(x.Matches[i].Path)
	}
	for i := range x.Lapsed {
		x.Lapsed[i].File = from.name(x.Lapsed[i].File)
	}
	for i := range x.NearMisses {
		x.NearMisses[i].File = from.name(x.NearMisses[i].File)
		path(x.NearMisses[i].Path)
	}
}

func (a *app) painted(x policy.Explanation) string {
	text, color := x.String(), red
	if x.Decision.Allowed() {
		color = green
	}
	first, rest, _ := strings.Cut(text, "\n")
	return a.paint(color, first) + "\n" + rest
}

// explanation is an explanation in JSON.
type explanation struct {
	Effect   string        `json:"effect"`
	Revision string        `json:"revision"`
	Tenant   string        `json:"tenant,omitempty"`
	Caller   string        `json:"caller"`
	Names    []string      `json:"names"`
	Action   string        `json:"action"`
	Object   string        `json:"object"`
	Rules    []explainRule `json:"rules"`
	Nearly   []explainRule `json:"nearly"`
	Lapsed   []lapse       `json:"lapsed,omitempty"`
	Note     string        `json:"note,omitempty"`
}

// lapse is a g row that does not hold now.
type lapse struct {
	File  string     `json:"file"`
	Line  int        `json:"line"`
	Who   string     `json:"who"`
	Role  string     `json:"role"`
	Start *time.Time `json:"start,omitempty"`
	End   *time.Time `json:"end,omitempty"`
	Ended bool       `json:"ended"` // otherwise it has not begun
}

type explainRule struct {
	File   string   `json:"file"`
	Line   int      `json:"line"`
	Rule   string   `json:"rule"`
	Effect string   `json:"effect"`
	Path   []string `json:"path,omitempty"`
	Failed []string `json:"failed,omitempty"`
	Wants  string   `json:"wants,omitempty"`
	Has    string   `json:"has,omitempty"`
	Why    string   `json:"why,omitempty"`
}

func explanationOf(x policy.Explanation) explanation {
	out := explanation{Effect: x.Decision.Effect.String(), Revision: x.Decision.Revision, Caller: x.Caller, Names: x.Names, Action: string(x.Action), Object: x.Object,
		Rules: []explainRule{}, Nearly: []explainRule{}, Note: x.Unruled}
	if !x.Tenant.IsZero() {
		out.Tenant = x.Tenant.String()
	}
	path := func(steps []policy.RoleStep) (names []string) {
		for _, s := range steps {
			names = append(names, s.Name)
		}
		return names
	}
	for _, m := range x.Matches {
		r := explainRule{File: m.File, Line: m.Line, Rule: m.Rule, Effect: m.Effect.String(), Path: path(m.Path)}
		if m.Unknown.Text != "" {
			r.Why = m.Unknown.String()
		}
		out.Rules = append(out.Rules, r)
	}
	for _, m := range x.NearMisses {
		r := explainRule{File: m.File, Line: m.Line, Rule: m.Rule, Effect: m.Effect.String(), Path: path(m.Path), Wants: m.Wants, Has: m.Has}
		for _, clause := range m.Failed {
			r.Failed = append(r.Failed, string(clause))
		}
		if m.Condition.Text != "" {
			r.Why = m.Condition.String()
		}
		out.Nearly = append(out.Nearly, r)
	}
	for _, l := range x.Lapsed {
		y := lapse{File: l.File, Line: l.Line, Who: l.Member, Role: l.Role, Ended: l.Ended}
		if !l.Start.IsZero() {
			y.Start = &l.Start
		}
		if !l.End.IsZero() {
			y.End = &l.End
		}
		out.Lapsed = append(out.Lapsed, y)
	}
	return out
}

// casbinRule names the rule that decided by a Casbin model.
func (c *explainCommand) casbinRule(a *app) error {
	e, n, err := c.casbin()
	if err != nil {
		return err
	}
	if len(c.Values) != n {
		return usage("%d values, %d are needed by the model's request", len(c.Values), n)
	}
	allowed, rule, err := e.EnforceEx(values(c.Values)...)
	if err != nil {
		return undecided(err)
	}
	answer, color := "deny", red
	if allowed {
		answer, color = "allow", green
	}
	by := "no rule matches"
	if len(rule) > 0 {
		by = "p, " + strings.Join(rule, ", ")
	}
	if c.Format == "json" {
		err := json.NewEncoder(a.out).Encode(struct {
			Effect string   `json:"effect"`
			Rule   []string `json:"rule"`
		}{answer, append([]string{}, rule...)})
		if err != nil {
			return &exitError{codeLoad, err}
		}
	} else {
		a.printf("%s: %s\n└─ %s\n", a.paint(color, answer), strings.Join(c.Values, ", "), by)
	}
	if allowed {
		return nil
	}
	return ends(codeFindings)
}
