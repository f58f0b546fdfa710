package pgxscope

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"
)

func TestAStatementThatWouldLeaveItsScopeIsRefused(t *testing.T) {
	for why, texts := range map[string][]string{
		transaction: {
			"commit", "COMMIT", " \n\tCommit", "-- a\ncommit", "/* a /* b */ c */ commit", "begin", "BEGIN ISOLATION LEVEL SERIALIZABLE", "start transaction", "end", "abort",
			"rollback", "rollback to savepoint a", "savepoint a", "release a", "(((commit", "/**/commit",
		},
		session: {
			"set search_path = x", "set session search_path = x", "SET ROLE owner", "set session authorization x", "set time zone 'UTC'", "set\"role\" to x",
			"reset all", "reset role", "discard all", "prepare p as select 1", "prepare transaction 'x'", "deallocate all", "listen a", "unlisten *", "load 'x'",
		},
		tenants: {
			"set local reeve.tenant = 'globex'", "set local role owner", "set local session authorization x", `set local "ROLE" to x`, "set local session_authorization to x",
			"select set_config('x', 'y', true)", "select pg_catalog.SET_CONFIG('x', 'y', false)", `select "set_config"('x', 'y', true)`,
			"select * from note where body = '' or set_config($1, $2, true) is not null", "update pg_settings set setting = 'x' where name = 'y'",
			`update pg_catalog."pg_settings" set setting = 'x'`, "select 'Reeve.Tenant'", "alter table x set (a = 'reeve.tenant')", "set local app . tenant = 'x'", "set local app/**/.tenant to 'x'",
			`set local "app" . "tenant" = 'x'`, `set local "app.tenant" = 'x'`,
			"select E'x'\n'\\'', set_config('a', 'b', false) --'", "select e'' -- a\n-- '\n  '\\'', set_config('a', 'b', false) --'", "select e'x'\r'y'\f\n'\\'', set_config('a', 'b', false) --'", // one constant of parts
			"select E'x' -- a\n'\\'' || 'b\\' || set_config('a', 'b', false) || 'c'",                             // which the other reading hides
			`select '\'', set_config('a', 'b', false) --'`, `select 'a'';\'', "set_config"('a', 'b', false) --'`, // where backslashes are escapes
		},
		"one statement is allowed": {
			"select 1; commit", "select 1;commit", "select 1; -- a\n select 2", "select $$;$$; select 1", "select 'a''; b'; select 1", "select 1 /* ; */ ; select 1", "; select 1;",
			`select e'\''; select 1`, "select $a$ $b$ ; $a$; select 1", `select 'a\'; select 1`,
		},
		"the function runs a text":        {"select query_to_xml('x', true, true, '')", `select pg_catalog."query_to_xmlschema"($1, true, true, '')`, "select QUERY_TO_XML_AND_XMLSCHEMA($1, true, true, '')", "select * from ts_stat($1)", "select ts_rewrite('a', $1)"},
		"another encoding":                {"set local client_encoding = 'SJIS'", "SET LOCAL NAMES 'GBK'"},
		"the schema of temporary objects": {"set local search_path = pg_temp", "set local search_path to public, PG_TEMP_3", "set local search_path = public, 'x'", `set local search_path to "pg_temp"`, "set local schema 'x'"},
		"there is no statement":           {"", " ", ";", "-- a", "/* a", "/* a */ ;"},
		"a cursor WITH HOLD":              {"declare c cursor with hold for select 1", "DECLARE c NO SCROLL CURSOR /* */ WITH HOLD FOR select 1", "declare c cursor with /* without */ hold for select 1"},
		"a temporary table": {"select e''\n'\\'' into temp a from note --'", `select '\'' into temp a from note --'`, "create temp table a (b int)", "create temporary table a as select * from note", "create local temp table a (b int)", "create global temporary table a (b int)", "create or replace temp view a as select 1", "create temp sequence a", "select * into temp a from note", "select * into temporary table a from note", "create table pg_temp.a (b int)", `create table "pg_temp".a (b int)`, "with a as (select 1) select * into temp b from a",
			"select * into pg_temp.a from note", `select * into "pg_temp".a from note`, "select * into table pg_temp.a from note", "select * into local temp a from note", "select * into global temporary a from note",
			"create or replace local temp view a as select 1", "create table pg_temp_3.a (b int)", "create domain pg_temp.a as text", "explain analyze create temp table a as select 1", "explain (analyze) create table pg_temp.a as select 1",
			"create temp table a as select x.commit drop from x"},
		"a block can hide":           {"do $$ begin perform 1; end $$", "DO LANGUAGE plpgsql 'x'"},
		"COPY has no place":          {"copy note to stdout", "COPY note from stdin"},
		"an identifier with Unicode": {`select U&"\0073et_config"('a', 'b', true)`, `set local u&"x" = 'a'`},
		"defaults of later sessions": {"alter role app set reeve . tenant = 'x'", "alter user current_user set a = 'b'", "alter database x set a.b = 'c'", "alter system set a = 'b'", "alter group a rename to b"},
	} {
		for _, sql := range texts {
			err := check(sql, "reeve.tenant")
			if !errors.Is(err, ErrStatement) || !strings.Contains(err.Error(), why) {
				t.Errorf("%q: %v, want %s", sql, err, why)
			}
		}
	}
}

