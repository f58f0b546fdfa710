package rls

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
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
	for _, part := range []func() error{l.tables, l.inherits, l.policies, l.constraints, l.indexes, l.roles, l.views, l.rules, l.functions, l.columns, l.schemas, l.owns, l.files, l.defaults, l.base} {
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
	err := l.tx.QueryRowContext(l.ctx, `SELECT rolsuper, rolbypassrls, rolcreaterole, rolreplication FROM pg_roles WHERE rolname = $1`, l.cfg.App).
		Scan(&l.app.super, &l.app.bypass, &l.app.createRole, &l.app.replication)
	l.app.exists = err == nil
	if errors.Is(err, sql.ErrNoRows) {
		return nil
	}
	if err != nil {
		return err
	}
	return l.rows(`SELECT rolname FROM pg_roles WHERE pg_has_role($1::name, oid, 'MEMBER') AND rolname <> $1 AND rolname !~ '^pg_' ORDER BY 1`, []any{l.cfg.App}, func(r *sql.Rows) error {
		var name string
		err := r.Scan(&name)
		l.catalog.memberOf = append(l.catalog.memberOf, name)
		return err
	})
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
	return l.rows(reach+`SELECT c.oid::bigint, n.nspname, c.relname, o.rolname, o.rolsuper, o.rolbypassrls, c.relrowsecurity, c.relforcerowsecurity, c.relispartition,
		coalesce(a.attname, ''), coalesce(a.attnotnull, false), coalesce(pg_get_expr(d.adbin, d.adrelid), ''),
		coalesce(format_type(a.atttypid, NULL), ''), coalesce(co.collisdeterministic, true),
		concat(`+right('r', "has_any_column_privilege", "SELECT")+right('a', "has_any_column_privilege", "INSERT")+right('w', "has_any_column_privilege", "UPDATE")+
		right('d', "has_table_privilege", "DELETE")+right('D', "has_table_privilege", "TRUNCATE")+right('x', "has_any_column_privilege", "REFERENCES")+
		right('t', "has_table_privilege", "TRIGGER")+`''),
		EXISTS (SELECT FROM aclexplode(c.relacl) x WHERE x.grantee = 0), c.relkind = 'f', c.relkind = 'p'
		FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace JOIN pg_roles o ON o.oid = c.relowner
		LEFT JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
			AND a.attname = coalesce($3::jsonb ->> (n.nspname || '.' || c.relname), $2::text)
		LEFT JOIN pg_attrdef d ON d.adrelid = c.oid AND d.adnum = a.attnum
		LEFT JOIN pg_collation co ON co.oid = a.attcollation
		WHERE c.relkind IN ('r', 'p', 'f') AND n.nspname <> 'reeve' AND`+userObject+`AND`+notOfExtension("pg_class", "c")+`ORDER BY 2, 3`,
		[]any{l.cfg.App, l.cfg.Column, string(own)}, func(r *sql.Rows) error {
			t := &table{}
			err := r.Scan(&t.oid, &t.schema, &t.name, &t.owner.name, &t.owner.super, &t.owner.bypass, &t.enabled, &t.forced, &t.partition, &t.column, &t.notNull, &t.deflt,
				&t.typ, &t.deterministic, &t.privileges, &t.public, &t.foreign, &t.partitioned)
			t.shared = shared[t.String()]
			l.catalog.tables = append(l.catalog.tables, t)
			l.byOID[t.oid] = t
			return err
		})
}

// right is a letter of a table's privileges, where some role in reach has it.
func right(letter rune, function, privilege string) string {
	return fmt.Sprintf("CASE WHEN EXISTS (SELECT FROM reach WHERE %s(reach.oid, c.oid, '%s')) THEN '%c' END, ", function, privilege, letter)
}

// inherits reads from which tables others inherit, of which partitions are some.
func (l loader) inherits() error {
	return l.rows(`SELECT inhrelid::bigint, inhparent::bigint FROM pg_inherits ORDER BY 1, 2`, nil, func(r *sql.Rows) error {
		var child, parent uint32
		err := r.Scan(&child, &parent)
		if t, p := l.byOID[child], l.byOID[parent]; t != nil && p != nil {
			t.parents = append(t.parents, p)
		}
		return err
	})
}

