package attacks

import "strings"

// text is a case of one text that is queried.
func text(family, name, sql string) Case {
	return Case{Family: family, Name: name, Run: func(a *Attack) { a.Query(sql) }}
}

// pg is text for PostgreSQL alone.
func pg(family, name, sql string) Case {
	c := text(family, name, sql)
	c.Postgres = true
	return c
}

// reading are SELECTs that a service would not send.
func reading() []Case {
	const f = "read"
	return []Case{
		text(f, "without a condition", `SELECT * FROM note`),
		text(f, "OR that is always true", `SELECT * FROM note WHERE id = 'x' OR 1 = 1`),
		text(f, "OR between tabs", "SELECT * FROM note WHERE id = 'x'\tOR\t1=1"),
		text(f, "a comment that hides the tenant", `SELECT * FROM note WHERE id = 'x' OR true -- AND tenant_id = 'acme'`),
		text(f, "parentheses that close early", `SELECT * FROM note WHERE (id = 'x') OR (1=1)`),
		text(f, "the other tenant by name", `SELECT * FROM note WHERE tenant_id = 'globex'`),
		text(f, "a row by its key", `SELECT * FROM note WHERE id = 'g-n1'`),
		text(f, "a key that every tenant has", `SELECT * FROM note WHERE id = 's-n1'`),
		text(f, "UNION", `SELECT title FROM note WHERE id = 'x' UNION ALL SELECT body FROM note`),
		text(f, "EXCEPT", `SELECT body FROM note EXCEPT SELECT body FROM note WHERE tenant_id = 'acme'`),
		text(f, "a query in the select list", `SELECT (SELECT body FROM note WHERE tenant_id <> 'acme' LIMIT 1)`),
		{Family: f, Name: "a query in EXISTS", Run: func(a *Attack) { a.Nothing(`SELECT 1 WHERE EXISTS (SELECT 1 FROM note WHERE id = 'g-n1')`) }},
		{Family: f, Name: "a guess of a text by LIKE", Run: func(a *Attack) { a.Nothing(`SELECT 1 WHERE EXISTS (SELECT 1 FROM note WHERE body LIKE '%globex%')`) }},
		text(f, "a CTE", `WITH q AS (SELECT * FROM note) SELECT * FROM q`),
		pg(f, "a CTE of the table's name", `WITH note AS (SELECT * FROM note) SELECT * FROM note`),
		text(f, "a recursive CTE", `WITH RECURSIVE q(b) AS (SELECT '' UNION SELECT n.body FROM note n, q) SELECT * FROM q`),
		text(f, "a join with itself", `SELECT b.body FROM note a JOIN note b ON true`),
		text(f, "a left join by a key", `SELECT p.name FROM note n LEFT JOIN project p ON p.id = 'g-p1'`),
		text(f, "a join without the tenant", `SELECT p.name FROM note n JOIN project p ON p.id = n.project_id`),
		text(f, "the table between two", `SELECT t.name FROM note_tag nt JOIN tag t ON t.id = nt.tag_id`),
		{Family: f, Name: "count", Run: func(a *Attack) { a.AtMost(ownNotes, `SELECT count(*) FROM note`) }},
		{Family: f, Name: "sum", Run: func(a *Attack) { a.AtMost(ownNotes, `SELECT sum(votes) FROM note`) }},
		text(f, "max", `SELECT max(body) FROM note`),
		text(f, "a window", `SELECT first_value(body) OVER (ORDER BY tenant_id DESC) FROM note`),
		text(f, "GROUP BY", `SELECT tenant_id, max(title) FROM note GROUP BY tenant_id`),
		text(f, "a view", `SELECT * FROM note_view`),
		pg(f, "TABLE", `TABLE note`),
		pg(f, "FOR UPDATE", `SELECT * FROM note FOR UPDATE`),
		pg(f, "LATERAL", `SELECT b.* FROM project p, LATERAL (SELECT body FROM note) b`),
		pg(f, "TABLESAMPLE", `SELECT * FROM note TABLESAMPLE SYSTEM (100)`),
		pg(f, "ONLY", `SELECT * FROM ONLY note`),
		pg(f, "the place on disk", `SELECT * FROM note WHERE ctid IS NOT NULL`),
		pg(f, "a row as JSON", `SELECT json_agg(note) FROM note`),
		pg(f, "a function", `SELECT * FROM note_function()`),
		pg(f, "a query in a text", `SELECT query_to_xml('SELECT * FROM note', true, false, '')`),
		pg(f, "a table in a text", `SELECT table_to_xml('note', true, false, '')`),
		pg(f, "a schema in a text", `SELECT schema_to_xml('public', true, false, '')`),
		{Family: f, Name: "a cursor in a text", Postgres: true, Run: func(a *Attack) {
			a.Tx(`DECLARE c CURSOR FOR SELECT * FROM note`, `SELECT cursor_to_xml('c', 100, true, false, '')`)
		}},
		pg(f, "a query in a text of text search", `SELECT * FROM ts_stat('SELECT array_to_tsvector(ARRAY[body]) FROM note')`),
		pg(f, "an error with a value in it", `SELECT CAST((SELECT body FROM note WHERE tenant_id = 'globex' LIMIT 1) AS integer)`),
		pg(f, "statistics", `SELECT most_common_vals::text, histogram_bounds::text FROM pg_stats WHERE tablename = 'note'`),
		pg(f, "statistics of several columns", `SELECT most_common_vals::text FROM pg_stats_ext WHERE tablename = 'note'`),
		{Family: f, Name: "an operator that tells what the planner shows it", Postgres: true, Run: func(a *Attack) { // CVE-2017-7484, CVE-2025-8713
			a.Tx(`CREATE FUNCTION pg_temp.below(text, text) RETURNS boolean LANGUAGE plpgsql AS $$ BEGIN IF $1 NOT LIKE '%acme%' THEN RAISE EXCEPTION 'told %', $1; END IF; RETURN false; END $$`,
				`CREATE OPERATOR pg_temp.<<< (LEFTARG = text, RIGHTARG = text, FUNCTION = pg_temp.below, RESTRICT = scalarltsel)`,
				`SELECT id FROM note WHERE tenant_id = 'nobody' AND body OPERATOR(pg_temp.<<<) 'x'`)
		}},
		{Family: f, Name: "an error that tells", Postgres: true, Run: func(a *Attack) {
			_, err := a.Stack.Query(a.Context, `SELECT 1 / (CASE WHEN EXISTS (SELECT 1 FROM note WHERE id = 'g-n1') THEN 0 ELSE 1 END)`)
			a.See(nil, err)
			if err != nil && strings.Contains(err.Error(), "division") {
				a.Leak("the error tells that the row is there")
			}
		}},
		{Family: f, Name: "a plan that was made for another", Run: func(a *Attack) {
			for range 8 {
				_, _ = a.Stack.Query(a.As(Victim), `SELECT * FROM note WHERE votes = 1`)
			}
			a.Query(`SELECT * FROM note WHERE votes = 1`)
		}},
		{Family: f, Name: "a cursor", Postgres: true, Run: func(a *Attack) {
			a.Tx(`DECLARE c CURSOR FOR SELECT * FROM note`, `FETCH ALL FROM c`)
		}},
		{Family: f, Name: "a function that tells what it is given", Postgres: true, Run: func(a *Attack) {
			a.Tx(`CREATE FUNCTION pg_temp.tell(text) RETURNS boolean LANGUAGE plpgsql COST 0.0000001 AS $$ BEGIN IF $1 NOT LIKE '%acme%' THEN RAISE EXCEPTION 'told %', $1; END IF; RETURN false; END $$`,
				`SELECT * FROM note WHERE tenant_id <> 'acme' AND pg_temp.tell(body)`)
		}},
	}
}
