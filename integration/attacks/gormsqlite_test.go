//go:build unix

package attacks_test

import (
	"database/sql"
	"errors"
	"strings"
	"testing"

	"gorm.io/gorm"
	"gorm.io/gorm/callbacks"
	"gorm.io/gorm/clause"
	"gorm.io/gorm/logger"
	"gorm.io/gorm/schema"
)

// sqliteDialect lets GORM query SQLite. The published dialectors bring
// a second driver.
type sqliteDialect struct{ pool *sql.DB }

func (d sqliteDialect) Name() string { return "sqlite" }

func (d sqliteDialect) Initialize(db *gorm.DB) error {
	db.ConnPool = d.pool
	callbacks.RegisterDefaultCallbacks(db, &callbacks.Config{
		LastInsertIDReversed: true,
		CreateClauses:        []string{"INSERT", "VALUES", "ON CONFLICT", "RETURNING"},
		UpdateClauses:        []string{"UPDATE", "SET", "FROM", "WHERE", "RETURNING"},
		DeleteClauses:        []string{"DELETE", "FROM", "WHERE", "RETURNING"},
	})
	return nil
}

func (d sqliteDialect) Migrator(*gorm.DB) gorm.Migrator { return nil } // Config.Migrate does that

func (d sqliteDialect) DataTypeOf(*schema.Field) string { return "" }

func (d sqliteDialect) DefaultValueOf(*schema.Field) clause.Expression {
	return clause.Expr{SQL: "NULL"}
}

func (d sqliteDialect) BindVarTo(w clause.Writer, _ *gorm.Statement, _ any) { _ = w.WriteByte('?') }

func (d sqliteDialect) QuoteTo(w clause.Writer, name string) {
	for i, part := range strings.Split(name, ".") {
		if i > 0 {
			_ = w.WriteByte('.')
		}
		_, _ = w.WriteString("`" + strings.ReplaceAll(part, "`", "``") + "`")
	}
}

func (d sqliteDialect) Explain(text string, vars ...any) string {
	return logger.ExplainSQL(text, nil, `"`, vars...)
}

func openGORMOnSQLite(t *testing.T, pool *sql.DB, plugins ...gorm.Plugin) *gorm.DB {
	t.Helper()
	db, err := gorm.Open(sqliteDialect{pool}, &gorm.Config{Logger: logger.Discard, DisableAutomaticPing: true})
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range plugins {
		err = errors.Join(err, db.Use(p))
	}
	if err != nil {
		t.Fatal(err)
	}
	return db
}
