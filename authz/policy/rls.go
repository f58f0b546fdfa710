package policy

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/reevehq/reeve/authz/policy/internal/sqltext"
	"github.com/reevehq/reeve/internal/configerr"
)

// maxBranches is how many branches one command of row-level security may have.
const maxBranches = 32

// ErrTooManyBranches means that the rules about a type ask too many different things of its
// objects for row-level security: 32 for one command. Which roles ask is not counted.
var ErrTooManyBranches = errors.New("policy: too many branches for row-level security")

// RLSConfig says which table of PostgreSQL holds the objects of a type, and which action each
// command on it is. A command without an action is refused to App altogether.
type RLSConfig struct {
	// Type is the type of the objects, which attributes.csv lists. Required.
	Type string

	// Table is the table, with its schema unless that is public. Required. It has the policies
	// of package rls, which keep tenants apart.
	Table string

	// App is the role with which the service logs in. Required. The policies bind it alone: a
	// migration of the owner has a tenant, and no caller.
	App string

	// Select is the action of SELECT, which also bounds the rows that UPDATE and DELETE find.
	// Required.
	Select Action

	// Insert, Update and Delete are the actions of the other commands. A row that is inserted
	// or updated has to be one that the caller may do the action to, as it was and as it will be.
	Insert, Update, Delete Action
}

// RLS is the row-level security of the objects of one type: policies of PostgreSQL that select
// what [Engine.Filter] selects, whatever the statement says. They hold no caller: the values of
// the caller come in the signed context of each statement, see [Engine.RLSContext], so that
// other roles, grants and objects change nothing in the database. Other conditions do, and then
// the [RLS.Revision] is another one: the database refuses contexts that were made for another.
type RLS struct {
	config RLSConfig
	plan   *rlsPlan
}

// RLS returns the row-level security of a type by the policy that is loaded. The error is
// [ErrNotListed] for a type that no row of kind tenant lists, and [ErrTooManyBranches].
//
// A tenant's own file changes nothing in it, so that no tenant ends the statements of others: its
// rules may ask of the objects what some rule of policy.csv asks, for whomever that is. Where they
// ask something else, [Engine.RLSContext] is [ErrPredicate] for those of that tenant whom they are
// about.
func (e *Engine) RLS(cfg RLSConfig) (RLS, error) {
	s := e.snapshot()
	if s == nil {
		return RLS{}, ErrNotLoaded
	}
	plan, err := s.rls(cfg)
	if err != nil {
		return RLS{}, err
	}
	return RLS{cfg, plan}, nil
}

// Type returns the type of the objects.
func (r RLS) Type() string { return r.config.Type }

// Table returns the table of the objects, with its schema.
func (r RLS) Table() string { return withSchema(r.config.Table) }

// Revision returns a digest of the policies' text, "" of the zero RLS.
func (r RLS) Revision() string {
	if r.plan == nil {
		return ""
	}
	return r.plan.revision
}

// Reads returns the other tables that the policies read, sorted: those of parents and of members.
// They may have no such policies themselves, which would hide rows from these.
func (r RLS) Reads() []string {
	if r.plan == nil {
		return nil
	}
	return slices.Clone(r.plan.reads)
}

// SQL returns the statements that create the policies, for the owner to read and to run in one
// transaction, once the policies of package rls are there. Running them again changes nothing.
// They hold an exclusive lock on the table while they run.
func (r RLS) SQL() string {
	if r.plan == nil {
		return ""
	}
	var b strings.Builder
	table, app := quotedTable(r.config.Table), quotedIdent(r.config.App)
	fmt.Fprintf(&b, `-- %s, revision %s
DO $reeve$BEGIN
  IF NOT EXISTS (SELECT FROM pg_catalog.pg_policy WHERE polrelid = '%s'::pg_catalog.regclass AND polname = 'reeve_tenant' AND NOT polpermissive) THEN
    RAISE EXCEPTION 'reeve: %% has no policy reeve_tenant, which keeps tenants apart: run the script of rls.Generate first', '%s';
  END IF;
END$reeve$;
`, r.config.Type, r.plan.revision, strings.ReplaceAll(table, "'", "''"), withSchema(r.config.Table))
	for i, c := range rlsCommands {
		text := r.plan.commands[i].text
		fmt.Fprintf(&b, "DROP POLICY IF EXISTS reeve_%[1]s ON %[2]s;\nCREATE POLICY reeve_%[1]s ON %[2]s AS RESTRICTIVE FOR %[3]s TO %[4]s", c.name, table, c.command, app)
		if c.using {
			b.WriteString(" USING (" + text + ")")
		}
		if c.check {
			b.WriteString(" WITH CHECK (" + text + ")")
		}
		fmt.Fprintf(&b, `;
DO $reeve$DECLARE path text := pg_catalog.current_setting('search_path');
BEGIN
  PERFORM pg_catalog.set_config('search_path', 'pg_catalog', true); -- what is printed depends on it
  EXECUTE pg_catalog.format('COMMENT ON POLICY reeve_%[1]s ON %%s IS %%L', '%[2]s'::pg_catalog.regclass, '%[3]s' || (SELECT pg_catalog.md5(coalesce(pg_catalog.pg_get_expr(polqual, polrelid), '') || ' ' || coalesce(pg_catalog.pg_get_expr(polwithcheck, polrelid), ''))
    FROM pg_catalog.pg_policy WHERE polrelid = '%[2]s'::pg_catalog.regclass AND polname = 'reeve_%[1]s'));
  PERFORM pg_catalog.set_config('search_path', path, true);
END$reeve$;
`, c.name, strings.ReplaceAll(table, "'", "''"), r.Comment())
	}
	return b.String()
}

