package rls

import (
	"database/sql"
	"encoding/json"
	"fmt"
	"strings"
)

// reach are the roles that the application, $1, is or may become: SET ROLE asks for no inheritance of
// rights.
const reach = `WITH reach AS MATERIALIZED (SELECT oid FROM pg_roles WHERE pg_has_role($1::name, oid, 'MEMBER')) `

// grant is a right that some of these roles have, and by whom they have it.
type grant struct {
	object   string   // a schema or database, or the role and schema of a default
	owner    string   // of the object
	owned    bool     // they have it as its owner
	grantees []string // "" for PUBLIC
}

// from names the grantees in SQL.
func (g grant) from() string {
	names := make([]string, len(g.grantees))
	for i, name := range g.grantees {
		if names[i] = "PUBLIC"; name != "" {
			names[i] = ident(name)
		}
	}
	return strings.Join(names, ", ")
}

// granteesOf are those of an access list, as JSON, through whom the application has a privilege, or
// any where that is "".
func granteesOf(list, owner, privilege string) string {
	if privilege != "" {
		privilege = "AND x.privilege_type = '" + privilege + "' "
	}
	return fmt.Sprintf(`coalesce((SELECT json_agg(DISTINCT CASE WHEN x.grantee = 0 THEN '' ELSE pg_get_userbyid(x.grantee) END)::text
		FROM aclexplode(%s) x WHERE x.grantee <> %s %sAND (x.grantee = 0 OR x.grantee IN (SELECT oid FROM reach))), '[]')`, list, owner, privilege)
}

// roles reads the roles that policies do not bind, those that own a table or what policies call, and
// those that read past the engine.
func (l loader) roles() error {
	var oids, owners []string
	for _, t := range l.catalog.tables {
		if t.tenants() {
			oids = append(oids, fmt.Sprint(t.oid))
			owners = append(owners, t.owner.name)
		}
	}
	ownersJSON, err := json.Marshal(append(owners, l.cfg.Owner))
	if err != nil {
		return err
	}
	return l.rows(`SELECT r.rolname, r.rolsuper, r.rolbypassrls, r.rolcreaterole, pg_has_role($1::name, r.oid, 'MEMBER'),
		coalesce((SELECT min(c.oid::regclass::text) FROM pg_class c WHERE c.oid::bigint IN (SELECT value::bigint FROM jsonb_array_elements_text($2::jsonb))
			AND (has_any_column_privilege(r.oid, c.oid, 'SELECT') OR has_any_column_privilege(r.oid, c.oid, 'UPDATE') OR has_table_privilege(r.oid, c.oid, 'DELETE'))), '')
		FROM pg_roles r WHERE r.rolname <> $1 AND (r.rolsuper OR r.rolbypassrls OR r.rolcreaterole OR r.rolreplication OR $3::jsonb ? r.rolname::text
			OR r.oid IN (SELECT nspowner FROM pg_namespace WHERE nspname = 'reeve') OR r.oid IN (SELECT proowner FROM pg_proc WHERE pronamespace = to_regnamespace('reeve'))
			OR r.oid IN (SELECT relowner FROM pg_class WHERE relnamespace = to_regnamespace('reeve'))
			OR r.rolname IN ('pg_read_all_data', 'pg_write_all_data', 'pg_execute_server_program', 'pg_read_server_files', 'pg_write_server_files')) ORDER BY 1`,
		[]any{l.cfg.App, "[" + strings.Join(oids, ",") + "]", string(ownersJSON)}, func(r *sql.Rows) error {
			x := role{exists: true}
			err := r.Scan(&x.name, &x.super, &x.bypass, &x.createRole, &x.memberOfIt, &x.uses)
			l.catalog.roles = append(l.catalog.roles, x)
			return err
		})
}

// schemas reads where the application may create, whether or not there is a table: the path of a
// session leads to any of them.
func (l loader) schemas() error {
	err := l.grants(&l.catalog.creates, reach+`SELECT n.nspname, pg_get_userbyid(n.nspowner), n.nspowner IN (SELECT oid FROM reach), `+
		granteesOf("coalesce(n.nspacl, acldefault('n', n.nspowner))", "n.nspowner", "CREATE")+`
		FROM pg_namespace n WHERE`+userObject+`AND EXISTS (SELECT FROM reach WHERE has_schema_privilege(reach.oid, n.oid, 'CREATE')) ORDER BY 1`)
	if err != nil {
		return err
	}
	return l.tx.QueryRowContext(l.ctx, reach+`SELECT coalesce(bool_or(has_any_column_privilege(reach.oid, c.oid, 'SELECT, INSERT, UPDATE') OR has_table_privilege(reach.oid, c.oid, 'DELETE, TRUNCATE, TRIGGER')), false)
		FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace, reach WHERE n.nspname = 'reeve' AND c.relkind = 'r'`, l.cfg.App).Scan(&l.catalog.keyRead)
}

