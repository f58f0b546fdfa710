//go:build unix && !race

// SQLite in Go takes a minute to compile with the race detector, which finds nothing here.

package integration_test

import (
	"bytes"
	"context"
	"database/sql"
	"errors"
	"path/filepath"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgtype"
	_ "github.com/jackc/pgx/v5/stdlib"
	_ "github.com/lib/pq"
	_ "modernc.org/sqlite"

	"github.com/reevehq/reeve/integration/pgserver"
	"github.com/reevehq/reeve/session"
	"github.com/reevehq/reeve/tenant"
)

const theUUID = "6b8b4567-327b-4323-8e8a-1f1d4b2c0a11"

// scanRow reads the columns of one row of one statement.
type scanRow func(t *testing.T, dest []any, query string, args ...any) error

// TestIDsAreReadAndWrittenByEveryDriver: what a column does not say is nobody, whichever driver
// reads it and in whichever form it is sent.
func TestIDsAreReadAndWrittenByEveryDriver(t *testing.T) {
	database := func(driver, address string) scanRow {
		db, err := sql.Open(driver, address)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = db.Close() })
		return func(t *testing.T, dest []any, query string, args ...any) error {
			return db.QueryRowContext(t.Context(), query, args...).Scan(dest...)
		}
	}
	postgres := pgserver.New(t).Database(t).App()
	conn, err := pgx.Connect(t.Context(), postgres)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close(context.Background()) })
	native := func(mode pgx.QueryExecMode) scanRow {
		return func(t *testing.T, dest []any, query string, args ...any) error {
			return conn.QueryRow(t.Context(), query, append([]any{mode}, args...)...).Scan(dest...)
		}
	}
	for name, row := range map[string]struct {
		scan           scanRow
		echo, null, no string // what is bound comes back; NULL; text that is no id
		uuid           string
	}{
		"sqlite":              {database("sqlite", filepath.Join(t.TempDir(), "a.db")), "SELECT ?, ?", "SELECT NULL, NULL", "SELECT '', ' '", ""},
		"pgx":                 {native(pgx.QueryExecModeCacheStatement), "SELECT $1::text, $2::text", "SELECT NULL::text, NULL::text", "SELECT ''::text, ' '::text", "SELECT $1::uuid"},
		"pgx varchar":         {native(pgx.QueryExecModeCacheDescribe), "SELECT $1::varchar, $2::varchar", "SELECT NULL::varchar, NULL::varchar", "SELECT ''::varchar, ' '::varchar", "SELECT $1::uuid"},
		"pgx simple protocol": {native(pgx.QueryExecModeSimpleProtocol), "SELECT $1::text, $2::text", "SELECT NULL::text, NULL::text", "SELECT ''::text, ' '::text", "SELECT $1::uuid"},
		"lib/pq":              {database("postgres", postgres), "SELECT $1::text, $2::text", "SELECT NULL::text, NULL::text", "SELECT ''::text, ' '::text", "SELECT $1::uuid"},
		"pgx stdlib":          {database("pgx", postgres), "SELECT $1::text, $2::text", "SELECT NULL::text, NULL::text", "SELECT 'acme'::char(8), 'alice'::char(8)", "SELECT $1::uuid"},
	} {
		t.Run(name, func(t *testing.T) {
			id, user := tenant.MustParse("org_2abcDEF"), session.MustParseUserID("auth0|ümit")
			someone := func() (tenant.ID, session.UserID) {
				return tenant.MustParse("before"), session.MustParseUserID("before")
			}

			gotID, gotUser := someone()
			if err := row.scan(t, []any{&gotID, &gotUser}, row.echo, id, user); err != nil || gotID != id || gotUser != user {
				t.Errorf("%q, %q come back as %q, %q: %v", id, user, gotID, gotUser, err)
			}
			pointerID, pointerUser := &gotID, &gotUser
			nullID, nullUser := sql.Null[tenant.ID]{V: id, Valid: true}, sql.Null[session.UserID]{V: user, Valid: true}
			if err := row.scan(t, []any{&pointerID, &pointerUser}, row.echo, &id, &user); err != nil || *pointerID != id || *pointerUser != user {
				t.Errorf("pointers: %v", err)
			}
			if err := row.scan(t, []any{&nullID, &nullUser}, row.echo, nullID, nullUser); err != nil || nullID.V != id || nullUser.V != user {
				t.Errorf("sql.Null: %v, %v, %v", nullID, nullUser, err)
			}

			// NULL.
			gotID, gotUser = someone()
			if err := row.scan(t, []any{&gotID, &gotUser}, row.null); err == nil || !gotID.IsZero() {
				t.Errorf("NULL is the tenant %q: %v", gotID, err)
			}
			if err := row.scan(t, []any{new(any), &gotUser}, row.null); err == nil || !gotUser.IsZero() {
				t.Errorf("NULL is the user %q: %v", gotUser, err)
			}
			if err := row.scan(t, []any{&pointerID, &pointerUser}, row.null); err != nil || pointerID != nil || pointerUser != nil {
				t.Errorf("NULL is %v, %v: %v", pointerID, pointerUser, err)
			}
			if err := row.scan(t, []any{&nullID, &nullUser}, row.null); err != nil || nullID.Valid || nullUser.Valid || !nullID.V.IsZero() || !nullUser.V.IsZero() {
				t.Errorf("NULL is %v, %v: %v", nullID, nullUser, err)
			}
			if err := row.scan(t, []any{&pointerID, &pointerUser}, row.echo, (*tenant.ID)(nil), (*session.UserID)(nil)); err != nil || pointerID != nil || pointerUser != nil {
				t.Errorf("nil is written as %v, %v: %v", pointerID, pointerUser, err)
			}

			// No ids.
			gotID, gotUser = someone()
			if err := row.scan(t, []any{&gotID, new(any)}, row.no); !errors.Is(err, tenant.ErrInvalidID) || !gotID.IsZero() {
				t.Errorf("no id is the tenant %q: %v", gotID, err)
			}
			if err := row.scan(t, []any{new(any), &gotUser}, row.no); !errors.Is(err, session.ErrInvalidID) || !gotUser.IsZero() {
				t.Errorf("no id is the user %q: %v", gotUser, err)
			}
			var text any
			if err := row.scan(t, []any{&text, new(any)}, row.echo, tenant.ID{}, user); !errors.Is(err, tenant.ErrInvalidID) {
				t.Errorf("the zero tenant is written as %q: %v", text, err)
			}
			if err := row.scan(t, []any{new(any), &text}, row.echo, id, session.UserID{}); !errors.Is(err, session.ErrInvalidID) {
				t.Errorf("the zero user is written as %q: %v", text, err)
			}

			// A column of another type.
			if row.uuid == "" {
				return
			}
			gotID, gotUser = someone()
			if err := row.scan(t, []any{&gotID}, row.uuid, theUUID); err != nil || gotID.String() != theUUID {
				t.Errorf("a uuid is the tenant %q: %v", gotID, err)
			}
			if err := row.scan(t, []any{&gotUser}, row.uuid, session.MustParseUserID(theUUID)); err != nil || gotUser.String() != theUUID {
				t.Errorf("a uuid is the user %q: %v", gotUser, err)
			}
			gotID, gotUser = someone()
			if err := row.scan(t, []any{&gotID, &gotUser}, "SELECT 7, 7"); err == nil && gotID.String() != "7" {
				t.Errorf("a number is the tenant %q: %v", gotID, err)
			}
		})
	}
}

