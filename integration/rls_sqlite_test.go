//go:build unix && !race

// SQLite in Go takes a minute to compile with the race detector, which finds nothing here.

package integration_test

import (
	"context"
	"database/sql"
	"errors"
	"path/filepath"
	"slices"
	"testing"

	_ "modernc.org/sqlite"

	"github.com/reevehq/reeve/tenant/rls"
)

func TestSQLiteColumnsThatCompareOtherwiseAreFound(t *testing.T) {
	ctx := context.Background()
	db, err := sql.Open("sqlite", filepath.Join(t.TempDir(), "a.db"))
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	const columns = "(id TEXT NOT NULL PRIMARY KEY, amount INTEGER, title TEXT, note TEXT, paid INTEGER NOT NULL, size REAL)"
	for _, statement := range []string{
		"CREATE TABLE clean " + columns + " STRICT",
		"CREATE TABLE loose " + columns,
		"CREATE TABLE checked (id TEXT NOT NULL PRIMARY KEY CHECK (typeof(id) = 'text'), amount INTEGER CHECK (amount IS NULL OR typeof(amount) = 'integer'))",
		"CREATE TABLE folded (id TEXT NOT NULL, -- COLLATE NOCASE, says a comment\n title TEXT COLLATE NOCASE, \"note\" TEXT DEFAULT (lower('a,b')) COLLATE \"rtrim\", amount INTEGER, PRIMARY KEY (id)) STRICT",
		"CREATE TABLE typed (id VARCHAR(20) NOT NULL, amount NUMERIC, at INTEGER PRIMARY KEY)",
	} {
		if _, err := db.ExecContext(ctx, statement); err != nil {
			t.Fatal(err)
		}
	}
	audit := func(columns ...rls.Column) rls.Findings {
		t.Helper()
		found, err := rls.AuditSQLite(ctx, db, rls.Config{Columns: columns})
		if err != nil {
			t.Fatal(err)
		}
		return found
	}
	all := func(table string) []rls.Column {
		return []rls.Column{{Table: table, Name: "id", Kind: rls.KindString, Required: true}, {Table: table, Name: "amount", Kind: rls.KindInt}}
	}
	for _, c := range []struct {
		columns []rls.Column
		want    []string
	}{
		{all("clean"), nil},
		{all("main.clean"), nil},
		{append(all("clean"), rls.Column{Table: "clean", Name: "paid", Kind: rls.KindBool}, rls.Column{Table: "clean", Name: "size", Kind: rls.KindFloat}, rls.Column{Table: "CLEAN", Name: "TITLE", Kind: rls.KindString}), nil},
		{all("checked"), nil},
		{all("loose"), []string{"not-strict", "not-strict"}},
		{all("folded"), nil},
		{[]rls.Column{{Table: "folded", Name: "title", Kind: rls.KindString}, {Table: "folded", Name: "note", Kind: rls.KindString}}, []string{"column-collation", "column-collation"}},
		{all("typed"), []string{"column-type", "not-strict", "column-type", "not-strict"}},
		{[]rls.Column{{Table: "clean", Name: "title", Kind: rls.KindInt, Required: true}}, []string{"column-type", "column-nullable"}},
		{[]rls.Column{{Table: "clean", Name: "gone", Kind: rls.KindInt}, {Table: "gone", Name: "id", Kind: rls.KindString}}, []string{"column-missing", "column-missing"}},
		{[]rls.Column{{Table: "typed", Name: "at", Kind: rls.KindInt, Required: true}}, []string{"not-strict"}},
		{[]rls.Column{{Table: "clean", Name: "amount", Kind: rls.KindTime}, {Table: "clean", Name: "note", Kind: rls.KindUUID}}, nil},
		{[]rls.Column{{Table: "clean", Name: "title", Kind: rls.KindTime}, {Table: "clean", Name: "size", Kind: rls.KindTime}, {Table: "clean", Name: "amount", Kind: rls.KindUUID}}, []string{"column-type", "column-type", "column-type"}},
	} {
		if found := audit(c.columns...); !slices.Equal(ruleNames(found), c.want) {
			t.Errorf("%v: found %v, want %v", c.columns, found, c.want)
		}
	}
	// The mending SQL keeps the rows, and a text among the numbers stops it.
	found := audit(all("loose")...)
	if _, err := db.ExecContext(ctx, "INSERT INTO loose VALUES ('x', 3, 't', NULL, 1, 0.5)"); err != nil {
		t.Fatal(err)
	}
	conn, err := db.Conn(ctx)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if _, err := conn.ExecContext(ctx, found.SQL()); err != nil {
		t.Fatalf("%v\n%s", err, found.SQL())
	}
	if found := audit(all("loose")...); len(found) > 0 {
		t.Errorf("after mending: %v", found)
	}
	if got, err := rowsOf(ctx, conn, "SELECT id, amount FROM loose"); got != "x|3" {
		t.Errorf("its rows are %q, %v", got, err)
	}
	if found := audit(all("typed")...); found[1].Mend != "" {
		t.Errorf("a table with a type that STRICT does not know is mended by %q", found[1].Mend)
	}
	if _, err := rls.AuditSQLite(ctx, db, rls.Config{Columns: []rls.Column{{Kind: "decimal"}}}); !errors.Is(err, rls.ErrInvalid) {
		t.Errorf("an unknown kind: %v", err)
	}
}

// Texts of another encoding are in another order, and begin, end and are within others by other bytes.
func TestADatabaseOfSQLiteWithAnotherEncodingIsFound(t *testing.T) {
	for encoding, want := range map[string][]string{"UTF-8": nil, "UTF-16le": {"encoding"}, "UTF-16be": {"encoding"}} {
		db, err := sql.Open("sqlite", filepath.Join(t.TempDir(), "a.db"))
		if err != nil {
			t.Fatal(err)
		}
		defer db.Close()
		db.SetMaxOpenConns(1)
		for _, statement := range []string{"PRAGMA encoding = '" + encoding + "'", "CREATE TABLE doc (id TEXT NOT NULL PRIMARY KEY) STRICT"} {
			if _, err := db.ExecContext(t.Context(), statement); err != nil {
				t.Fatal(err)
			}
		}
		found, err := rls.AuditSQLite(t.Context(), db, rls.Config{Columns: []rls.Column{{Table: "doc", Name: "id", Kind: rls.KindString, Required: true}}})
		if err != nil || !slices.Equal(ruleNames(found), want) {
			t.Errorf("%s: %v, %v", encoding, found, err)
		}
	}
}
