package rls

import (
	"fmt"
	"regexp"
	"strings"

	"github.com/reevehq/reeve/tenant"
)

// RolesSQL returns the statements that create the two roles, or take from them what policies
// could not bind, and that take temporary tables and schemas from everybody but the owner of the
// database where they run: temporary tables outlive a tenant on a connection of a pool, no policy
// sees them, and what is in a schema of the application's own comes before the service's. A superuser
// runs them in the service's database. Passwords are set elsewhere. Running them again changes
// nothing.
func RolesSQL(cfg Config) (string, error) {
	cfg, err := cfg.withDefaults()
	if err != nil {
		return "", err
	}
	return rolesSQL(cfg), nil
}

func rolesSQL(cfg Config) string {
	var b strings.Builder
	for _, role := range []string{cfg.Owner, cfg.App} {
		fmt.Fprintf(&b, `DO %s;
`, literal(fmt.Sprintf(`BEGIN
  IF NOT EXISTS (SELECT FROM pg_catalog.pg_roles WHERE rolname = %s) THEN
    CREATE ROLE %s LOGIN NOSUPERUSER NOBYPASSRLS NOCREATEDB NOCREATEROLE NOREPLICATION;
  END IF;
END`, literal(role), ident(role))))
	}
	fmt.Fprintf(&b, "DO %s;\n", literal(fmt.Sprintf(`BEGIN
  EXECUTE pg_catalog.format('REVOKE TEMPORARY, CREATE ON DATABASE %%I FROM PUBLIC, %%I', pg_catalog.current_database(), %s);
END`, literal(cfg.App))))
	fmt.Fprintf(&b, "ALTER ROLE %s NOSUPERUSER NOBYPASSRLS NOCREATEROLE NOREPLICATION;\n", ident(cfg.App))
	return b.String()
}

// SetupSQL returns the statements that create the schema reeve: the functions reeve.tenant() and,
// for signed contexts, reeve.argument(), which policies call, and the table of keys, which the application cannot read. The owner
// runs them; they may create schemas in the database. Running them again changes nothing,
// and after an upgrade of this package it brings the function up to date.
func SetupSQL(cfg Config) (string, error) {
	cfg, err := cfg.withDefaults()
	if err != nil {
		return "", err
	}
	return setupSQL(cfg), nil
}

func setupSQL(cfg Config) string {
	var b strings.Builder
	fmt.Fprintf(&b, `CREATE SCHEMA IF NOT EXISTS reeve;
REVOKE ALL ON SCHEMA reeve FROM PUBLIC;
GRANT USAGE ON SCHEMA reeve TO %[1]s;
CREATE TABLE IF NOT EXISTS reeve.context_key (
  id text PRIMARY KEY,
  inner_pad bytea NOT NULL,
  outer_pad bytea NOT NULL,
  database text NOT NULL,
  role text NOT NULL
);
REVOKE ALL ON reeve.context_key FROM PUBLIC, %[1]s;
%[2]s%[3]s`, ident(cfg.App), functionSQL(cfg), runSQL(cfg))
	return b.String()
}

// contextFunction is one that policies call.
type contextFunction struct {
	signature, body string
	definer         bool
}

// functions are those of a configuration: the tenant, and with signed contexts what policies of
// package policy ask of the caller.
func contextFunctions(cfg Config) []contextFunction {
	if cfg.Plain {
		return []contextFunction{{"reeve.tenant()", plainBody(cfg), false}}
	}
	return []contextFunction{
		{"reeve.tenant()", signedBody(cfg, "", "RETURN pg_catalog.split_part(context, '.', 3);"), true},
		{"reeve.argument(text,text,integer)", signedBody(cfg, "  entry pg_catalog.json;\n", argumentFound), true},
	}
}

// functionSQL creates the functions. Each name and operator in them has its schema, so that nobody
// puts one of their own in place of the system's, and no search_path has to be set for each call,
// which would take a third of its time.
func functionSQL(cfg Config) string {
	var b strings.Builder
	for _, f := range contextFunctions(cfg) {
		security := "SECURITY INVOKER"
		if f.definer {
			security = "SECURITY DEFINER"
		}
		fmt.Fprintf(&b, `CREATE OR REPLACE FUNCTION %s RETURNS text
  LANGUAGE plpgsql STABLE PARALLEL SAFE %s
AS %s;
`, f.signature, security, dollar(f.body))
	}
	return b.String()
}

// runSQL lets the application and the owner alone ask.
func runSQL(cfg Config) string {
	var b strings.Builder
	for _, f := range contextFunctions(cfg) {
		fmt.Fprintf(&b, "REVOKE ALL ON FUNCTION %[1]s FROM PUBLIC;\nGRANT EXECUTE ON FUNCTION %[1]s TO %[2]s;\n", f.signature, ident(cfg.App))
	}
	return b.String()
}

func dollar(text string) string { return "$reeve$" + text + "$reeve$" }

