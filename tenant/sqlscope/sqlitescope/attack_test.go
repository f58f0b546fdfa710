package sqlitescope_test

import (
	"database/sql"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"modernc.org/sqlite"
)

// attacks are SQL texts that a caller of acme had a hand in. $FILE is globex's file and $OUT a
// file that must not come to be. Each must be refused, or show nothing but acme's.
var attacks = []struct{ name, sql string }{
	{"ATTACH", `ATTACH '$FILE' AS g`},
	{"ATTACH DATABASE by a URI", `ATTACH DATABASE 'file:$FILE?mode=ro' AS g`},
	{"attach in lower case with comments", `/*x*/attach/**/database/**/'$FILE'/**/as/**/g`},
	{"ATTACH after a statement", `SELECT 1; ATTACH '$FILE' AS g; SELECT * FROM g.notes`},
	{"ATTACH after a write", `INSERT INTO notes (body) VALUES ('x'); ATTACH '$FILE' AS g`},
	{"ATTACH of an expression", `ATTACH (SELECT '$FILE') AS g`},
	{"ATTACH with a parameter", `ATTACH ? AS g`},
	{"ATTACH of a file in memory", `ATTACH ':memory:' AS g`},
	{"ATTACH of a temporary file", `ATTACH '' AS g`},
	{"ATTACH that creates a file", `ATTACH '$OUT' AS g`},
	{"EXPLAIN ATTACH", `EXPLAIN ATTACH '$FILE' AS g`},
	{"DETACH of the file", `DETACH main`},
	{"VACUUM INTO", `VACUUM INTO '$OUT'`},
	{"VACUUM INTO the other's file", `VACUUM INTO '$FILE'`},
	{"VACUUM main INTO an expression", `VACUUM main INTO ('$OUT' || '')`},
	{"VACUUM", `VACUUM`},
	{"load_extension", `SELECT load_extension('$OUT')`},
	{"load_extension in capitals with an entry point", `SELECT LOAD_EXTENSION('$OUT', 'init')`},
	{"load_extension in a CTE", `WITH q AS (SELECT load_extension('$OUT')) SELECT * FROM q`},
	{"load_extension in ORDER BY", `SELECT body FROM notes ORDER BY load_extension('$OUT')`},
	{"load_extension in an index", `CREATE INDEX i ON notes (load_extension(body))`},
	{"sqlite_log", `SELECT sqlite_log(1, 'forged')`},
	{"readfile", `SELECT readfile('$FILE')`},
	{"writefile", `SELECT writefile('$OUT', 'x')`},
	{"edit", `SELECT edit('x', 'touch $OUT')`},
	{"fts3_tokenizer", `SELECT fts3_tokenizer('simple')`},
	{"PRAGMA database_list", `PRAGMA database_list`},
	{"pragma_database_list", `SELECT file FROM pragma_database_list`},
	{"pragma_database_list in a CTE", `WITH q AS (SELECT * FROM pragma_database_list) SELECT * FROM q`},
	{"PRAGMA writable_schema", `PRAGMA writable_schema = ON`},
	{"PRAGMA writable_schema, qualified and quoted", `PRAGMA main."writable_schema"(1)`},
	{"a write to sqlite_schema", `UPDATE sqlite_schema SET sql = 'x'`},
	{"a write to sqlite_master", `INSERT INTO sqlite_master (type, name) VALUES ('table', 'x')`},
	{"a write to sqlite_sequence", `UPDATE sqlite_sequence SET seq = 9`},
	{"PRAGMA temp_store_directory", `PRAGMA temp_store_directory = '$OUT'`},
	{"PRAGMA journal_mode", `PRAGMA journal_mode = OFF`},
	{"PRAGMA locking_mode", `PRAGMA locking_mode = EXCLUSIVE`},
	{"PRAGMA foreign_keys off", `PRAGMA foreign_keys = OFF`},
	{"PRAGMA trusted_schema", `PRAGMA trusted_schema = ON`},
	{"PRAGMA application_id", `PRAGMA application_id = 1`},
	{"PRAGMA user_version set", `PRAGMA user_version = 77`},
	{"PRAGMA query_only, which would stay", `PRAGMA query_only = ON`},
	{"PRAGMA case_sensitive_like, which would stay", `PRAGMA case_sensitive_like = ON`},
	{"PRAGMA busy_timeout, which would stay", `PRAGMA busy_timeout = 0`},
	{"PRAGMA hard_heap_limit, of the process", `PRAGMA hard_heap_limit = 1`},
	{"PRAGMA soft_heap_limit, of the process", `PRAGMA soft_heap_limit = 1`},
	{"PRAGMA mmap_size", `PRAGMA mmap_size = 1000000`},
	{"PRAGMA wal_checkpoint", `PRAGMA wal_checkpoint(TRUNCATE)`},
	{"PRAGMA function_list", `PRAGMA function_list`},
	{"pages by sqlite_dbpage", `SELECT data FROM sqlite_dbpage`},
	{"pages by sqlite_dbpage of another schema", `SELECT data FROM sqlite_dbpage('g')`},
	{"a write of pages", `UPDATE sqlite_dbpage SET data = zeroblob(4096) WHERE pgno = 1`},
	{"dbstat", `SELECT * FROM dbstat`},
	{"a write to a shadow table of fts5", `DELETE FROM words_data`},
	{"a temporary table", `CREATE TEMP TABLE t AS SELECT * FROM notes`},
	{"a temporary table by its schema", `CREATE TABLE temp.notes (body)`},
	{"a temporary view over a table", `CREATE TEMP VIEW notes AS SELECT 'forged' AS body`},
	{"a temporary trigger", `CREATE TEMP TRIGGER t AFTER INSERT ON notes BEGIN DELETE FROM notes; END`},
	{"the temporary schema", `SELECT * FROM sqlite_temp_schema`},
	{"a virtual table", `CREATE VIRTUAL TABLE v USING fts5 (body)`},
	{"a virtual table of files", `CREATE VIRTUAL TABLE v USING csv (filename = '$FILE')`},
	{"a virtual table of another schema", `CREATE VIRTUAL TABLE v USING fts5vocab ('g', 'words', 'row')`},
	{"a trigger", `CREATE TRIGGER t AFTER INSERT ON notes BEGIN DELETE FROM notes; END`},
	{"a table", `CREATE TABLE t (x)`},
	{"DROP TABLE", `DROP TABLE notes`},
	{"ALTER TABLE", `ALTER TABLE notes RENAME TO t`},
	{"ANALYZE", `ANALYZE`},
	{"REINDEX", `REINDEX`},
	{"BEGIN as text, which would stay", `BEGIN`},
	{"BEGIN EXCLUSIVE after a statement", `SELECT 1; BEGIN EXCLUSIVE`},
	{"COMMIT as text", `COMMIT`},
	{"ROLLBACK as text", `ROLLBACK`},
	{"SAVEPOINT outside a transaction", `SAVEPOINT s`},
	{"a schema that is not there", `SELECT * FROM g.notes`},
	{"a quoted schema that is a path", `SELECT * FROM "$FILE".notes`},
	{"a text in double quotes", `SELECT "no such column"`},
}

