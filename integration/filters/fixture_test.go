//go:build unix

package filters_test

import (
	"database/sql"
	"fmt"
	"io/fs"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	_ "github.com/jackc/pgx/v5/stdlib"
	_ "modernc.org/sqlite"

	"github.com/reevehq/reeve/authz/policy"
	"github.com/reevehq/reeve/integration/pgserver"
	"github.com/reevehq/reeve/policies"
)

const tables = `
CREATE TABLE project (id text PRIMARY KEY, tenant_id text NOT NULL, owner text, status text, size {int});
CREATE TABLE doc (id text PRIMARY KEY, tenant_id text NOT NULL, owner text, status text, reviewer text, project_id text,
	size {int}, parts {int}, score {float}, public {bool}, locked {bool}, tags {list}, due {time}, made {time}, code {uuid});
CREATE TABLE doc_member (doc_id text NOT NULL, tenant_id text NOT NULL, user_id text NOT NULL, role text);
CREATE TABLE project_member (project_id text NOT NULL, tenant_id text NOT NULL, user_id text NOT NULL);
CREATE INDEX doc_member_doc ON doc_member (doc_id);
CREATE INDEX project_member_project ON project_member (project_id);
`

// database is one that holds the rows.
type database struct {
	name    string
	dialect policy.Dialect
	db      *sql.DB
}

// kinds are how Postgres and SQLite call the types of the columns.
var kinds = [...]*strings.Replacer{
	strings.NewReplacer("{int}", "bigint", "{float}", "double precision", "{bool}", "boolean", "{list}", "text[]", "{time}", "timestamptz", "{uuid}", "uuid"),
	strings.NewReplacer("{int}", "INTEGER", "{float}", "REAL", "{bool}", "INTEGER", "{list}", "TEXT", "{time}", "INTEGER", "{uuid}", "TEXT"),
}

func open(t testing.TB, driver, url string) *sql.DB {
	t.Helper()
	db, err := sql.Open(driver, url)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	return db
}

func databases(t *testing.T, docs []doc) []database {
	t.Helper()
	pg := pgserver.New(t).Database(t)
	list := []database{
		{"postgres", policy.Postgres, open(t, "pgx", pg.Owner()+"&default_query_exec_mode=exec")},
		{"sqlite", policy.SQLite, open(t, "sqlite", filepath.Join(t.TempDir(), "loose.db"))},
	}
	for i, d := range list {
		for _, statement := range strings.Split(kinds[i].Replace(tables), ";\n") {
			if strings.TrimSpace(statement) != "" {
				d.exec(t, statement)
			}
		}
		d.fill(t, docs)
	}
	return list
}

func (d database) exec(t testing.TB, text string, args ...any) {
	t.Helper()
	if d.dialect == policy.SQLite {
		for i, x := range args {
			switch x := x.(type) {
			case bool:
				if args[i] = int64(0); x {
					args[i] = int64(1)
				}
			case time.Time:
				args[i] = x.UnixMicro()
			case []string:
				args[i] = jsonList(x)
			}
		}
	} else {
		for i, x := range args {
			if list, ok := x.([]string); ok {
				texts := make([]*string, len(list))
				for j := range list {
					if list[j] != nullElement {
						texts[j] = &list[j]
					}
				}
				args[i] = texts
			}
		}
	}
	if _, err := d.db.ExecContext(t.Context(), text, args...); err != nil {
		t.Fatalf("%s: %s: %v", d.name, text, err)
	}
}

func placeholders(n int) string {
	var b strings.Builder
	for i := range n {
		if i > 0 {
			b.WriteByte(',')
		}
		fmt.Fprintf(&b, "$%d", i+1)
	}
	return b.String()
}

func (d database) fill(t testing.TB, docs []doc) {
	t.Helper()
	for _, p := range projects {
		d.exec(t, "INSERT INTO project VALUES ("+placeholders(5)+")", p.id, p.tenant, p.owner, p.status, p.size)
		for _, member := range p.members {
			d.exec(t, "INSERT INTO project_member VALUES ("+placeholders(3)+")", p.id, p.tenant, member)
		}
		d.exec(t, "INSERT INTO project_member VALUES ("+placeholders(3)+")", p.id, "globex-"+p.tenant, "stranger")
	}
	d.addDocs(t, docs)
}

