package attacks

import "fmt"

// exec is a case of one text that is executed.
func exec(family, name, sql string) Case {
	return Case{Family: family, Name: name, Run: func(a *Attack) { _, _ = a.Exec(sql) }}
}

func pgExec(family, name, sql string) Case {
	c := exec(family, name, sql)
	c.Postgres = true
	return c
}

const (
	insertForeign = `INSERT INTO note (tenant_id, id, project_id, title, body, votes) VALUES ('globex', 'x-1', 'g-p1', 'planted', '', 0)`
	compositeKeys = "the keys begin with the tenant"
)

// writing are the families of writes that Hibernate's tenant filter had to learn one by one.
func writing() []Case {
	const f = "write"
	return []Case{
		exec(f, "INSERT with a foreign tenant", insertForeign),
		exec(f, "INSERT of several, one foreign", `INSERT INTO note (tenant_id, id, project_id, title, body, votes) VALUES ('acme', 'a-n9', 'a-p1', '', '', 0), ('globex', 'x-1', 'g-p1', 'planted', '', 0)`),
		exec(f, "INSERT of a SELECT", `INSERT INTO note (tenant_id, id, project_id, title, body, votes) SELECT 'globex', 'x-1', 'g-p1', 'planted', '', 0`),
		exec(f, "INSERT into the table between two", `INSERT INTO note_tag (tenant_id, note_id, tag_id) VALUES ('globex', 'g-n2', 'g-t1')`),
		exec(f, "a row is given away", `UPDATE note SET tenant_id = 'globex', project_id = 'g-p1' WHERE id = 'a-n2'`),
		exec(f, "a row is stolen", `UPDATE note SET tenant_id = 'acme', project_id = 'a-p1' WHERE id = 'g-n2'`),
		exec(f, "UPDATE of all", `UPDATE note SET title = 'overwritten'`),
		exec(f, "UPDATE by a key", `UPDATE note SET title = 'overwritten' WHERE id = 'g-n1'`),
		exec(f, "UPDATE by a key that every tenant has", `UPDATE note SET title = 'overwritten' WHERE id = 's-n1'`),
		text(f, "UPDATE FROM", `UPDATE note SET body = (SELECT m.body FROM note m WHERE m.id = 'g-n1') WHERE id = 'a-n1' RETURNING body`),
		text(f, "UPDATE RETURNING", `UPDATE note SET votes = votes + 1 RETURNING body`),
		text(f, "UPDATE RETURNING a query", `UPDATE note SET votes = 1 WHERE id = 'a-n1' RETURNING (SELECT max(body) FROM note)`),
		exec(f, "a counter of all", `UPDATE note SET votes = votes + 1`),
		exec(f, "DELETE of all", `DELETE FROM note_tag`),
		exec(f, "DELETE by a key", `DELETE FROM note WHERE id = 'g-n2'`),
		exec(f, "DELETE by a query", `DELETE FROM note_tag WHERE note_id IN (SELECT id FROM note WHERE tenant_id <> 'acme')`),
		text(f, "DELETE RETURNING", `DELETE FROM note_tag RETURNING tag_id, (SELECT max(name) FROM tag)`),
		exec(f, "an association moves to a foreign parent", `UPDATE note SET tenant_id = 'globex', project_id = 's-p1' WHERE id = 'g-n1'`),
		exec(f, "upsert with a foreign key", `INSERT INTO note (tenant_id, id, project_id, title, body, votes) VALUES ('globex', 'g-n1', 'g-p1', 'overwritten', '', 0) ON CONFLICT (tenant_id, id) DO UPDATE SET title = excluded.title`),
		exec(f, "upsert that gives a row away", `INSERT INTO note (tenant_id, id, project_id, title, body, votes) VALUES ('acme', 'a-n2', 'a-p1', '', '', 0) ON CONFLICT (tenant_id, id) DO UPDATE SET tenant_id = 'globex', project_id = 'g-p1'`),
		text(f, "upsert that returns what is there", `INSERT INTO note (tenant_id, id, project_id, title, body, votes) VALUES ('globex', 'g-n1', 'g-p1', '', '', 0) ON CONFLICT (tenant_id, id) DO UPDATE SET votes = note.votes RETURNING body`),
		text(f, "a CTE that deletes", `WITH d AS (SELECT * FROM note) SELECT body FROM d WHERE (SELECT count(*) FROM d) > 0`),
		pg(f, "a CTE that writes", `WITH d AS (DELETE FROM note_tag RETURNING *) SELECT * FROM d, note`),
		pgExec(f, "MERGE", `MERGE INTO note n USING (SELECT 'g-n1' AS id) s ON n.id = s.id WHEN MATCHED THEN UPDATE SET title = 'overwritten'`),
		pgExec(f, "MERGE that inserts", `MERGE INTO note n USING (SELECT 'x-1' AS id) s ON n.id = s.id WHEN NOT MATCHED THEN INSERT (tenant_id, id, project_id, title, body, votes) VALUES ('globex', s.id, 'g-p1', 'planted', '', 0)`),
		pgExec(f, "DELETE USING", `DELETE FROM note_tag nt USING note n WHERE n.id = nt.note_id`),
		pgExec(f, "TRUNCATE", `TRUNCATE note, note_tag`),
		pgExec(f, "TRUNCATE CASCADE", `TRUNCATE project CASCADE`),
		pgExec(f, "a block that writes", `DO $$ BEGIN UPDATE note SET title = 'overwritten'; END $$`),
		pgExec(f, "a block that writes what it is told", `DO $$ BEGIN EXECUTE 'UPDATE no' || 'te SET title = ''overwritten'''; END $$`),
		pgExec(f, "a view that can be written", `UPDATE note_view SET title = 'overwritten'`),
		{Family: f, Name: "COPY FROM", Postgres: true, Harmless: "drivers of database/sql send no rows here", Run: func(a *Attack) { _, _ = a.Exec(`COPY note FROM STDIN`) }},
		{Family: f, Name: "COPY TO", Postgres: true, Harmless: "drivers of database/sql read no rows here", Run: func(a *Attack) { a.Query(`COPY note TO STDOUT`) }},
		{Family: f, Name: "a name that is taken tells", Harmless: compositeKeys, Run: func(a *Attack) {
			n, err := a.Exec(fmt.Sprintf(`INSERT INTO project (tenant_id, id, name) VALUES ('acme', 'a-p9', '%s') ON CONFLICT DO NOTHING`, Canary(Victim, "project1")))
			if err == nil && n != 1 {
				a.Leak("the name is taken by another tenant")
			}
		}},
		{Family: f, Name: "a key that is taken tells", Harmless: compositeKeys, Run: func(a *Attack) {
			if n, err := a.Exec(`INSERT INTO project (tenant_id, id, name) VALUES ('acme', 'g-p1', 'mine') ON CONFLICT DO NOTHING`); err == nil && n != 1 {
				a.Leak("the key is taken by another tenant")
			}
		}},
		{Family: f, Name: "a reference tells", Harmless: compositeKeys, Run: func(a *Attack) {
			const insert = `INSERT INTO note (tenant_id, id, project_id, title, body, votes) VALUES ('acme', 'a-n9', '%s', '', '', 0)`
			_, foreign := a.Exec(fmt.Sprintf(insert, "g-p1"))
			_, none := a.Exec(fmt.Sprintf(insert, "nobody"))
			if (foreign == nil) != (none == nil) {
				a.Leak("a reference to a foreign row and one to none differ: %v, %v", foreign, none)
			}
		}},
	}
}