// allowed are texts that look around in the caller's own file, and may.
var allowed = []struct{ name, sql string }{
	{"everything, by OR", `SELECT * FROM notes WHERE body = '' OR 1=1`},
	{"everything, by UNION", `SELECT body FROM notes UNION ALL SELECT sql FROM sqlite_schema`},
	{"the schema as .dump reads it", `SELECT type, name, tbl_name, rootpage, sql FROM sqlite_master`},
	{"the tables", `SELECT * FROM pragma_table_list`},
	{"the columns", `SELECT * FROM pragma_table_info('notes')`},
	{"PRAGMA table_info", `PRAGMA table_info(notes)`},
	{"PRAGMA foreign_keys", `PRAGMA foreign_keys`},
	{"PRAGMA user_version", `PRAGMA user_version`},
	{"a shadow table of fts5", `SELECT * FROM words_data`},
	{"a recursive CTE", `WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i+1 FROM n WHERE i < 50) SELECT i, (SELECT group_concat(body) FROM notes) FROM n`},
	{"a CTE named like the table", `WITH notes AS (SELECT * FROM main.notes) SELECT * FROM notes`},
	{"a view", `SELECT * FROM bodies`},
	{"RETURNING", `UPDATE notes SET body = body RETURNING *`},
	{"an upsert", `INSERT INTO notes (id, body) VALUES (1, 'x') ON CONFLICT (id) DO UPDATE SET body = notes.body RETURNING *`},
}

