package main

import (
	"context"
	"errors"

	"github.com/jedib0t/go-pretty/v6/table"

	"github.com/reevehq/reeve/service/fleet"
)

type instancesCommand struct {
	environmentFlags
	Service string `arg:"" optional:"" help:"The service. Default: SERVICE_NAME, or POLICY_NAME."`
	Format  string `help:"pretty or json." enum:"pretty,json" default:"pretty"`
}

func (*instancesCommand) Help() string {
	return `Examples:

  reeve instances billing
  reeve instances billing --format json

It prints the instances of a service that run, as they say of themselves by package fleet: an instance is there until it stops, or for three of its heartbeats after it died.

Needs REDIS_URL. ` + redisHelp + `

Exit codes: 0 some run, 1 none does, 2 usage, 3 Redis does not answer.`
}

func (c *instancesCommand) Run(a *app) error {
	e, err := c.open(a)
	if err != nil {
		return err
	}
	fallback, err := e.value("POLICY_NAME")
	if err != nil {
		return err
	}
	name, err := serviceName(c.Service, fallback, e)
	if err != nil {
		return err
	}
	if name == "" {
		return usage("which service? Name it, or set SERVICE_NAME")
	}
	client, err := e.redis()
	if err != nil {
		return err
	}
	defer client.Close()
	list, err := fleet.List(context.Background(), client, name)
	switch {
	case errors.Is(err, fleet.ErrInvalid):
		return usage("%w", err)
	case err != nil:
		return &exitError{codeLoad, err}
	}
	if c.Format == "json" {
		if list == nil {
			list = []fleet.Instance{}
		}
		if err := a.json(list); err != nil {
			return err
		}
	} else if len(list) > 0 {
		rows := [][]string{}
		for _, i := range list {
			rows = append(rows, []string{i.ID, i.Host, i.Version, i.State, short(i.Revision), stamp(i.RevisionSince), stamp(i.StartedAt), stamp(i.SeenAt)})
		}
		a.table([]string{"instance", "host", "version", "state", "revision", "since", "started", "seen"}, rows)
	} else {
		a.printf("no instances\n")
	}
	if len(list) == 0 {
		return ends(codeFindings)
	}
	return nil
}

// table prints rows under a header. The text of a server is shown as a terminal may show it.
func (a *app) table(header []string, rows [][]string) {
	t := table.NewWriter()
	t.SetStyle(table.StyleLight)
	t.AppendHeader(rowOf(header))
	for _, r := range rows {
		t.AppendRow(rowOf(r))
	}
	a.printf("%s\n", t.Render())
}

func rowOf(values []string) table.Row {
	row := table.Row{}
	for _, v := range values {
		row = append(row, v)
	}
	return row
}
