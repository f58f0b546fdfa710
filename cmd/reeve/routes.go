package main

import (
	"fmt"
	"strings"
	"time"

	"github.com/reevehq/reeve/authz/policy"
	"github.com/reevehq/reeve/authz/policy/lint"
)

type routesCommand struct {
	Against  string `required:"" help:"A file of the service's routes, one METHOD TEMPLATE a line; - for standard input." placeholder:"FILE"`
	Init     bool   `help:"Print the rows that are missing, to add to policy.csv. They deny everyone, unless --role is given."`
	Role     string `help:"With --init: the role that the rows allow." placeholder:"NAME"`
	Policies string `short:"p" help:"The folder of the policy. Default: policies, or the current folder." placeholder:"DIR"`

	sourceFlags
}

func (*routesCommand) Help() string {
	return `Examples:

  reeve routes --against routes.txt
  reeve routes --against routes.txt --init >> policies/policy.csv
  reeve routes --against routes.txt --init --role admin

` + sourceHelp + `

Exit codes: 0 every route has a rule and every rule a route, or the rows are printed; 1 one has none; 2 usage; 3 a file cannot be loaded.`
}

func (c *routesCommand) Run(a *app) error {
	if c.Role != "" && !c.Init {
		return usage("--role is for --init")
	}
	text, err := a.read(c.Against)
	if err != nil {
		return err
	}
	routes, err := parseRoutes(c.Against, text)
	if err != nil {
		return err
	}
	if len(routes) == 0 {
		return &exitError{codeLoad, fmt.Errorf("%s:1:1: no routes", c.Against)}
	}
	engine, from, err := c.engine(a, c.Policies, time.Now)
	if err != nil {
		return err
	}
	found := false
	for _, r := range routes {
		if engine.Covers(r.Method, r.Template) {
			continue
		}
		if !c.Init {
			found = true
			a.printf("no rule for %s %s\n", r.Method, r.Template)
			continue
		}
		object, why := policy.RouteObject(r.Template)
		if why != "" {
			return &exitError{codeLoad, fmt.Errorf("%s %s: no rule can name it: %s", r.Method, r.Template, why)}
		}
		subject, effect := "role:anyone", "deny"
		if c.Role != "" {
			subject, effect = "role:"+strings.TrimPrefix(c.Role, "role:"), "allow"
		}
		a.printf("p, %s, *, %s, %s, true, %s\n", subject, object, r.Method, effect)
	}
	if c.Init {
		return nil
	}
	for _, rule := range engine.RouteRules() {
		matched := false
		for _, r := range routes {
			matched = matched || rule.MatchesRoute(r.Method, r.Template)
		}
		if !matched {
			found = true
			a.printf("%s:%d: no route for %s\n", from.name(rule.File), rule.Line, rule)
		}
	}
	if found {
		return ends(codeFindings)
	}
	return nil
}

// parseRoutes reads lines of a method and a route.
func parseRoutes(name, text string) (routes []lint.Route, err error) {
	n := 0
	for line := range strings.Lines(text) {
		n++
		fields := strings.Fields(line)
		if len(fields) == 0 || strings.HasPrefix(fields[0], "#") {
			continue
		}
		if len(fields) != 2 || !policy.IsMethod(fields[0]) || !strings.HasPrefix(fields[1], "/") {
			return nil, &exitError{codeLoad, fmt.Errorf("%s:%d:1: a line is a method in capitals and a route, such as GET /invoices/:id", name, n)}
		}
		routes = append(routes, lint.Route{Method: fields[0], Template: fields[1]})
	}
	return routes, nil
}
