//go:build unix

package attacks

import "strings"

// Files are attacks of SQLite on the files of others, by the path of one.
func Files(path string) []Case {
	const f = "file"
	quoted := "'" + strings.ReplaceAll(path, "'", "''") + "'"
	harmless := func(c Case, why string) Case { c.Harmless = why; return c }
	then := func(name string, texts ...string) Case {
		return Case{Family: f, Name: name, Run: func(a *Attack) {
			for _, text := range texts {
				if reads(text) {
					a.Query(text)
				} else {
					_, _ = a.Exec(text)
				}
			}
		}}
	}
	const nowhere = "the engine has no such function, or it needs a build of its own"
	return []Case{
		then("ATTACH", `ATTACH `+quoted+` AS g`, `SELECT * FROM g.note`, `DETACH g`),
		then("ATTACH and a query in one text", `ATTACH `+quoted+` AS g; UPDATE g.note SET title = 'overwritten'; DETACH g`),
		then("ATTACH by a URI", `ATTACH 'file:`+path+`?mode=rw' AS g`, `SELECT * FROM g.note`, `DETACH g`),
		then("ATTACH of an expression", `ATTACH (SELECT `+quoted+` || '') AS g`, `SELECT * FROM g.note`, `DETACH g`),
		then("a copy into the other's file", `ATTACH `+quoted+` AS g`, `DELETE FROM g.note_tag`, `DETACH g`),
		{Family: f, Name: "ATTACH of a temporary file", Run: func(a *Attack) {
			_, _ = a.Stack.Exec(a.As(Victim), `ATTACH '' AS kept`)
			_, _ = a.Stack.Exec(a.As(Victim), `CREATE TABLE kept.kept AS SELECT body FROM note WHERE tenant_id = 'globex'`)
			a.Query(`SELECT * FROM kept.kept`)
			_, _ = a.Exec(`DETACH kept`)
		}},
		{Family: f, Name: "a temporary table of another", Run: func(a *Attack) {
			_, _ = a.Stack.Exec(a.As(Victim), `CREATE TEMP TABLE kept AS SELECT body FROM note WHERE tenant_id = 'globex'`)
			a.Query(`SELECT * FROM temp.kept`)
			_, _ = a.Exec(`DROP TABLE temp.kept`)
		}},
		{Family: f, Name: "a temporary view in a table's place", Run: func(a *Attack) {
			_, _ = a.Exec(`CREATE TEMP TABLE taken (b)`)
			_, _ = a.Exec(`CREATE TEMP TRIGGER t AFTER UPDATE ON main.note BEGIN INSERT INTO taken SELECT new.body; END`)
			_, _ = a.Stack.Exec(a.As(Victim), `UPDATE note SET votes = votes WHERE tenant_id = 'globex'`)
			a.Query(`SELECT * FROM temp.taken`)
			_, _ = a.Exec(`DROP TRIGGER temp.t`)
			_, _ = a.Exec(`DROP TABLE temp.taken`)
		}},
		harmless(then("VACUUM INTO the other's file", `VACUUM INTO `+quoted), "the engine writes over no file that is there"),
		harmless(then("readfile", `SELECT readfile(`+quoted+`)`), nowhere),
		harmless(then("load_extension", `SELECT load_extension(`+quoted+`)`), nowhere),
		harmless(then("pages", `SELECT data FROM sqlite_dbpage('g')`), nowhere),
		harmless(then("where the files are", `SELECT file FROM pragma_database_list`), "a path is no canary"),
		harmless(then("checks are off", `PRAGMA writable_schema = ON`, `PRAGMA trusted_schema = ON`, `PRAGMA foreign_keys = OFF`, `SELECT * FROM note`), "it is of use for a later attack"),
	}
}