// Comment returns how the comment on each of the policies begins, which a digest of its expression
// follows: package policyrls looks for it.
func (r RLS) Comment() string { return "reeve " + r.Revision() + " " }

// rlsCommands are the commands of PostgreSQL that a policy is for.
var rlsCommands = [...]struct {
	name, command string
	using, check  bool
	action        func(*RLSConfig) Action
}{
	{"select", "SELECT", true, false, func(c *RLSConfig) Action { return c.Select }},
	{"insert", "INSERT", false, true, func(c *RLSConfig) Action { return c.Insert }},
	{"update", "UPDATE", true, true, func(c *RLSConfig) Action { return c.Update }},
	{"delete", "DELETE", true, false, func(c *RLSConfig) Action { return c.Delete }},
}

// validate returns everything that is wrong with a config.
func (c *RLSConfig) validate() error {
	var problems configerr.Problems
	check := func(ok bool, field, text string) {
		if !ok {
			problems.Add(field, "%s", text)
		}
	}
	check(c.Type != "", "Type", "required")
	schema, table, _ := strings.Cut(withSchema(c.Table), ".")
	check(c.Table != "", "Table", "required")
	check(c.Table == "" || sqltext.IsName(schema) && sqltext.IsName(table), "Table", "letters, digits and _, after a schema and a dot perhaps")
	check(c.App != "", "App", "required")
	check(len(c.App) <= 63 && !strings.ContainsRune(c.App, 0), "App", "no name of a role")
	check(c.Select != "", "Select", "required")
	for _, command := range rlsCommands {
		a := command.action(c)
		check(a == "" || validWord(string(a)), command.command, quote(string(a))+" is no action on a typed object: write a word in lower case")
	}
	return problems.Err("policy", nil)
}

func withSchema(table string) string {
	if strings.Contains(table, ".") {
		return table
	}
	return "public." + table
}

func quotedTable(table string) string {
	schema, name, _ := strings.Cut(withSchema(table), ".")
	return quotedIdent(schema) + "." + quotedIdent(name)
}

func quotedIdent(name string) string { return `"` + strings.ReplaceAll(name, `"`, `""`) + `"` }

// RLSContext returns what the context of a caller's statement says of the caller: for each type
// the revision of the policies, and the values that they ask for. r is a request of the caller
// whose Action and Object are not looked at; its Tenant is required. rls.Signer signs it.
//
// It holds until a role of the caller next begins or ends by a g row with times, which until says;
// zero is never. Errors are those of [Engine.Filter]; beside one there is no context.
func (e *Engine) RLSContext(ctx context.Context, r Request, types ...RLSConfig) (caller string, until time.Time, err error) {
	if r.Tenant.IsZero() {
		return "", time.Time{}, fmt.Errorf("%w: a context without a tenant", ErrRequest)
	}
	out := []byte{'{'}
	for i, cfg := range types {
		if i > 0 {
			out = append(out, ',')
		}
		var end time.Time
		if out, end, err = e.rlsEntry(ctx, r, cfg, out); err != nil {
			return "", time.Time{}, err
		}
		if until.IsZero() || !end.IsZero() && end.Before(until) {
			until = end
		}
	}
	return string(append(out, '}')), until, nil
}
