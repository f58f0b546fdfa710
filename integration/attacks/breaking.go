package attacks

// transactions are texts that end or begin transactions, to get out of the one that has the
// tenant.
func transactions() []Case {
	const f, nothing = "transaction", "a connection without walls has no scope to get out of"
	all := `SELECT * FROM note`
	cases := []Case{
		pg(f, "COMMIT before a query", `COMMIT; `+all),
		pg(f, "ROLLBACK before a query", `ROLLBACK; `+all),
		pg(f, "END before a query", `END; `+all),
		pg(f, "ABORT before a query", `ABORT;`+all),
		pg(f, "an empty statement before", `;COMMIT;`+all),
		pg(f, "a comment before", `/* /* */ */COMMIT;`+all),
		pg(f, "after a statement", `SELECT 1; COMMIT; `+all),
		pg(f, "a transaction of its own", `COMMIT; BEGIN; SELECT set_config('reeve.tenant', 'globex', true); `+all),
		pgExec(f, "COMMIT before a write", `COMMIT; UPDATE note SET title = 'overwritten'`),
		pgExec(f, "a write after a write", `UPDATE note SET votes = 2 WHERE id = 'a-n1'; UPDATE note SET title = 'overwritten'`),
		pgExec(f, "a block that commits", `DO $$ BEGIN COMMIT; UPDATE note SET title = 'overwritten'; END $$`),
		{Family: f, Name: "COMMIT within a transaction", Postgres: true, Run: func(a *Attack) { a.Tx(`COMMIT`, all) }},
		{Family: f, Name: "ROLLBACK within a transaction", Postgres: true, Run: func(a *Attack) { a.Tx(`ROLLBACK`, all) }},
		{Family: f, Name: "COMMIT AND CHAIN", Postgres: true, Run: func(a *Attack) { a.Tx(`COMMIT AND CHAIN`, all) }},
		{Family: f, Name: "two phases", Postgres: true, Run: func(a *Attack) { a.Tx(`PREPARE TRANSACTION 'attack'`); a.Query(all) }},
		{Family: f, Name: "a savepoint", Run: func(a *Attack) { a.Tx(`SAVEPOINT s`, `ROLLBACK TO SAVEPOINT s`, all) }},
		{Family: f, Name: "a savepoint that is released", Run: func(a *Attack) { a.Tx(`SAVEPOINT s`, `RELEASE SAVEPOINT s`, all) }},
		{Family: f, Name: "a failure and a savepoint", Run: func(a *Attack) {
			a.Tx(`SAVEPOINT s`, `SELECT * FROM nothing_of_that_name`, `ROLLBACK TO SAVEPOINT s`, all)
		}},
		{Family: f, Name: "a savepoint older than a forged tenant", Postgres: true, Run: func(a *Attack) {
			a.Tx(`SAVEPOINT s`, `SELECT set_config('reeve.tenant', '', true)`, `ROLLBACK TO SAVEPOINT s`, all)
		}},
		{Family: f, Name: "the statement of another in one's transaction", Harmless: nothing, Run: func(a *Attack) {
			_ = a.Stack.Tx(a.Context, func(r Runner) error {
				if rows, err := r.Query(a.As(Victim), all); err == nil && len(rows) > 0 {
					a.Leak("a transaction of %s answers %s", Attacker, Victim)
				}
				return nil
			})
		}},
	}
	return cases
}