// missing returns the answer to a statement without a context.
func missing(cfg Config) string {
	if cfg.NoRows {
		return `RETURN NULL;`
	}
	return `RAISE EXCEPTION 'reeve: no tenant for this statement' USING ERRCODE = '42501';`
}

// operators writes {=} for the operator of the system, in whatever schemas others stand.
func operators(body string) string {
	return operator.ReplaceAllString(body, "OPERATOR(pg_catalog.$1)")
}

var operator = regexp.MustCompile(`\{([^a-z ]+)\}`)

// plainBody believes the setting of [Plain].
func plainBody(cfg Config) string {
	return operators(`
DECLARE
  context pg_catalog.text := pg_catalog.current_setting('` + PlainSetting + `', true);
BEGIN
  IF context IS NULL OR context {=} '' THEN -- it stays empty after the first transaction that had one
    ` + missing(cfg) + `
  END IF;
  RETURN context;
END`)
}

// signedBody verifies the context and does what found says. It is also what the audit compares the
// database's functions with.
//
// In a transaction of one statement most of the time goes into making ready what is evaluated: each
// function of the system once, and each statement of PL/pgSQL. So all that holds of a context is one
// condition, of few functions. It is evaluated from left to right: the form, in letters and then in
// lengths, since a regular expression with bounded repeats takes longer than all the rest, the
// signature, and the expiry. Signatures are compared under one more hash with the key, so that the
// time of a comparison tells nothing. The expiry bounds the moment at which a transaction may begin:
// a long one ends in peace, and somebody who keeps one open could have read before. The error is one
// for all that is wrong. Nothing is remembered from one call to the next: a statement may change the
// setting between two of its own. No text has a backslash, which a setting of the session might take
// for an escape.
func signedBody(cfg Config, variables, found string) string {
	const name = `[0-9A-Za-z][0-9A-Za-z_-]*`
	const head = name + `[.]` + name + `[.][0-9]+`
	const form = `^(v1[.]` + head + `|v2[.]` + head + `[.][{].*[}])[.]([0-9a-f][0-9a-f])+$`
	part := func(n int) string { return fmt.Sprintf("pg_catalog.split_part(context, '.', %d)", n) }
	least := func(n, most int) string { return fmt.Sprintf("pg_catalog.octet_length(%s) {<=} %d", part(n), most) }
	expires := `pg_catalog.to_timestamp((` + part(4) + `::pg_catalog.float8) {/} 1000)`
	return operators(`
DECLARE
  context pg_catalog.text := pg_catalog.current_setting('`+SignedSetting+`', true);
  inside pg_catalog.bytea;
  outside pg_catalog.bytea;
`+variables+`BEGIN
  SELECT inner_pad, outer_pad INTO inside, outside FROM reeve.context_key
    WHERE id COLLATE pg_catalog."C" {=} `+part(2)+` -- no index: there are one or two
      AND (database {=} '' OR database {=} current_catalog) AND (role {=} '' OR role {=} session_user);
  IF context {~} '`) + form + operators(`'
    AND `+least(2, tenant.MaxIDLength)+` AND `+least(3, tenant.MaxIDLength)+` AND `+least(4, 15)+`
    AND pg_catalog.octet_length(context) {<=} `+fmt.Sprint(MaxContextLength)+`
    AND pg_catalog.sha256(outside {||} pg_catalog.decode(`+part(-1)+`, 'hex'))
      {=} pg_catalog.sha256(outside {||} pg_catalog.sha256(outside {||} pg_catalog.sha256(inside {||} pg_catalog.convert_to(pg_catalog.left(context, -65), 'UTF8'))))
    AND `+expires+` {>} CURRENT_TIMESTAMP
    AND (pg_catalog.clock_timestamp() {+} '`+fmt.Sprint((2*MaxLifetime).Seconds())+` s'::pg_catalog.interval) {>} `+expires+`
  THEN
    `+found+`
  END IF;
  IF (context {<>} '') IS NOT TRUE THEN -- it stays empty after the first transaction that had one
    `+missing(cfg)+`
  END IF;
  RAISE EXCEPTION 'reeve: the context of this statement is not valid' USING ERRCODE = '42501';
END`)
}

// argumentFound returns value $3 of the caller, for the policies of type $1 in revision $2.
const argumentFound = `IF pg_catalog.left(context, 2) {=} 'v2' THEN
      entry := pg_catalog.substr(pg_catalog.left(context, -65), pg_catalog.strpos(context, '.{') {+} 1)::pg_catalog.json {->} $1;
    END IF;
    IF entry IS NULL THEN
      RAISE EXCEPTION 'reeve: no caller for this statement, of whom the policies of % ask', $1 USING ERRCODE = '42501';
    END IF;
    IF ((entry {->>} 0) {=} $2) IS NOT TRUE THEN
      RAISE EXCEPTION 'reeve: the context of this statement is of another revision than the policies of %', $1 USING ERRCODE = '` + CodeRevision + `';
    END IF;
    RETURN entry {->>} $3;`