func TestTextThatACallerHadAHandInStaysInTheFileOfTheTenant(t *testing.T) {
	if len(attacks)+len(allowed) < 80 {
		t.Fatalf("%d attacks", len(attacks)+len(allowed))
	}
	for _, attempt := range attempts {
		w := newFixture(t)
		for _, row := range attacks {
			t.Run(attempt.name+"/"+row.name, func(t *testing.T) {
				out := filepath.Join(t.TempDir(), "out")
				text := strings.NewReplacer("$FILE", w.file(globex), "$OUT", out).Replace(row.sql)
				got, err := attempt.run(t, w, text)
				if err == nil {
					t.Errorf("was not refused: %q", got)
				}
				w.check(t, got, out)
			})
		}
	}
	for _, attempt := range attempts {
		w := newFixture(t)
		for _, row := range allowed {
			t.Run(attempt.name+"/"+row.name, func(t *testing.T) {
				got, err := attempt.run(t, w, row.sql)
				if err != nil {
					t.Errorf("the tenant's own was refused: %v", err)
				}
				w.check(t, got, "")
			})
		}
	}
}

// check looks for the other tenant in what was shown and for harm in what is there.
func (w *fixture) check(t *testing.T, got, out string) {
	t.Helper()
	if strings.Contains(got, canary(globex)) || strings.Contains(got, w.dir) {
		t.Errorf("it shows what is not the caller's: %q", got)
	}
	if _, err := os.Lstat(out); err == nil {
		t.Error("it wrote a file")
	}
	if bodies := w.bodies(t, globex); bodies != canary(globex)+"|" {
		t.Errorf("the other tenant has %q", bodies)
	}
	if bodies := w.bodies(t, acme); !strings.HasPrefix(bodies, canary(acme)+"|") {
		t.Errorf("the tenant itself has %q", bodies)
	}
	// Nothing stays in the connections, and the tenant goes on.
	if _, err := w.DB().ExecContext(in(t, acme), `INSERT INTO notes (body) VALUES ('after')`); err != nil {
		t.Errorf("afterwards: %v", err)
	}
}

// attempts are those by which text gets to the engine.
var attempts = []struct {
	name string
	run  func(*testing.T, *fixture, string) (string, error)
}{
	{"query", func(t *testing.T, w *fixture, text string) (string, error) {
		rows, err := w.DB().QueryContext(in(t, acme), text, args(w, text)...)
		if err != nil {
			return "", err
		}
		return dump(rows)
	}},
	{"exec", func(t *testing.T, w *fixture, text string) (string, error) {
		_, err := w.DB().ExecContext(in(t, acme), text, args(w, text)...)
		return "", err
	}},
	{"prepared", func(t *testing.T, w *fixture, text string) (string, error) {
		stmt, err := w.DB().PrepareContext(in(t, acme), text)
		if err != nil {
			return "", err
		}
		defer stmt.Close()
		rows, err := stmt.QueryContext(in(t, acme), args(w, text)...)
		if err != nil {
			return "", err
		}
		return dump(rows)
	}},
	{"one connection", func(t *testing.T, w *fixture, text string) (string, error) {
		conn, err := w.DB().Conn(in(t, acme))
		if err != nil {
			return "", err
		}
		defer conn.Close()
		rows, err := conn.QueryContext(in(t, acme), text, args(w, text)...)
		if err != nil {
			return "", err
		}
		return dump(rows)
	}},
}

func args(w *fixture, text string) []any {
	if strings.Contains(text, "?") && !strings.Contains(text, "'") {
		return []any{w.file(globex)}
	}
	return nil
}