// forging are texts that set another tenant.
func forging() []Case {
	const f = "forge"
	all := `SELECT * FROM note`
	signed := func(c Case) Case { c.Postgres, c.Signed = true, true; return c }
	in := func(name string, texts ...string) Case {
		return signed(Case{Family: f, Name: name, Run: func(a *Attack) { a.Tx(texts...) }})
	}
	const forged = `v1.k1.globex.4102444800000.` + `00000000000000000000000000000000` + `00000000000000000000000000000000`
	return []Case{
		in("set_config of a name", `SELECT set_config('reeve.tenant', 'globex', true)`, all),
		in("set_config of a context", `SELECT set_config('reeve.context', '`+forged+`', true)`, all),
		in("set_config of a context that is cut", `SELECT set_config('reeve.context', split_part(current_setting('reeve.context', true), '.', 1) || '.k1.globex', true)`, all),
		in("one's own context with another tenant", `SELECT set_config('reeve.context', replace(current_setting('reeve.context', true), 'acme', 'globex'), true)`, all),
		in("no context", `SELECT set_config('reeve.context', '', true)`, all),
		in("SET LOCAL", `SET LOCAL reeve.tenant = 'globex'`, all),
		in("SET LOCAL of a context", `SET LOCAL reeve.context = '`+forged+`'`, all),
		in("SET", `SET reeve.tenant = 'globex'`, all),
		in("RESET", `RESET reeve.context`, all),
		in("a block", `DO $$ BEGIN PERFORM set_config('reeve.tenant', 'globex', true); PERFORM set_config('reeve.context', '`+forged+`', true); END $$`, all),
		in("SET ROLE", `SET LOCAL ROLE postgres`, all),
		in("row_security", `SET LOCAL row_security = off`, all),
		in("search_path", `SET LOCAL search_path = pg_catalog`, `SELECT * FROM public.note`),
		signed(text(f, "in a condition", `SELECT * FROM note WHERE set_config('reeve.context', '`+forged+`', true) IS NOT NULL`)),
		signed(text(f, "in a CTE", `WITH s AS MATERIALIZED (SELECT set_config('reeve.tenant', 'globex', true), set_config('reeve.context', '`+forged+`', true)) SELECT n.* FROM s, note n`)),
		signed(text(f, "in the select list, after the first row", `SELECT set_config('reeve.context', '`+forged+`', true), n.* FROM note n`)),
		signed(text(f, "in ORDER BY", `SELECT * FROM note ORDER BY set_config('reeve.context', '`+forged+`', true), (SELECT max(body) FROM note)`)),
		signed(text(f, "in a function that is called late", `SELECT * FROM note WHERE id = 's-n1' OR set_config('reeve.tenant', 'globex', true) = ''`)),
		signed(Case{Family: f, Name: "what others were sent is read and used", Run: func(a *Attack) {
			_, _ = a.Stack.Query(a.As(Victim), all)
			a.Tx(`SELECT set_config('reeve.context', (SELECT substring(query from 'v1[.][A-Za-z0-9._-]+') FROM pg_stat_activity WHERE query LIKE '%v1.%' LIMIT 1), true)`, all)
		}}),
	}
}

// residues are the cases of statements that leave something in the session for the next tenant.
func residues() []Case {
	const f = "residue"
	all := `SELECT * FROM note`
	as := func(a *Attack, text string) { _, _ = a.Stack.Exec(a.As(Victim), text) }
	c := func(name string, run func(a *Attack)) Case {
		return Case{Family: f, Name: name, Postgres: true, Run: run}
	}
	return []Case{
		c("a cursor WITH HOLD of another", func(a *Attack) {
			as(a, `DECLARE kept CURSOR WITH HOLD FOR SELECT * FROM note`)
			a.Query(`FETCH ALL FROM kept`)
		}),
		c("a cursor WITH HOLD of another's transaction", func(a *Attack) {
			_ = a.Stack.Tx(a.As(Victim), func(r Runner) error {
				_, err := r.Exec(a.As(Victim), `DECLARE kept2 CURSOR WITH HOLD FOR SELECT * FROM note`)
				return err
			})
			a.Tx(`FETCH ALL FROM kept2`)
		}),
		c("a temporary table of another", func(a *Attack) {
			as(a, `CREATE TEMP TABLE kept AS SELECT * FROM note`)
			a.Query(`SELECT * FROM kept`)
		}),
		c("a temporary table in a table's place", func(a *Attack) {
			_, _ = a.Exec(`CREATE TEMP TABLE note (LIKE note)`)
			as(a, `INSERT INTO note (tenant_id, id, project_id, title, body, votes) VALUES ('globex', 'x-1', 'g-p1', '', '`+Canary(Victim, "written")+`', 0)`)
			a.Query(`SELECT * FROM pg_temp.note`)
			_, _ = a.Exec(`DROP TABLE pg_temp.note`)
			as(a, `DELETE FROM note WHERE id = 'x-1'`)
		}),
		c("a prepared statement", func(a *Attack) {
			_, _ = a.Exec(`PREPARE kept AS SELECT * FROM note`)
			a.Query(`EXECUTE kept`)
			_, _ = a.Exec(`DEALLOCATE kept`)
		}),
		c("a prepared statement of another", func(a *Attack) {
			as(a, `PREPARE kept2 AS SELECT * FROM note`)
			a.Query(`EXECUTE kept2`)
			_, _ = a.Exec(`DEALLOCATE kept2`)
		}),
		c("a tenant that is set for the session", func(a *Attack) {
			a.Query(`SELECT set_config('reeve.tenant', 'globex', false)`)
			a.Query(all)
		}),
		c("the tenant of another", func(a *Attack) {
			as(a, `SELECT set_config('reeve.tenant', 'globex', false)`)
			a.Query(all)
		}),
		{Family: f, Name: "after another's error", Run: func(a *Attack) {
			as(a, `SELECT * FROM nothing_of_that_name`)
			a.Query(all)
		}},
		{Family: f, Name: "after another's transaction that failed", Run: func(a *Attack) {
			_ = a.Stack.Tx(a.As(Victim), func(r Runner) error {
				_, err := r.Exec(a.As(Victim), `SELECT * FROM nothing_of_that_name`)
				return err
			})
			a.Query(all)
		}},
	}
}

