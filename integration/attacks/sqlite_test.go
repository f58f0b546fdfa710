//go:build unix

package attacks_test

import (
	"database/sql"
	"path/filepath"
	"testing"

	"entgo.io/ent/dialect"
	entsql "entgo.io/ent/dialect/sql"
	"github.com/jmoiron/sqlx"

	"github.com/reevehq/reeve/integration/attacks"
	"github.com/reevehq/reeve/integration/internal/entnote"
)

// onFiles is a stack with the attacks on files.
type onFiles struct {
	attacks.Stack
	path string
}

func (s onFiles) Cases() []attacks.Case {
	cases := attacks.Files(s.path)
	if e, ok := s.Stack.(attacks.Extra); ok {
		cases = append(cases, e.Cases()...)
	}
	return cases
}

// onSQLite are the stacks on a pool.
func onSQLite(t *testing.T, pool *sql.DB) map[string]attacks.Stack {
	t.Helper()
	return map[string]attacks.Stack{
		"database/sql": newSQL("database/sql", pool),
		"GORM":         &gormStack{"GORM", openGORMOnSQLite(t, pool, gormPlugin(t, false))},
		"ent":          &entStack{texts{pool}, pool, entnote.NewClient(entnote.Driver(entsql.OpenDB(dialect.SQLite, pool)))},
		"sqlx":         newSqlx(sqlx.NewDb(pool, "sqlite")),
	}
}

func TestSQLiteStopsEveryAttack(t *testing.T) {
	w := attacks.NewSQLite(t)
	for name, s := range onSQLite(t, w.DB) {
		t.Run(name, func(t *testing.T) { attacks.Run(t, w, onFiles{s, w.File(attacks.Victim)}) })
	}
}

func TestStacksOnSQLiteWorkForTheirOwnTenant(t *testing.T) {
	w := attacks.NewSQLite(t)
	for name, s := range onSQLite(t, w.DB) {
		t.Run(name, func(t *testing.T) { works(t, w, s) })
	}
}

// TestEveryAttackDoesHarmOnOneFileOfSQLite: what an attack could not do anyhow proves nothing.
// The attacks on files go to the one file by another name.
func TestEveryAttackDoesHarmOnOneFileOfSQLite(t *testing.T) {
	w := attacks.NewSQLiteWithoutWalls(t)
	var path string
	if err := w.DB.QueryRowContext(t.Context(), "SELECT file FROM pragma_database_list WHERE name = 'main'").Scan(&path); err != nil || !filepath.IsAbs(path) {
		t.Fatalf("%q, %v", path, err)
	}
	attacks.Live(t, w, onFiles{newSQL("database/sql", w.DB), path}, &gormStack{"GORM", openGORMOnSQLite(t, w.DB)})
}
