package rls

import (
	"fmt"
	"strings"

	"github.com/reevehq/reeve/tenant"
)

// RolesSQL returns the statements that create the two roles, or take from them what policies
// could not bind, and that take temporary tables from everybody in the database where they run:
// those outlive a tenant on a connection of a pool, and no policy sees them. A superuser runs
// them in the service's database. Passwords are set elsewhere. Running them again changes
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
  EXECUTE pg_catalog.format('REVOKE TEMPORARY ON DATABASE %%I FROM PUBLIC, %%I', pg_catalog.current_database(), %s);
END`, literal(cfg.App))))
	fmt.Fprintf(&b, "ALTER ROLE %s NOSUPERUSER NOBYPASSRLS NOCREATEROLE NOREPLICATION;\n", ident(cfg.App))
	return b.String()
}

// SetupSQL returns the statements that create the schema reeve: the function reeve.tenant(),
// which policies call, and the table of keys, which the application cannot read. The owner
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

// functionSQL is the function that policies call. Its search_path is fixed, so that nobody
// puts an operator or a table of their own in place of the system's.
func functionSQL(cfg Config) string {
	security := "SECURITY DEFINER"
	if cfg.Plain {
		security = "SECURITY INVOKER"
	}
	return fmt.Sprintf(`CREATE OR REPLACE FUNCTION reeve.tenant() RETURNS text
  LANGUAGE plpgsql STABLE PARALLEL SAFE %s SET search_path = pg_catalog, pg_temp
AS %s;
`, security, dollar(functionBody(cfg)))
}

// runSQL lets the application and the owner alone ask for the tenant.
func runSQL(cfg Config) string {
	return fmt.Sprintf("REVOKE ALL ON FUNCTION reeve.tenant() FROM PUBLIC;\nGRANT EXECUTE ON FUNCTION reeve.tenant() TO %s;\n", ident(cfg.App))
}

func dollar(text string) string { return "$reeve$" + text + "$reeve$" }

// functionBody is also what the audit compares the database's function with.
//
// The parts of a context are checked before its key is looked up, their lengths apart from their
// letters: a regular expression with bounded repeats takes longer than all the rest. The signature
// is compared by digests of both, so that the time of a comparison tells nothing. What expires is
// the moment at which a transaction may begin: a long one ends in peace, and whoever keeps one open
// could have read before. The error is one for all that is wrong.
func functionBody(cfg Config) string {
	missing := `RAISE EXCEPTION 'reeve: no tenant for this statement' USING ERRCODE = '42501';`
	if cfg.NoRows {
		missing = `RETURN NULL;`
	}
	if cfg.Plain {
		return `
DECLARE
  context text := current_setting('` + PlainSetting + `', true);
BEGIN
  IF context IS NULL OR context = '' THEN -- it stays empty after the first transaction that had one
    ` + missing + `
  END IF;
  RETURN context;
END`
	}
	return `
DECLARE
  context text := current_setting('` + SignedSetting + `', true);
  part text[];
  inside bytea;
  outside bytea;
BEGIN
  IF context IS NULL OR context = '' THEN -- it stays empty after the first transaction that had one
    ` + missing + `
  END IF;
  part := string_to_array(context, '.');
  IF context ~ '^v1\.[0-9A-Za-z][0-9A-Za-z_-]*\.[0-9A-Za-z][0-9A-Za-z_-]*\.[0-9]+\.[0-9a-f]+$'
    AND length(part[2]) <= ` + fmt.Sprint(tenant.MaxIDLength) + ` AND length(part[3]) <= ` + fmt.Sprint(tenant.MaxIDLength) + ` AND length(part[4]) <= 15 AND length(part[5]) = 64
  THEN
    SELECT inner_pad, outer_pad INTO inside, outside FROM reeve.context_key
      WHERE id || '' = part[2] AND database IN ('', current_database()) AND role IN ('', session_user); -- no index: there are one or two
    IF FOUND AND sha256(outside || sha256(outside || sha256(inside || left(context, -65)::bytea))) = sha256(outside || decode(part[5], 'hex')) THEN
      IF part[4]::bigint > date_part('epoch', now()) * 1000
        AND part[4]::bigint <= date_part('epoch', clock_timestamp()) * 1000 + ` + fmt.Sprint(2*MaxLifetime.Milliseconds()) + `
      THEN
        RETURN part[3];
      END IF;
    END IF;
  END IF;
  RAISE EXCEPTION 'reeve: the context of this statement is not valid' USING ERRCODE = '42501';
END`
}
