package rls

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
)

// userSchemas keeps the system's tables and those of extensions out.
const userObject = ` n.nspname <> 'information_schema' AND n.nspname !~ '^pg_' `

func notOfExtension(class, alias string) string {
	return fmt.Sprintf(` NOT EXISTS (SELECT FROM pg_depend e WHERE e.classid = '%s'::regclass AND e.objid = %s.oid AND e.deptype = 'e') `, class, alias)
}

// load reads the catalog in one transaction, in which no name is found without its schema, so
// that expressions read alike whoever asks.
func load(ctx context.Context, db *sql.DB, cfg Config) (*catalog, error) {
	tx, err := db.BeginTx(ctx, &sql.TxOptions{Isolation: sql.LevelRepeatableRead, ReadOnly: true})
	if err != nil {
		return nil, err
	}
	defer func() { _ = tx.Rollback() }()
	if _, err := tx.ExecContext(ctx, `SELECT pg_catalog.set_config('search_path', '', true)`); err != nil {
		return nil, err
	}
	c := &catalog{byOID: map[uint32]*table{}, columns: map[string]column{}}
	l := loader{ctx, tx, cfg, c}
	if err := l.role(); err != nil || !c.app.exists {
		return c, err
	}
	for _, part := range []func() error{l.tables, l.policies, l.constraints, l.indexes, l.roles, l.views, l.functions, l.columns, l.schemas, l.base} {
		if err := part(); err != nil {
			return nil, err
		}
	}
	return c, nil
}

type loader struct {
	ctx context.Context
	tx  *sql.Tx
	cfg Config
	*catalog
}

// rows calls scan for each row.
func (l loader) rows(query string, args []any, scan func(*sql.Rows) error) error {
	rows, err := l.tx.QueryContext(l.ctx, query, args...)
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		if err := scan(rows); err != nil {
			return err
		}
	}
	return rows.Err()
}

func (l loader) role() error {
	l.app.name = l.cfg.App
	err := l.tx.QueryRowContext(l.ctx, `SELECT rolsuper, rolbypassrls, rolcreaterole FROM pg_roles WHERE rolname = $1`, l.cfg.App).
		Scan(&l.app.super, &l.app.bypass, &l.app.createRole)
	l.app.exists = err == nil
	if errors.Is(err, sql.ErrNoRows) {
		return nil
	}
	return err
}

func (l loader) tables() error {
	own, err := json.Marshal(l.cfg.Tables)
	if err != nil {
		return err
	}
	shared := map[string]bool{}
	for _, s := range l.cfg.Shared {
		shared[qualified(s)] = true
	}
	return l.rows(`SELECT c.oid::bigint, n.nspname, c.relname, pg_get_userbyid(c.relowner), c.relrowsecurity, c.relforcerowsecurity, c.relispartition,
		coalesce(a.attname, ''), coalesce(a.attnotnull, false), coalesce(pg_get_expr(d.adbin, d.adrelid), ''),
		coalesce(format_type(a.atttypid, NULL), ''), coalesce(co.collisdeterministic, true),
		concat(CASE WHEN has_any_column_privilege($1::name, c.oid, 'SELECT') THEN 'r' END, CASE WHEN has_any_column_privilege($1::name, c.oid, 'INSERT') THEN 'a' END,
			CASE WHEN has_any_column_privilege($1::name, c.oid, 'UPDATE') THEN 'w' END, CASE WHEN has_table_privilege($1::name, c.oid, 'DELETE') THEN 'd' END,
			CASE WHEN has_table_privilege($1::name, c.oid, 'TRUNCATE') THEN 'D' END, CASE WHEN has_any_column_privilege($1::name, c.oid, 'REFERENCES') THEN 'x' END,
			CASE WHEN has_table_privilege($1::name, c.oid, 'TRIGGER') THEN 't' END),
		EXISTS (SELECT FROM aclexplode(c.relacl) x WHERE x.grantee = 0), c.relkind = 'f'
		FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
		LEFT JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
			AND a.attname = coalesce($3::jsonb ->> (n.nspname || '.' || c.relname), $2::text)
		LEFT JOIN pg_attrdef d ON d.adrelid = c.oid AND d.adnum = a.attnum
		LEFT JOIN pg_collation co ON co.oid = a.attcollation
		WHERE c.relkind IN ('r', 'p', 'f') AND n.nspname <> 'reeve' AND`+userObject+`AND`+notOfExtension("pg_class", "c")+`ORDER BY 2, 3`,
		[]any{l.cfg.App, l.cfg.Column, string(own)}, func(r *sql.Rows) error {
			t := &table{}
			err := r.Scan(&t.oid, &t.schema, &t.name, &t.owner, &t.enabled, &t.forced, &t.partition, &t.column, &t.notNull, &t.deflt,
				&t.typ, &t.deterministic, &t.privileges, &t.public, &t.foreign)
			t.shared = shared[t.String()]
			l.catalog.tables = append(l.catalog.tables, t)
			l.byOID[t.oid] = t
			return err
		})
}

