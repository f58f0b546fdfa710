package main

import (
	"fmt"

	"github.com/jedib0t/go-pretty/v6/table"

	"github.com/reevehq/reeve/authz/policy/impact"
)

type diffCommand struct {
	Old    string `arg:"" optional:"" help:"The folder of the policy as it was; with --model the file of its rows."`
	New    string `arg:"" optional:"" help:"The folder of the policy as it is to be; with --model the file of its rows."`
	Format string `help:"pretty, md or json." enum:"pretty,md,json" default:"pretty"`
	FailOn string `help:"What ends with 1: any change, or wider alone." enum:"any,wider" default:"any"`

	Model    string `help:"The model of two Casbin policies." placeholder:"FILE"`
	OldModel string `help:"The model of the old one, where it was another." placeholder:"FILE"`
	Policy   string `help:"The rows of the new one, in place of NEW." placeholder:"FILE"`
	Engine   string `help:"What decides a Casbin policy: index, or casbin itself." enum:"index,casbin" default:"index"`

	sourceFlags
}

func (*diffCommand) Help() string {
	return `Examples:

  reeve diff main/policies policies
  reeve diff main/policies policies --format md --fail-on wider
  reeve diff policies --published --name billing
  reeve diff --published --name billing --rows acme=acme.csv
  reeve diff --model model.conf main/policy.csv policy.csv

It prints exactly the requests whose decision changes, what is wider first. A line is one set of requests, with an example to ask both policies about. Where it cannot be decided whether a condition is ever true, the line says "may".

With --published the rows that tenants have published stand beside both; one folder is compared with the policy in force, and without a folder it is both. --rows stands beside NEW alone.

Two Casbin policies are asked about every request of the texts that their rows name, and of one that none names. Where the matcher compares patterns, one text is asked about for each, and a note says so.

Exit codes: 0 no decision changes, 1 some do, 2 usage, 3 a policy cannot be loaded.`
}

func (c *diffCommand) Run(a *app) error {
	if c.Model != "" || c.Policy != "" {
		if err := c.standardOnly(true); err != nil {
			return err
		}
		return c.casbinDiff(a)
	}
	if c.OldModel != "" || c.Engine != "index" {
		return usage("--old-model and --engine casbin need --model")
	}
	before, after, err := c.two(a)
	if err != nil {
		return err
	}
	report, err := impact.Diff(before, after)
	if err != nil {
		return &exitError{codeLoad, err}
	}
	if err := a.report(report, c.Format); err != nil {
		return err
	}
	if report.Wider() || c.FailOn == "any" && len(report.Cells) > 0 {
		return ends(codeFindings)
	}
	return nil
}

// two loads the two policies.
func (c *diffCommand) two(a *app) (before, after *impact.Policy, err error) {
	switch {
	case c.New != "":
	case c.Published:
		c.Old, c.New = "", c.Old
	default:
		return nil, nil, usage("one policy: give OLD and NEW, or --published")
	}
	was, is := c.sourceFlags, c.sourceFlags
	was.Rows = nil
	if c.Published { // one after the other, since both have notes
		if before, _, err = was.impact(a, c.Old); err == nil {
			after, _, err = is.impact(a, c.New)
		}
		return before, after, err
	}
	first := make(chan error, 1)
	go func() {
		var err error
		before, _, err = was.impact(a, c.Old)
		first <- err
	}()
	after, _, err = is.impact(a, c.New)
	if bad := <-first; bad != nil { // of two errors the first policy's
		return nil, nil, bad
	}
	return before, after, err
}

// report prints what changes, and how much of it.
func (a *app) report(report impact.Report, format string) error {
	if format == "json" {
		return a.cellsJSON(report.Cells, true)
	}
	if len(report.Cells) == 0 {
		a.printf("no decision changes\n")
		return nil
	}
	if err := a.cells(report.Cells, format, true); err != nil {
		return err
	}
	wider := 0
	for _, x := range report.Cells {
		if x.Direction == impact.Wider {
			wider++
		}
	}
	a.printf("\n%d wider, %d narrower\n", wider, len(report.Cells)-wider)
	return nil
}

