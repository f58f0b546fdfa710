package rls

import (
	"bytes"
	"context"
	"database/sql"
	"fmt"
)

// Execer is a *sql.DB, *sql.Conn or *sql.Tx.
type Execer interface {
	ExecContext(ctx context.Context, query string, args ...any) (sql.Result, error)
}

// InstallKey lets the database accept the contexts of this signer, beside those of others. It
// runs as the owner, after [SetupSQL], and again changes nothing. The database gets the key of
// this KeyID, Database and Role, from which the configured one cannot be told.
//
// A key is replaced in three steps: install the new one, have all services sign with it, and
// [RemoveKey] the old one.
func (s *Signer) InstallKey(ctx context.Context, db Execer) error {
	inner, outer := bytes.Repeat([]byte{0x36}, 64), bytes.Repeat([]byte{0x5c}, 64)
	for i, b := range s.derived() {
		inner[i] ^= b
		outer[i] ^= b
	}
	_, err := db.ExecContext(ctx, `INSERT INTO reeve.context_key AS k (id, inner_pad, outer_pad, database, role)
		VALUES ($1, $2, $3, $4, $5)
		ON CONFLICT (id) DO UPDATE SET inner_pad = $2, outer_pad = $3, database = $4, role = $5`,
		s.keyID, inner, outer, s.database, s.role)
	if err != nil {
		return fmt.Errorf("rls: install the key %s: %w", s.keyID, err)
	}
	return nil
}

// RemoveKey ends what was signed with a key, at once. A key that is not there is no error.
func RemoveKey(ctx context.Context, db Execer, keyID string) error {
	if _, err := db.ExecContext(ctx, `DELETE FROM reeve.context_key WHERE id = $1`, keyID); err != nil {
		return fmt.Errorf("rls: remove the key %s: %w", keyID, err)
	}
	return nil
}