func TestInATransactionTheSameTextIsRefused(t *testing.T) {
	w := newFixture(t)
	for _, row := range attacks {
		if strings.HasPrefix(row.name, "SAVEPOINT") {
			continue // it may, below
		}
		t.Run(row.name, func(t *testing.T) {
			tx, err := w.DB().BeginTx(in(t, acme), nil)
			if err != nil {
				t.Fatal(err)
			}
			defer tx.Rollback()
			out := filepath.Join(t.TempDir(), "out")
			text := strings.NewReplacer("$FILE", w.file(globex), "$OUT", out).Replace(row.sql)
			if _, err := tx.ExecContext(in(t, acme), text, args(w, text)...); err == nil {
				t.Error("was not refused")
			}
			if _, err := tx.ExecContext(in(t, acme), `INSERT INTO notes (body) VALUES ('undone')`); err != nil {
				t.Errorf("the transaction is gone: %v", err)
			}
			if err := tx.Rollback(); err != nil {
				t.Error(err)
			}
			if got := w.bodies(t, acme); got != canary(acme)+"|" {
				t.Errorf("the rollback left %q", got)
			}
		})
	}
}

// A new version of the engine brings functions, pragmas and modules. This test names them.
func TestEverythingThatTheEngineHasWasLookedAt(t *testing.T) {
	plain, err := sql.Open("sqlite", ":memory:")
	if err != nil {
		t.Fatal(err)
	}
	defer plain.Close()
	plain.SetMaxOpenConns(1)
	w := newFixture(t)
	refused := map[string]bool{"load_extension": true, "sqlite_log": true}
	for _, name := range names(t, plain, `SELECT DISTINCT name FROM pragma_function_list`) {
		// The authorizer speaks before the engine finds that the arguments are wrong in kind,
		// and after it counted them.
		answered := false
		for n := range 4 {
			text := `SELECT "` + name + `"(` + strings.TrimSuffix(strings.Repeat("1,", n), ",") + `)`
			_, err := w.DB().ExecContext(in(t, acme), text)
			if err == nil || !strings.Contains(err.Error(), "wrong number of arguments") {
				answered = true
				if denied := err != nil && strings.Contains(err.Error(), "not authorized"); denied != refused[name] {
					t.Errorf("function %s: %v", name, err)
				}
			}
		}
		if !answered {
			t.Logf("function %s was not reached", name)
		}
	}
	modules := "dbstat fts5 fts5vocab geopoly rtree rtree_i32 sqlite_dbpage "
	for _, name := range names(t, plain, `SELECT name FROM pragma_module_list WHERE name NOT LIKE 'pragma_%'`) {
		if !strings.Contains(modules, name+" ") {
			t.Errorf("the engine has a new module: %s", name)
		}
	}
	harmless := " foreign_keys user_version journal_mode encoding page_count page_size freelist_count data_version collation_list compile_options " +
		"table_info table_xinfo table_list index_list index_info index_xinfo foreign_key_list foreign_key_check integrity_check quick_check defer_foreign_keys "
	for _, name := range names(t, plain, `SELECT name FROM pragma_pragma_list`) {
		_, err := w.DB().ExecContext(in(t, acme), `PRAGMA `+name)
		if allowed := strings.Contains(harmless, " "+name+" "); allowed != (err == nil) {
			t.Errorf("PRAGMA %s: %v", name, err)
		}
	}
}

func names(t *testing.T, db *sql.DB, query string) []string {
	t.Helper()
	rows, err := db.Query(query)
	if err != nil {
		t.Fatal(err)
	}
	text, err := dump(rows)
	if err != nil {
		t.Fatal(err)
	}
	list := strings.Split(strings.TrimSuffix(text, "|"), "|")
	if len(list) < 5 {
		t.Fatalf("%s gave %q", query, text)
	}
	return list
}

// The driver is one for the whole program; what others register for their own connections
// must not come into ours.
func TestFunctionsOfOthersDoNotComeIn(t *testing.T) {
	sqlite.MustRegisterScalarFunction("reads_files", 1, nil)
	w := newFixture(t)
	if _, err := w.DB().ExecContext(in(t, acme), `SELECT reads_files('x')`); err == nil || !strings.Contains(err.Error(), "no such function") {
		t.Errorf("it is there: %v", err)
	}
}