func (d database) addDocs(t testing.TB, docs []doc) {
	t.Helper()
	for _, x := range docs {
		d.exec(t, "INSERT INTO doc VALUES ("+placeholders(15)+")", x.id, x.tenant, x.owner, x.status, x.reviewer, x.project, x.size, x.parts, x.score, x.public, x.locked, x.tags, x.due, x.made, x.code)
		for from := 0; from < len(x.members); from += 500 {
			var b strings.Builder
			args := []any{x.id, x.tenant}
			for _, member := range x.members[from:min(from+500, len(x.members))] {
				role := "reader"
				if slices.Contains(x.leads, member) {
					role = "lead"
				}
				args = append(args, member, role)
				if b.Len() > 0 {
					b.WriteByte(',')
				}
				fmt.Fprintf(&b, "($1, $2, $%d, $%d)", len(args)-1, len(args))
			}
			d.exec(t, "INSERT INTO doc_member VALUES "+b.String(), args...)
		}
		d.exec(t, "INSERT INTO doc_member VALUES ("+placeholders(4)+")", x.id, "other", "alice", "lead") // of another tenant
	}
}

// ids returns the ids of what a predicate selects, sorted.
func (d database) ids(t *testing.T, p policy.Predicate) ([]string, error) {
	t.Helper()
	where, args, err := p.SQL(d.dialect, "d")
	if err != nil {
		return nil, err
	}
	return d.column(t, `SELECT "d"."id" FROM doc AS d WHERE `+where, args...)
}

// column returns the texts of a query of one column, sorted.
func (d database) column(t *testing.T, query string, args ...any) ([]string, error) {
	t.Helper()
	rows, err := d.db.QueryContext(t.Context(), query, args...)
	if err != nil {
		return nil, fmt.Errorf("%w\n%s\n%v", err, query, args)
	}
	defer rows.Close()
	texts := []string{}
	for rows.Next() {
		var text string
		if err := rows.Scan(&text); err != nil {
			t.Fatal(err)
		}
		texts = append(texts, text)
	}
	if err := rows.Err(); err != nil {
		return nil, fmt.Errorf("%w\n%s\n%v", err, query, args)
	}
	slices.Sort(texts)
	return texts, nil
}

// flagged returns the ids for which the predicate is true as a column of a query that has an argument
// of its own before. The column is never NULL.
func (d database) flagged(t *testing.T, p policy.Predicate) ([]string, error) {
	t.Helper()
	value, args, err := p.SQLValue(1, d.dialect, "d")
	if err != nil {
		return nil, err
	}
	first := "?"
	if d.dialect == policy.Postgres {
		first = "$1::text"
	}
	text := `WITH before(x) AS (SELECT ` + first + `) SELECT "d"."id", before.x, ` + value + ` FROM before, doc AS d`
	rows, err := d.db.QueryContext(t.Context(), text, append([]any{"first"}, args...)...)
	if err != nil {
		return nil, fmt.Errorf("%w\n%s\n%v", err, text, args)
	}
	defer rows.Close()
	ids := []string{}
	for rows.Next() {
		var id, x string
		var may bool // a NULL would not scan
		if err := rows.Scan(&id, &x, &may); err != nil {
			return nil, fmt.Errorf("%w\n%s\n%v", err, text, args)
		}
		if x != "first" {
			t.Errorf("the argument before is %q", x)
		}
		if may {
			ids = append(ids, id)
		}
	}
	slices.Sort(ids)
	return ids, rows.Err()
}

func load(t testing.TB, policyCSV, attributesCSV string) (*policy.Engine, error) {
	t.Helper()
	return policy.Load(files(t, policyCSV, attributesCSV), policy.Options{})
}

func files(t testing.TB, policyCSV, attributesCSV string) fs.FS {
	t.Helper()
	model, err := fs.ReadFile(policies.Files(), "model.conf")
	if err != nil {
		t.Fatal(err)
	}
	return fstest.MapFS{"model.conf": {Data: model}, "policy.csv": {Data: []byte(policyCSV)}, "attributes.csv": {Data: []byte(attributesCSV)}}
}