func TestAStatementOfAServiceIsNotRefused(t *testing.T) {
	for _, sql := range []string{
		"select 1", "select 1;", "select 1; -- end", "SELECT 1 /* ; commit */", "select ';'", "select $$a; b$$", "select $a$ ; $$ ; $a$", `select ";" from "a;b"`, `select e'\'; commit'`,
		"select * from note where id = $1 and body = $2", "with a as (select 1) select * from a", "(select 1) union (select 2)", "values (1)", "table note",
		"insert into note (id, tenant) values (1, reeve.tenant()) returning id", "select reeve.tenant ()", "select current_setting('x', true)",
		"insert into note values (1) on conflict do nothing", "insert into pg_temp.a select * from note", "merge into pg_temp.a using note n on true when matched then do nothing", "with a as (select 1) insert into pg_temp.b select * from a",
		"set local search_path = a, \"b\"", "create table a (local text, temp int)", "select 1 as into_temp", "explain analyze select temp from x", "select drop from x on commit", "update note set body = 'commit; begin'", "update note set \"end\" = 1", "delete from note", "merge into note using note n on true when matched then do nothing",
		"declare c cursor for select 1", "declare c cursor without hold for select 1", "fetch 10 from c", "close c", "declare c cursor for select hold from x",
		"create temp table a (b int) on commit drop", "create temporary table a on commit drop as select 1", "create table a (temp int)", "select temp into b from c", "select temp from pg_temp.a", "create index on note (temp)",
		"set local statement_timeout = '1s'", "SET LOCAL work_mem TO '64MB'", "set constraints all deferred", "set transaction read only",
		"call p()", "explain select 1", "lock table note", "notify a, 'b'", "refresh materialized view a", "truncate a", "alter table note add column x int",
		"select u&'\\0061'", "select 1 as u", "select U & x from y", "select $1::text || '$'", "select \"a\"\"b\"", "select 'it''s; ok'", "select b'1', x'1f', n'x'", "select 'unfinished ; commit",
		`select * from note where body like $1 escape '\' and title <> 'a;b' order by id`, "select 'a'\n'b;c'", "select e'a' -- b", "select e'a' --", `select 'C:\'; -- set_config`, "select E'a'\n'\\'; b'",
		"select \xc3\xa9 from note", "select $\xc3\xa9$;$\xc3\xa9$", "select 1 -- ; commit\r", "select a.b.set_configs", "select reset, discard from listen",
	} {
		if err := check(sql, "reeve.tenant"); err != nil {
			t.Errorf("%q: %v", sql, err)
		}
	}
}