// owns reads what the application owns beside tables of tenants and schemas: its statements may change
// what those of the next tenant do with it.
func (l loader) owns() error {
	var tenants []string
	for _, t := range l.catalog.tables {
		if t.tenants() {
			tenants = append(tenants, fmt.Sprint(t.oid))
		}
	}
	return l.rows(reach+`SELECT pg_describe_object(d.classid, d.objid, 0), pg_get_userbyid(d.refobjid)
		FROM pg_shdepend d WHERE d.deptype = 'o' AND d.dbid = (SELECT oid FROM pg_database WHERE datname = current_database()) AND d.refclassid = 'pg_authid'::regclass AND d.refobjid IN (SELECT oid FROM reach)
			AND d.classid IN ('pg_class'::regclass, 'pg_proc'::regclass, 'pg_type'::regclass, 'pg_operator'::regclass, 'pg_opclass'::regclass, 'pg_opfamily'::regclass, 'pg_collation'::regclass, 'pg_conversion'::regclass,
				'pg_ts_dict'::regclass, 'pg_ts_config'::regclass, 'pg_statistic_ext'::regclass, 'pg_foreign_server'::regclass, 'pg_event_trigger'::regclass, 'pg_extension'::regclass)
			AND NOT (d.classid = 'pg_class'::regclass AND (d.objid::bigint IN (SELECT value::bigint FROM jsonb_array_elements_text($2::jsonb))
				OR EXISTS (SELECT FROM pg_class c WHERE c.oid = d.objid AND (c.relpersistence = 't' OR c.relnamespace = to_regnamespace('reeve')))))
			AND NOT (d.classid = 'pg_proc'::regclass AND EXISTS (SELECT FROM pg_proc p WHERE p.oid = d.objid AND p.pronamespace IN (to_regnamespace('reeve'), pg_my_temp_schema())))
		ORDER BY 1`, []any{l.cfg.App, "[" + strings.Join(tenants, ",") + "]"}, func(r *sql.Rows) error {
		var g grant
		err := r.Scan(&g.object, &g.owner)
		l.catalog.owns = append(l.catalog.owns, g)
		return err
	})
}

// files reads which functions of the system the application may use to read and write what the server
// has, the tables' files among it.
func (l loader) files() error {
	return l.rows(reach+`SELECT p.oid::regprocedure::text FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace
		WHERE (n.nspname = 'pg_catalog' AND p.proname IN ('pg_read_file', 'pg_read_binary_file', 'lo_import', 'lo_export') OR p.proname IN ('dblink_connect_u', 'pg_file_write', 'pg_file_rename', 'pg_file_unlink'))
			AND EXISTS (SELECT FROM reach WHERE has_function_privilege(reach.oid, p.oid, 'EXECUTE')) ORDER BY 1`, []any{l.cfg.App}, func(r *sql.Rows) error {
		var signature string
		err := r.Scan(&signature)
		l.catalog.files = append(l.catalog.files, signature)
		return err
	})
}

// defaults reads what the application will have on tables to come.
func (l loader) defaults() error {
	return l.grants(&l.catalog.toCome, reach+`SELECT coalesce(n.nspname, ''), pg_get_userbyid(d.defaclrole), false, `+granteesOf("d.defaclacl", "d.defaclrole", "")+` AS grantees
		FROM pg_default_acl d LEFT JOIN pg_namespace n ON n.oid = d.defaclnamespace
		WHERE d.defaclobjtype = 'r' AND `+granteesOf("d.defaclacl", "d.defaclrole", "")+` <> '[]' ORDER BY 2, 1`)
}

// base reads what the database itself grants.
func (l loader) base() error {
	d := &l.catalog.database
	err := l.tx.QueryRowContext(l.ctx, `SELECT datname, pg_encoding_to_char(encoding) FROM pg_database WHERE datname = current_database()`).Scan(&d.name, &d.encoding)
	if err != nil {
		return err
	}
	for privilege, into := range map[string]*grant{"TEMPORARY": &d.temporary, "CREATE": &d.creates} {
		var one []grant
		if err := l.grants(&one, reach+`SELECT d.datname, pg_get_userbyid(d.datdba), pg_get_userbyid(d.datdba) = $1, `+
			granteesOf("coalesce(d.datacl, acldefault('d', d.datdba))", "d.datdba", privilege)+`
			FROM pg_database d WHERE d.datname = current_database()`); err != nil {
			return err
		}
		if len(one) == 1 {
			*into = one[0]
		}
	}
	d.app = d.temporary.owned
	return nil
}

// grants reads grants, each a row of its object, whose that is, whether the application's, and the
// grantees.
func (l loader) grants(into *[]grant, query string) error {
	return l.rows(query, []any{l.cfg.App}, func(r *sql.Rows) error {
		var g grant
		var grantees string
		if err := r.Scan(&g.object, &g.owner, &g.owned, &grantees); err != nil {
			return err
		}
		if err := json.Unmarshal([]byte(grantees), &g.grantees); err != nil {
			return err
		}
		*into = append(*into, g)
		return nil
	})
}