// cells prints sets of requests, of two policies with their direction.
func (a *app) cells(cells []impact.Cell, format string, directed bool) error {
	if format == "json" {
		return a.cellsJSON(cells, directed)
	}
	if len(cells) == 0 {
		return nil
	}
	t := table.NewWriter()
	t.SetStyle(table.StyleLight)
	header := table.Row{"who", "tenant", "action", "object", "when", "example"}
	if directed {
		header = append(table.Row{"change"}, header...)
	}
	t.AppendHeader(header)
	code := func(s string) string { return s }
	if format == "md" {
		code = markdownCode
	}
	for _, c := range cells {
		when := code(c.When)
		if c.When == "" {
			when = "always"
		}
		if c.May {
			when = "may, when " + code(c.When)
		}
		example, why := exampleOf(c)
		row := table.Row{c.Who.String(), c.Tenants.String(), c.Actions.String(), code(c.Object.String()), when, code(example) + why}
		if directed {
			word := c.Direction.String()
			if format == "pretty" {
				word = a.paint(map[impact.Direction]string{impact.Wider: red, impact.Narrower: yellow}[c.Direction], word)
			} else if c.Direction == impact.Wider {
				word = "**wider**"
			}
			row = append(table.Row{word}, row...)
		}
		t.AppendRow(row)
	}
	if format == "md" {
		a.printf("%s\n", t.RenderMarkdown())
		return nil
	}
	a.printf("%s\n", t.Render())
	return nil
}

// exampleOf returns the witness as the values and flags of reeve can, or why these cannot say it.
func exampleOf(c impact.Cell) (line, why string) {
	if c.May {
		return "", ""
	}
	row, err := impact.Row(c.Witness)
	if err != nil {
		return "", "no flags say it: " + err.Error()
	}
	return canLine(row), ""
}

type diffCell struct {
	Change   string     `json:"change,omitempty"`
	Who      string     `json:"who"`
	Any      [][]string `json:"any,omitempty"`
	None     []string   `json:"none,omitempty"`
	Tenants  []string   `json:"tenants"`
	Others   bool       `json:"other_tenants"`
	Actions  []string   `json:"actions"`
	Rest     bool       `json:"other_actions"`
	Object   string     `json:"object"`
	Except   []string   `json:"except,omitempty"`
	When     string     `json:"when,omitempty"`
	May      bool       `json:"may,omitempty"`
	Example  *request   `json:"example,omitempty"`
	Sentence string     `json:"sentence"`

	NoExample string `json:"no_example,omitempty"` // why no request can be written down
}

type request struct {
	Tenant     string `json:"tenant"`
	Subject    string `json:"subject"`
	Roles      string `json:"roles"`
	Action     string `json:"action"`
	Object     string `json:"object"`
	Attributes string `json:"attributes"`
}

func cellOf(c impact.Cell, directed bool) diffCell {
	out := diffCell{Who: c.Who.String(), Any: c.Who.Any, None: c.Who.None, Tenants: notNil(c.Tenants.Names), Others: c.Tenants.Others,
		Actions: notNil(c.Actions.Names), Rest: c.Actions.Others, Object: c.Object.Of, Except: c.Object.Except, When: c.When, May: c.May, Sentence: c.String()}
	if directed {
		out.Change = c.Direction.String()
	} else {
		out.Sentence = fmt.Sprintf("%s in %s: %s %s", c.Who, c.Tenants, c.Actions, c.Object)
		if c.When != "" {
			out.Sentence += " when " + c.When
		}
	}
	if !c.May {
		if r, err := impact.Row(c.Witness); err != nil {
			out.NoExample = err.Error()
		} else {
			out.Example = &request{r[0], r[1], r[2], r[3], r[4], r[5]}
		}
	}
	return out
}

func notNil(list []string) []string {
	if list == nil {
		return []string{}
	}
	return list
}

func (a *app) cellsJSON(cells []impact.Cell, directed bool) error {
	out := []diffCell{}
	for _, c := range cells {
		out = append(out, cellOf(c, directed))
	}
	return a.json(out)
}