func (l loader) policies() error {
	return l.rows(`SELECT p.polrelid::bigint, p.polname, p.polpermissive, p.polcmd::text,
		0 = ANY (p.polroles) OR EXISTS (SELECT FROM unnest(p.polroles) r(oid) WHERE CASE WHEN r.oid = 0 THEN true ELSE pg_has_role($1::name, r.oid, 'MEMBER') END),
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

func (l loader) views() error {
	return l.rows(reach+`SELECT c.oid::bigint, n.nspname, c.relname, c.relkind = 'm',
		coalesce((SELECT option_value::bool FROM pg_options_to_table(c.reloptions) WHERE option_name = 'security_invoker'), false),
		coalesce((SELECT option_value::bool FROM pg_options_to_table(c.reloptions) WHERE option_name = 'security_barrier'), false),
		EXISTS (SELECT FROM reach WHERE has_any_column_privilege(reach.oid, c.oid, 'SELECT, INSERT, UPDATE') OR has_table_privilege(reach.oid, c.oid, 'DELETE')), pg_get_viewdef(c.oid),
		c.relkind = 'v' AND EXISTS (SELECT FROM reach WHERE has_table_privilege(reach.oid, c.oid, 'TRIGGER')),
		EXISTS (SELECT FROM pg_attribute a WHERE a.attrelid = c.oid AND a.attnum > 0 AND a.attname = $2),
		coalesce(to_regclass('reeve.context_key')::oid::bigint IN (SELECT json_array_elements_text((`+readsOf+`)::json)::bigint), false),
		`+readsOf+`
		FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
		WHERE c.relkind IN ('v', 'm') AND`+userObject+`AND`+notOfExtension("pg_class", "c")+`ORDER BY 2, 3`,
		[]any{l.cfg.App, l.cfg.Column}, func(r *sql.Rows) error {
			v := &view{}
			var reads string
			if err := r.Scan(&v.oid, &v.schema, &v.name, &v.material, &v.invoker, &v.barrier, &v.app, &v.def, &v.triggers, &v.column, &v.keys, &reads); err != nil {
				return err
			}
			l.catalog.views = append(l.catalog.views, v)
			return json.Unmarshal([]byte(reads), &v.reads)
		})
}

// readsOf are the tables and views of the rules of c.
const readsOf = `coalesce((SELECT json_agg(DISTINCT d.refobjid::bigint)::text FROM pg_rewrite w JOIN pg_depend d ON d.classid = 'pg_rewrite'::regclass AND d.objid = w.oid
			AND d.refclassid = 'pg_class'::regclass AND d.refobjid <> c.oid WHERE w.ev_class = c.oid), '[]')`

// rules reads the rules of what the application may write to, but for those that make views.
func (l loader) rules() error {
	return l.rows(reach+`SELECT w.rulename, n.nspname, c.relname, o.rolname, `+readsOf+`
		FROM pg_rewrite w JOIN pg_class c ON c.oid = w.ev_class JOIN pg_namespace n ON n.oid = c.relnamespace JOIN pg_roles o ON o.oid = c.relowner
		WHERE w.ev_type <> '1' AND w.ev_enabled <> 'D' AND (o.rolsuper OR o.rolbypassrls) AND`+userObject+`AND`+notOfExtension("pg_class", "c")+`
			AND EXISTS (SELECT FROM reach WHERE has_any_column_privilege(reach.oid, c.oid, 'INSERT, UPDATE') OR has_table_privilege(reach.oid, c.oid, 'DELETE')) ORDER BY 2, 3, 1`,
		[]any{l.cfg.App}, func(r *sql.Rows) error {
			var x rule
			var reads string
			if err := r.Scan(&x.name, &x.schema, &x.table, &x.owner, &reads); err != nil {
				return err
			}
			if err := json.Unmarshal([]byte(reads), &x.reads); err != nil {
				return err
			}
			l.catalog.rules = append(l.catalog.rules, x)
			return nil
		})
}

func (l loader) functions() error {
	owners := map[string]bool{}
	for _, t := range l.catalog.tables {
		owners[t.owner.name] = owners[t.owner.name] || t.tenants()
	}
	return l.rows(reach+`SELECT p.oid::regprocedure::text, quote_ident(n.nspname) || '.' || quote_ident(p.proname), CASE p.prokind WHEN 'p' THEN 'PROCEDURE' ELSE 'FUNCTION' END, n.nspname = 'reeve',
		p.prosecdef, p.proleakproof, p.provolatile = 'v', p.pronargs, o.rolsuper OR o.rolbypassrls OR CASE WHEN p.prosecdef THEN EXISTS (SELECT FROM pg_class c WHERE (c.relkind IN ('m', 'f') OR c.relkind IN ('r', 'p') AND NOT c.relrowsecurity)
			AND EXISTS (SELECT FROM pg_attribute a WHERE a.attrelid = c.oid AND a.attname = $2) AND has_any_column_privilege(o.oid, c.oid, 'SELECT, INSERT, UPDATE')) ELSE false END, o.rolname, EXISTS (SELECT FROM reach WHERE has_function_privilege(reach.oid, p.oid, 'EXECUTE')),
		p.proacl IS NULL OR EXISTS (SELECT FROM aclexplode(p.proacl) x WHERE x.grantee = 0),
		EXISTS (SELECT FROM unnest(p.proconfig) s WHERE s ~ '^search_path=' AND s ~ ', *"?pg_temp"?$' OR s IN ('search_path=""', 'search_path=')), p.proconfig IS NOT NULL, p.prosrc,
		p.prosecdef AND (o.rolsuper OR o.rolbypassrls) AND EXISTS (SELECT FROM pg_trigger g WHERE g.tgfoid = p.oid AND NOT g.tgisinternal AND g.tgenabled <> 'D')
		FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace JOIN pg_roles o ON o.oid = p.proowner
		WHERE p.prokind IN ('f', 'p', 'w') AND`+userObject+`AND`+notOfExtension("pg_proc", "p")+`ORDER BY 1`,
		[]any{l.cfg.App, l.cfg.Column}, func(r *sql.Rows) error {
			var f function
			err := r.Scan(&f.signature, &f.name, &f.kind, &f.own, &f.definer, &f.leaky, &f.volatile, &f.arguments, &f.mighty, &f.owner, &f.appRuns, &f.public, &f.path, &f.config, &f.body, &f.trigger)
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