func (l loader) policies() error {
	return l.rows(`SELECT p.polrelid::bigint, p.polname, p.polpermissive, p.polcmd::text,
		0 = ANY (p.polroles) OR EXISTS (SELECT FROM unnest(p.polroles) r(oid) WHERE CASE WHEN r.oid = 0 THEN true ELSE pg_has_role($1::name, r.oid, 'USAGE') END),
		0 = ANY (p.polroles), coalesce(pg_get_expr(p.polqual, p.polrelid), ''), coalesce(pg_get_expr(p.polwithcheck, p.polrelid), ''), p.polwithcheck IS NOT NULL,
		coalesce((SELECT json_agg(DISTINCT d.refobjid::bigint)::text FROM pg_depend d WHERE d.classid = 'pg_policy'::regclass AND d.objid = p.oid
			AND d.refclassid = 'pg_class'::regclass AND d.refobjid <> p.polrelid), '[]')
		FROM pg_policy p ORDER BY 1, 2`,
		[]any{l.cfg.App}, func(r *sql.Rows) error {
			var p policy
			var oid uint32
			var reads string
			if err := r.Scan(&oid, &p.name, &p.permissive, &p.command, &p.app, &p.all, &p.using, &p.check, &p.hasCheck, &reads); err != nil {
				return err
			}
			if t := l.byOID[oid]; t != nil {
				t.policies = append(t.policies, p)
				return json.Unmarshal([]byte(reads), &t.policies[len(t.policies)-1].reads)
			}
			return nil
		})
}

func (l loader) constraints() error {
	names := func(keys, rel string) string {
		return fmt.Sprintf(`coalesce((SELECT json_agg(a.attname ORDER BY k.i)::text FROM unnest(%s) WITH ORDINALITY k(num, i)
			JOIN pg_attribute a ON a.attrelid = %s AND a.attnum = k.num), '[]')`, keys, rel)
	}
	// Keys of partitions follow those of their parents.
	query := `SELECT x.conrelid::bigint, x.oid::bigint, x.conname, x.contype::text, ` + names("x.conkey", "x.conrelid") + `, x.confrelid::bigint, ` + names("x.confkey", "x.confrelid") + `,
		x.confdeltype::text, x.confupdtype::text, concat(CASE WHEN x.condeferrable THEN ' DEFERRABLE' END, CASE WHEN x.condeferred THEN ' INITIALLY DEFERRED' END), x.confmatchtype::text, '',
		EXISTS (SELECT FROM pg_attribute a LEFT JOIN pg_attrdef d ON d.adrelid = a.attrelid AND d.adnum = a.attnum WHERE cardinality(x.conkey) = 1 AND a.attrelid = x.conrelid AND a.attnum = x.conkey[1]
			AND (a.attidentity <> '' OR a.atttypid IN ('uuid'::regtype, 'int2'::regtype, 'int4'::regtype, 'int8'::regtype)))
		FROM pg_constraint x WHERE x.contype IN ('p', 'u', 'f') AND x.conparentid = 0
		UNION ALL
		SELECT i.indrelid::bigint, i.indexrelid::bigint, c.relname, 'i', ` + names("(i.indkey::int2[])[0:i.indnkeyatts - 1]", "i.indrelid") + `, 0, '[]', '', '', '', '', pg_get_indexdef(i.indexrelid), false
		FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid
		WHERE i.indisunique AND NOT c.relispartition AND NOT EXISTS (SELECT FROM pg_constraint x WHERE x.conindid = i.indexrelid AND x.contype IN ('p', 'u', 'x'))
		ORDER BY 1, 3`
	return l.rows(query, nil, func(r *sql.Rows) error {
		var k constraint
		var oid uint32
		var columns, refColumns string
		if err := r.Scan(&oid, &k.oid, &k.name, &k.kind, &columns, &k.refers, &refColumns, &k.onDelete, &k.onUpdate, &k.deferred, &k.match, &k.def, &k.generated); err != nil {
			return err
		}
		if err := errors.Join(json.Unmarshal([]byte(columns), &k.columns), json.Unmarshal([]byte(refColumns), &k.refColumn)); err != nil {
			return err
		}
		if t := l.byOID[oid]; t != nil {
			t.constraints = append(t.constraints, k)
		}
		return nil
	})
}

