package main

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"modernc.org/sqlite"
)

// busyTimeout is how long a connection waits for other writers.
const busyTimeout = 5 * time.Second

// openSQLite opens a database file, makes it when it is missing, and brings it to schema,
// which must be harmless to run again. Several processes may have one file open.
func openSQLite(ctx context.Context, path, schema string) (*sql.DB, error) {
	path, err := filepath.Abs(path)
	if err != nil {
		return nil, err
	}
	// SQLite gives its journals the mode of the file, so it is made before SQLite does.
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, err
	}
	if err := f.Close(); err != nil {
		return nil, err
	}
	inner, err := sqlite.NewConnector(dsn(path))
	if err != nil {
		return nil, err
	}
	db := sql.OpenDB(connector{inner})
	db.SetMaxOpenConns(4)
	// Of two processes that make one file a WAL at once SQLite refuses one, and waits for neither.
	began := time.Now()
	_, err = db.ExecContext(ctx, schema)
	for busy(err) && time.Since(began) < busyTimeout && ctx.Err() == nil {
		time.Sleep(time.Millisecond)
		_, err = db.ExecContext(ctx, schema)
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("%s: %w", filepath.Base(path), err), db.Close())
	}
	return db, nil
}

// dsn names a file with the settings of every connection: wait for other writers, let
// readers read meanwhile, and take the write lock when a transaction begins, so that what
// it reads cannot change before it writes.
func dsn(path string) string {
	path = filepath.ToSlash(path)
	if !strings.HasPrefix(path, "/") {
		path = "/" + path // a Windows drive
	}
	settings := url.Values{
		"_busy_timeout": {strconv.FormatInt(busyTimeout.Milliseconds(), 10)},
		"_journal_mode": {"WAL"},
		"_synchronous":  {"NORMAL"},
		"_txlock":       {"immediate"},
		"_defensive":    {"1"},
		"_dqs":          {"0"},
	}
	return (&url.URL{Scheme: "file", Path: path, RawQuery: settings.Encode()}).String()
}

// connector opens connections that cannot leave their file: no statement on them, however
// it came about, attaches another.
type connector struct{ driver.Connector }

func (c connector) Connect(ctx context.Context) (driver.Conn, error) {
	conn, err := c.Connector.Connect(ctx)
	if err != nil {
		return nil, err
	}
	guarded, ok := conn.(sqlite.AuthorizerRegisterer)
	if !ok {
		return nil, errors.Join(errors.New("sqlite: no authorizer"), conn.Close())
	}
	if err := guarded.RegisterAuthorizer(stayInside); err != nil {
		return nil, errors.Join(err, conn.Close())
	}
	return conn, nil
}

func stayInside(action sqlite.AuthorizerActionCode, _, _, _, _ string) sqlite.AuthorizerReturnCode {
	if action == sqlite.AuthAttach || action == sqlite.AuthDetach {
		return sqlite.AuthorizerDeny
	}
	return sqlite.AuthorizerOK
}

// busy reports whether err says that another writer held the file for too long.
func busy(err error) bool {
	const sqliteBusy = 5 // and, in higher bits, which kind
	var e *sqlite.Error
	return errors.As(err, &e) && e.Code()&0xff == sqliteBusy
}
