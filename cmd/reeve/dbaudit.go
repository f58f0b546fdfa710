package main

import (
	"context"
	"database/sql"
	"errors"
	"slices"
	"strings"
	"time"

	_ "github.com/jackc/pgx/v5/stdlib" // the driver named pgx

	"github.com/reevehq/reeve/authz/policy/policyrls"
	"github.com/reevehq/reeve/tenant/rls"
)

type dbCommand struct {
	Audit dbAuditCommand `cmd:"" help:"Find what lets tenants meet in a database, with the SQL that mends it."`
}

// auditTimeout ends an audit that hangs.
const auditTimeout = time.Minute

type dbAuditCommand struct {
	environmentFlags
	URL         string            `arg:"" optional:"" help:"The database, such as postgres://app@host/shop. Default: DATABASE_URL."`
	Owner       string            `help:"The role that owns the tables and runs migrations." required:"" placeholder:"ROLE"`
	App         string            `help:"The role with which the service logs in." required:"" placeholder:"ROLE"`
	Column      string            `help:"The column that holds the tenant's id." default:"tenant_id" placeholder:"NAME"`
	Table       map[string]string `help:"The column of one table where it is another one, as SCHEMA.TABLE=COLUMN." placeholder:"TABLE=COLUMN" mapsep:"none"`
	Shared      []string          `help:"A table that holds rows of no tenant, as SCHEMA.TABLE." placeholder:"TABLE"`
	Plain       bool              `help:"The tenant is told by a setting that is not signed."`
	NoRows      bool              `help:"Statements without a tenant find nothing, and are no error."`
	HandWritten bool              `help:"The policies of the database are its own, and do not call reeve.tenant()."`
	Policies    string            `short:"p" help:"The folder of a policy whose attributes.csv names columns that are looked at too." placeholder:"DIR"`
	Type        map[string]string `help:"The table of a type in attributes.csv, as TYPE=SCHEMA.TABLE." placeholder:"TYPE=TABLE" mapsep:"none"`
	FailOn      string            `help:"The least severity that fails: error, warning or info." enum:"error,warning,info" default:"warning"`
	Format      string            `help:"pretty, json, or sql: the script that mends everything." enum:"pretty,json,sql" default:"pretty"`
}

func (*dbAuditCommand) Help() string {
	return `Examples:

  reeve db audit --owner owner --app app
  reeve db audit postgres://app@localhost/shop --owner owner --app app --shared public.plans
  reeve db audit --owner owner --app app --format sql > mend.sql

It reads the catalog of PostgreSQL and changes nothing; any role may ask. Read the SQL before its owner runs it.

A password belongs into DATABASE_URL: others see the command line. ` + environmentHelp + `

Exit codes: 0 nothing of --fail-on or worse, 1 findings, 2 usage, 3 the database cannot be asked.`
}

func (c *dbAuditCommand) Run(a *app) error {
	url := c.URL
	if url == "" {
		e, err := c.open(a)
		if err != nil {
			return err
		}
		if url, err = e.require("DATABASE_URL", "such as postgres://app:password@host/shop"); err != nil {
			return err
		}
	}
	cfg := rls.Config{Owner: c.Owner, App: c.App, Column: c.Column, Tables: c.Table, Shared: c.Shared, Plain: c.Plain, NoRows: c.NoRows, HandWritten: c.HandWritten}
	if c.Policies != "" {
		engine, _, err := load(c.Policies)
		if err != nil {
			return err
		}
		if cfg.Columns, err = policyrls.Columns(engine.Attributes(), c.Type); err != nil {
			return usage("%w", err)
		}
	} else if len(c.Type) > 0 {
		return usage("--type stands with --policies")
	}
	db, err := sql.Open("pgx", url)
	if err != nil {
		return &exitError{codeLoad, withoutSecrets(err, url)}
	}
	defer db.Close()
	ctx, cancel := context.WithTimeout(context.Background(), auditTimeout)
	defer cancel()
	findings, err := rls.Audit(ctx, db, cfg)
	switch {
	case errors.Is(err, rls.ErrInvalid):
		return usage("%w", err)
	case err != nil:
		return &exitError{codeLoad, withoutSecrets(err, url)}
	}
	if err := c.print(a, findings); err != nil {
		return err
	}
	least := map[string]rls.Severity{"error": rls.Error, "warning": rls.Warning, "info": rls.Info}[c.FailOn]
	for _, f := range findings {
		if f.Severity >= least {
			return ends(codeFindings)
		}
	}
	return nil
}

func (c *dbAuditCommand) print(a *app, findings rls.Findings) error {
	switch c.Format {
	case "sql":
		a.printf("%s", findings.SQL())
		return nil
	case "json":
		type finding struct {
			Rule     string `json:"rule"`
			Severity string `json:"severity"`
			Object   string `json:"object"`
			Gain     string `json:"gain"`
			Mend     string `json:"mend,omitempty"`
		}
		out := []finding{}
		for _, f := range findings {
			out = append(out, finding{f.Rule, f.Severity.String(), f.Object, f.Gain, f.Mend})
		}
		return a.json(out)
	}
	counts := map[rls.Severity]int{}
	colors := map[rls.Severity]string{rls.Error: red, rls.Warning: yellow, rls.Info: blue}
	for _, f := range findings {
		counts[f.Severity]++
		// Names of a database hold what somebody put there.
		a.printf("%s %s (%s): %s\n", a.paint(colors[f.Severity], f.Severity.String()), printableLine(f.Object), f.Rule, printableLine(f.Gain))
		for line := range strings.Lines(f.Mend) {
			a.printf("    %s\n", printableLine(strings.TrimSuffix(line, "\n")))
		}
	}
	a.printf("%s, %s, %d of information\n", count(counts[rls.Error], "error"), count(counts[rls.Warning], "warning"), counts[rls.Info])
	return nil
}

// withoutSecrets returns an error on one line, without the URL, which may hold a password.
func withoutSecrets(err error, url string) error {
	text := err.Error()
	if strings.Contains(text, url) || strings.Contains(text, "cannot parse") {
		return errors.New("the database's URL is malformed: write postgres://role@host:5432/database")
	}
	if _, rest, ok := strings.Cut(url, "://"); ok {
		if user, _, ok := strings.Cut(rest, "@"); ok {
			if _, password, ok := strings.Cut(user, ":"); ok && password != "" {
				text = strings.ReplaceAll(text, password, "…")
			}
		}
	}
	var lines []string // the driver tries an address more than once
	for line := range strings.Lines(text) {
		if line = strings.TrimSpace(line); !slices.Contains(lines, line) {
			lines = append(lines, line)
		}
	}
	return errors.New(strings.Join(lines, " "))
}