// rewriter writes a text whatever it is given.
type rewriter string

func (r rewriter) RewriteQuery(context.Context, *pgx.Conn, string, []any) (string, []any, error) {
	return string(r), nil, nil
}

func TestWhatARewriterWritesIsLookedAt(t *testing.T) {
	for sql, refused := range map[string]bool{"select 1": false, "commit": true} {
		b, err := scope{name: "reeve.tenant", value: "acme"}.statement("select 2", []any{rewriter(sql), 1})
		if err != nil {
			t.Fatal(err)
		}
		q := b.QueuedQueries[1]
		written, _, err := q.Arguments[0].(pgx.QueryRewriter).RewriteQuery(t.Context(), nil, q.SQL, q.Arguments[1:])
		if written != sql || errors.Is(err, ErrStatement) != refused {
			t.Errorf("%q: %q, %v", sql, written, err)
		}
	}
}

// pgx takes the last of several rewriters, which must not be one that nobody looks at.
func TestWhatTheLastRewriterWritesIsLookedAt(t *testing.T) {
	b, err := scope{name: "reeve.tenant", value: "acme"}.statement("select 2", []any{rewriter("select 1"), rewriter("commit"), 1})
	if err != nil {
		t.Fatal(err)
	}
	q := b.QueuedQueries[1]
	var last pgx.QueryRewriter
	rest := q.Arguments
	for len(rest) > 0 && rewrites(rest[0]) {
		last, rest = rest[0].(pgx.QueryRewriter), rest[1:]
	}
	if _, _, err := last.RewriteQuery(t.Context(), nil, q.SQL, rest); !errors.Is(err, ErrStatement) || len(rest) != 1 {
		t.Errorf("%v, with %v", err, rest)
	}
	if _, err := (scope{name: "a", value: "b"}).statement("select 1", []any{rewriter("select 1"), pgx.QueryExecModeSimpleProtocol}); !errors.Is(err, ErrStatement) {
		t.Errorf("an option after a rewriter: %v", err)
	}
}

func TestAnOptionOfACallIsRefused(t *testing.T) {
	for _, option := range []any{pgx.QueryExecModeSimpleProtocol, pgx.QueryExecModeExec, pgx.QueryResultFormats{1}, pgx.QueryResultFormatsByOID{25: 1}} {
		if _, err := (scope{name: "a", value: "b"}).statement("select 1", []any{option, 1}); !errors.Is(err, ErrStatement) {
			t.Errorf("%T: %v", option, err)
		}
	}
}

// A text of any bytes is read to its end, once.
func FuzzCheck(f *testing.F) {
	for _, s := range []string{"select 1", "select $a$", "/*", "'", `U&"`, "$", "$1", "e'\\", "a$b$", "/*/", "--", "\xff", "set local a", "create temp", "declare hold"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		err := check(s, "reeve.tenant")
		if again := check(s+" ", "reeve.tenant"); err == nil && again != nil {
			t.Errorf("%q: a space at the end is refused: %v", s, again)
		}
		if err := check("commit "+s, "reeve.tenant"); err == nil {
			t.Errorf("commit %q is not refused", s)
		}
		if err := check("/*"+strings.NewReplacer("/*", "", "*/", "").Replace(s)+"*/commit", "reeve.tenant"); err == nil && !strings.HasSuffix(s, "/") && !strings.HasPrefix(s, "/") && !strings.HasPrefix(s, "*") {
			t.Errorf("commit after the comment %q is not refused", s)
		}
	})
}

func BenchmarkCheck(b *testing.B) {
	const sql = "select id, body, created from note where owner = $1 and created < $2 order by created desc, id desc limit 50"
	for b.Loop() {
		if err := check(sql, "reeve.tenant"); err != nil {
			b.Fatal(err)
		}
	}
}
