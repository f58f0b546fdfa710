//go:build unix

package attacks_test

import (
	"context"
	"fmt"
	"testing"

	"github.com/jmoiron/sqlx"

	"github.com/reevehq/reeve/integration/attacks"
)

// sqlxStack is SQL by hand, by the functions of sqlx.
type sqlxStack struct {
	sqlxTexts
	db *sqlx.DB
}

func newSqlx(db *sqlx.DB) *sqlxStack { return &sqlxStack{sqlxTexts{db}, db} }

func (s *sqlxStack) Name() string         { return "sqlx" }
func (s *sqlxStack) Store() attacks.Store { return sqlStore{s.sqlxTexts} }

func (s *sqlxStack) Tx(ctx context.Context, fn func(attacks.Runner) error) error {
	tx, err := s.db.BeginTxx(ctx, nil)
	if err != nil {
		return err
	}
	defer tx.Rollback() // after Commit it does nothing
	if err := fn(sqlxTexts{tx}); err != nil {
		return err
	}
	return tx.Commit()
}

// sqlxTexts prepares what it is asked, and scans rows without a type.
type sqlxTexts struct {
	q interface {
		sqlx.QueryerContext
		sqlx.ExecerContext
		PreparexContext(ctx context.Context, text string) (*sqlx.Stmt, error)
	}
}

func (r sqlxTexts) Query(ctx context.Context, text string) ([][]string, error) {
	return r.ask(ctx, text)
}

func (r sqlxTexts) Exec(ctx context.Context, text string) (int64, error) {
	n, err := r.do(ctx, text)
	return int64(n), err
}

func (r sqlxTexts) ask(ctx context.Context, text string, args ...any) ([][]string, error) {
	stmt, err := r.q.PreparexContext(ctx, text)
	if err != nil {
		return nil, err
	}
	defer stmt.Close()
	rows, err := stmt.QueryxContext(ctx, args...)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var all [][]string
	for rows.Next() {
		values, err := rows.SliceScan()
		if err != nil {
			return all, err
		}
		row := make([]string, len(values))
		for i, v := range values {
			switch v := v.(type) {
			case nil:
			case []byte:
				row[i] = string(v)
			default:
				row[i] = fmt.Sprint(v)
			}
		}
		all = append(all, row)
	}
	return all, rows.Err()
}

func (r sqlxTexts) do(ctx context.Context, text string, args ...any) (int, error) {
	result, err := r.q.ExecContext(ctx, text, args...)
	if err != nil {
		return 0, err
	}
	n, err := result.RowsAffected()
	return int(n), err
}

func TestSqlxStopsEveryAttack(t *testing.T) {
	w := attacks.NewPostgres(t)
	attacks.Run(t, w, newSqlx(sqlx.NewDb(scopedPool(t, connectors(t, w.App())["pgx"], w.Signer), "pgx")))
}

func TestSqlxWorksForItsOwnTenant(t *testing.T) {
	w := attacks.NewPostgres(t)
	works(t, w, newSqlx(sqlx.NewDb(scopedPool(t, connectors(t, w.App())["pgx"], w.Signer), "pgx")))
}