// schema are statements about tables.
func schema() []Case {
	const f = "schema"
	all := `SELECT * FROM note`
	c := func(name string, texts ...string) Case {
		return Case{Family: f, Name: name, Postgres: true, Run: func(a *Attack) {
			for _, text := range texts {
				if reads(text) {
					a.Query(text)
				} else {
					_, _ = a.Exec(text)
				}
			}
		}}
	}
	harmless := func(c Case, why string) Case { c.Harmless = why; return c }
	return []Case{
		c("row-level security is switched off", `ALTER TABLE note DISABLE ROW LEVEL SECURITY`, all),
		c("it is not forced", `ALTER TABLE note NO FORCE ROW LEVEL SECURITY`, all),
		c("a policy that permits all", `CREATE POLICY attack ON note USING (true)`, all, `DROP POLICY attack ON note`),
		c("a copy of the table", `CREATE TABLE copied AS SELECT * FROM note`, `SELECT * FROM copied`, `DROP TABLE copied`),
		c("SELECT INTO", `CREATE TABLE copied AS TABLE note`, `SELECT * FROM copied`, `DROP TABLE copied`),
		c("a table that inherits", `CREATE TABLE child () INHERITS (note)`, all, `DROP TABLE child`),
		c("a view of one's own", `CREATE VIEW own AS SELECT * FROM note`, `SELECT * FROM own`, `DROP VIEW own`),
		c("a view of one's own in the session", `CREATE TEMP VIEW own AS SELECT * FROM note`, `SELECT * FROM own`, `DROP VIEW IF EXISTS own`),
		c("a function of one's own", `CREATE FUNCTION own() RETURNS SETOF note LANGUAGE sql SECURITY DEFINER AS 'SELECT * FROM note'`, `SELECT * FROM own()`, `DROP FUNCTION IF EXISTS own()`),
		c("a rule", `CREATE RULE own AS ON INSERT TO tag DO ALSO UPDATE note SET title = 'overwritten'`, `INSERT INTO tag (tenant_id, id, name) VALUES ('acme', 'a-t9', '')`, `DROP RULE IF EXISTS own ON tag`),
		harmless(c("a grant", `GRANT ALL ON note TO PUBLIC`), "it is of use for another role"),
		harmless(c("another session", `SET SESSION AUTHORIZATION postgres`), "it is of use for another role"),
		harmless(c("a file of the server", `COPY note TO '/tmp/attack'`, `SELECT pg_read_file('/etc/passwd')`), "the file holds no canary that comes back"),
	}
}