func (l loader) indexes() error {
	return l.rows(`SELECT i.indrelid::bigint, a.attname, i.indkey[0] = a.attnum FROM pg_index i
		JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = ANY (i.indkey)
		WHERE i.indisvalid AND i.indpred IS NULL`, nil, func(r *sql.Rows) error {
		var oid uint32
		var name string
		var first bool
		if err := r.Scan(&oid, &name, &first); err != nil {
			return err
		}
		if t := l.byOID[oid]; t != nil && t.column == name {
			t.leads, t.follows = t.leads || first, t.follows || !first
		}
		return nil
	})
}

// roles reads the roles that policies do not bind and those that own a table.
func (l loader) roles() error {
	var oids, owners []string
	for _, t := range l.catalog.tables {
		if t.tenants() {
			oids = append(oids, fmt.Sprint(t.oid))
			owners = append(owners, t.owner)
		}
	}
	ownersJSON, err := json.Marshal(append(owners, l.cfg.Owner))
	if err != nil {
		return err
	}
	return l.rows(`SELECT r.rolname, r.rolsuper, r.rolbypassrls, r.rolcreaterole, pg_has_role($1::name, r.oid, 'MEMBER'),
		coalesce((SELECT min(c.oid::regclass::text) FROM pg_class c WHERE c.oid::bigint IN (SELECT value::bigint FROM jsonb_array_elements_text($2::jsonb))
			AND (has_any_column_privilege(r.oid, c.oid, 'SELECT') OR has_any_column_privilege(r.oid, c.oid, 'UPDATE') OR has_table_privilege(r.oid, c.oid, 'DELETE'))), '')
		FROM pg_roles r WHERE r.rolname <> $1 AND (r.rolsuper OR r.rolbypassrls OR r.rolcreaterole OR $3::jsonb ? r.rolname::text OR r.rolname IN ('pg_read_all_data', 'pg_write_all_data', 'pg_execute_server_program', 'pg_read_server_files', 'pg_write_server_files')) ORDER BY 1`,
		[]any{l.cfg.App, "[" + strings.Join(oids, ",") + "]", string(ownersJSON)}, func(r *sql.Rows) error {
			x := role{exists: true}
			err := r.Scan(&x.name, &x.super, &x.bypass, &x.createRole, &x.memberOfIt, &x.uses)
			l.catalog.roles = append(l.catalog.roles, x)
			return err
		})
}

func (l loader) views() error {
	return l.rows(`SELECT c.oid::bigint, n.nspname, c.relname, c.relkind = 'm',
		coalesce((SELECT option_value::bool FROM pg_options_to_table(c.reloptions) WHERE option_name = 'security_invoker'), false),
		coalesce((SELECT option_value::bool FROM pg_options_to_table(c.reloptions) WHERE option_name = 'security_barrier'), false),
		has_any_column_privilege($1::name, c.oid, 'SELECT, INSERT, UPDATE') OR has_table_privilege($1::name, c.oid, 'DELETE'), pg_get_viewdef(c.oid),
		coalesce((SELECT json_agg(DISTINCT d.refobjid::bigint)::text FROM pg_rewrite w JOIN pg_depend d ON d.classid = 'pg_rewrite'::regclass AND d.objid = w.oid
			AND d.refclassid = 'pg_class'::regclass AND d.refobjid <> c.oid WHERE w.ev_class = c.oid), '[]')
		FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
		WHERE c.relkind IN ('v', 'm') AND`+userObject+`AND`+notOfExtension("pg_class", "c")+`ORDER BY 2, 3`,
		[]any{l.cfg.App}, func(r *sql.Rows) error {
			v := &view{}
			var reads string
			if err := r.Scan(&v.oid, &v.schema, &v.name, &v.material, &v.invoker, &v.barrier, &v.app, &v.def, &reads); err != nil {
				return err
			}
			l.catalog.views = append(l.catalog.views, v)
			return json.Unmarshal([]byte(reads), &v.reads)
		})
}