// TestIDsTakeTheirOwnWayThroughPgx: pgx would write whatever prints itself by its String, and so
// the zero as an empty text.
func TestIDsTakeTheirOwnWayThroughPgx(t *testing.T) {
	m := pgtype.NewMap()
	for _, oid := range []uint32{pgtype.TextOID, pgtype.VarcharOID, pgtype.UUIDOID, 0} {
		for _, format := range []int16{pgtype.TextFormatCode, pgtype.BinaryFormatCode} {
			for _, zero := range []any{tenant.ID{}, session.UserID{}, new(tenant.ID), new(session.UserID)} {
				if b, err := m.Encode(oid, format, zero, nil); err == nil {
					t.Errorf("%T, type %d, format %d: the zero is written as %q", zero, oid, format, b)
				}
			}
		}
	}
	ids := []tenant.ID{tenant.MustParse("acme"), tenant.MustParse("globex")}
	text, err := m.Encode(pgtype.TextArrayOID, pgtype.TextFormatCode, ids, nil)
	if err != nil || !bytes.Equal(text, []byte("{acme,globex}")) {
		t.Errorf("a list is %q, %v", text, err)
	}
	var back []tenant.ID
	if err := m.Scan(pgtype.TextArrayOID, pgtype.TextFormatCode, text, &back); err != nil || len(back) != 2 || back[1] != ids[1] {
		t.Errorf("a list comes back as %v, %v", back, err)
	}
	if err := m.Scan(pgtype.TextArrayOID, pgtype.TextFormatCode, []byte(`{acme,NULL}`), &back); err == nil {
		t.Errorf("NULL in a list is %v", back)
	}
}