func (l loader) functions() error {
	owners := map[string]bool{}
	for _, t := range l.catalog.tables {
		owners[t.owner] = owners[t.owner] || t.tenants()
	}
	return l.rows(`SELECT p.oid::regprocedure::text, quote_ident(n.nspname) || '.' || quote_ident(p.proname), CASE p.prokind WHEN 'p' THEN 'PROCEDURE' ELSE 'FUNCTION' END, n.nspname = 'reeve',
		p.prosecdef, p.proleakproof, p.provolatile = 'v', p.pronargs, o.rolsuper OR o.rolbypassrls, o.rolname, has_function_privilege($1::name, p.oid, 'EXECUTE'),
		p.proacl IS NULL OR EXISTS (SELECT FROM aclexplode(p.proacl) x WHERE x.grantee = 0),
		EXISTS (SELECT FROM unnest(p.proconfig) s WHERE s ~ '^search_path=' AND s ~ ', *"?pg_temp"?$' OR s IN ('search_path=""', 'search_path=')), p.prosrc
		FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace JOIN pg_roles o ON o.oid = p.proowner
		WHERE p.prokind IN ('f', 'p', 'w') AND`+userObject+`AND`+notOfExtension("pg_proc", "p")+`ORDER BY 1`,
		[]any{l.cfg.App}, func(r *sql.Rows) error {
			var f function
			err := r.Scan(&f.signature, &f.name, &f.kind, &f.own, &f.definer, &f.leaky, &f.volatile, &f.arguments, &f.mighty, &f.owner, &f.appRuns, &f.public, &f.path, &f.body)
			f.mighty = f.mighty || owners[f.owner]
			l.catalog.functions = append(l.catalog.functions, f)
			return err
		})
}

func (l loader) columns() error {
	if len(l.cfg.Columns) == 0 {
		return nil
	}
	var tables []string
	for _, c := range l.cfg.Columns {
		if name := qualified(c.Table); !slices.Contains(tables, name) {
			tables = append(tables, name)
		}
	}
	names, err := json.Marshal(tables)
	if err != nil {
		return err
	}
	// The type of a domain is that under it.
	return l.rows(`WITH RECURSIVE base(rel, attr, type, typmod, required, coll) AS (
			SELECT n.nspname || '.' || c.relname, a.attname, a.atttypid, a.atttypmod, a.attnotnull, a.attcollation
			FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid JOIN pg_namespace n ON n.oid = c.relnamespace
			WHERE a.attnum > 0 AND NOT a.attisdropped AND $1::jsonb ? (n.nspname || '.' || c.relname)
			UNION ALL SELECT b.rel, b.attr, t.typbasetype, t.typtypmod, b.required OR t.typnotnull, b.coll FROM base b JOIN pg_type t ON t.oid = b.type AND t.typtype = 'd')
		SELECT b.rel, b.attr, format_type(b.type, NULL), b.required, coalesce(co.collisdeterministic, true)
		FROM base b JOIN pg_type t ON t.oid = b.type AND t.typtype <> 'd' LEFT JOIN pg_collation co ON co.oid = b.coll`,
		[]any{string(names)}, func(r *sql.Rows) error {
			var table, name string
			var c column
			if err := r.Scan(&table, &name, &c.typ, &c.notNull, &c.deterministic); err != nil {
				return err
			}
			l.catalog.columns[table+"."+name] = c
			return nil
		})
}

func (l loader) schemas() error {
	err := l.rows(`SELECT n.nspname FROM pg_namespace n WHERE`+userObject+`AND has_schema_privilege($1::name, n.oid, 'CREATE')
		AND EXISTS (SELECT FROM pg_class c WHERE c.relnamespace = n.oid AND c.relkind IN ('r', 'p')) ORDER BY 1`, []any{l.cfg.App}, func(r *sql.Rows) error {
		var name string
		err := r.Scan(&name)
		l.creates = append(l.creates, name)
		return err
	})
	if err != nil {
		return err
	}
	return l.tx.QueryRowContext(l.ctx, `SELECT coalesce(bool_or(has_any_column_privilege($1::name, c.oid, 'SELECT, INSERT, UPDATE') OR has_table_privilege($1::name, c.oid, 'DELETE, TRUNCATE, TRIGGER')), false)
		FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE n.nspname = 'reeve' AND c.relkind = 'r'`, l.cfg.App).Scan(&l.catalog.keyRead)
}

// base reads what the database itself grants.
func (l loader) base() error {
	var grantees string
	err := l.tx.QueryRowContext(l.ctx, `SELECT d.datname, pg_get_userbyid(d.datdba) = $1, pg_encoding_to_char(d.encoding),
		coalesce((SELECT json_agg(DISTINCT CASE WHEN x.grantee = 0 THEN '' ELSE pg_get_userbyid(x.grantee) END)::text
			FROM aclexplode(coalesce(d.datacl, acldefault('d', d.datdba))) x WHERE x.privilege_type = 'TEMPORARY' AND x.grantee <> d.datdba
			AND CASE WHEN x.grantee = 0 THEN true ELSE pg_has_role($1::name, x.grantee, 'MEMBER') END), '[]')
		FROM pg_database d WHERE d.datname = current_database()`, l.cfg.App).Scan(&l.catalog.database.name, &l.catalog.database.app, &l.catalog.database.encoding, &grantees)
	if err != nil {
		return err
	}
	return json.Unmarshal([]byte(grantees), &l.catalog.database.temporary)
}
