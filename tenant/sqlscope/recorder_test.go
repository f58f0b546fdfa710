package sqlscope_test

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"io"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/reevehq/reeve/tenant"
	"github.com/reevehq/reeve/tenant/rls"
	"github.com/reevehq/reeve/tenant/sqlscope"
)

// recorder is a driver that keeps what it is sent, and does what a test tells it.
type recorder struct {
	mu     sync.Mutex
	sent   []string
	opened int
	closed int
	left   bool                      // what the query that enters answers
	stale  int                       // so many times it answers that a statement was replaced
	set    string                    // the settings of the session that it answers
	do     func(sent string) error   // may fail, panic or cancel
	rows   func(text string) []int64 // of a query, default one row
}

func (r *recorder) Connect(context.Context) (driver.Conn, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.opened++
	return &recording{r: r}, nil
}

func (r *recorder) Driver() driver.Driver { panic("the driver inside is out of reach") }

func (r *recorder) send(text string) error {
	r.mu.Lock()
	r.sent = append(r.sent, text)
	do := r.do
	r.mu.Unlock()
	if do != nil {
		return do(text)
	}
	return nil
}

// took returns what was sent since the last time.
func (r *recorder) took() []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	sent := r.sent
	r.sent = nil
	return sent
}

func (r *recorder) counts() (opened, closed int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.opened, r.closed
}

// recording is a connection of a recorder.
type recording struct{ r *recorder }

// Secret is a method that sql.Conn.Raw must not reach.
func (c *recording) Secret() {}

func (c *recording) Prepare(text string) (driver.Stmt, error) {
	return &recordingStmt{c, text}, c.r.send("prepare " + text)
}

func (c *recording) Close() error {
	c.r.mu.Lock()
	defer c.r.mu.Unlock()
	c.r.closed++
	return nil
}

func (c *recording) Begin() (driver.Tx, error) { panic("BeginTx is there") }

func (c *recording) BeginTx(_ context.Context, opts driver.TxOptions) (driver.Tx, error) {
	text := "BEGIN"
	if opts.ReadOnly {
		text += " READ ONLY"
	}
	return recordingTx{c.r}, c.r.send(text)
}

func (c *recording) ExecContext(_ context.Context, text string, args []driver.NamedValue) (driver.Result, error) {
	return driver.RowsAffected(1), c.r.send(written(text, args))
}

func (c *recording) QueryContext(_ context.Context, text string, args []driver.NamedValue) (driver.Rows, error) {
	if err := c.r.send(written(text, args)); err != nil {
		return nil, err
	}
	return c.r.answer(text, args), nil
}

func (c *recording) CheckNamedValue(v *driver.NamedValue) error {
	if s, ok := v.Value.(special); ok {
		v.Value = "special " + string(s)
		return nil
	}
	return driver.ErrSkip
}

// special is a type that this driver alone knows.
type special string

func (r *recorder) answer(text string, args []driver.NamedValue) driver.Rows {
	if strings.Contains(text, "set_config") {
		r.stale--
		return &recordedRows{rows: [][]driver.Value{{args[1].Value, r.left, r.stale >= 0, r.set}}}
	}
	values := []int64{1}
	if r.rows != nil {
		values = r.rows(text)
	}
	rows := &recordedRows{r: r}
	for _, v := range values {
		rows.rows = append(rows.rows, []driver.Value{v})
	}
	return rows
}

func written(text string, args []driver.NamedValue) string {
	if strings.Contains(text, "set_config") {
		return "set " + args[0].Value.(string) + "=" + args[1].Value.(string)
	}
	for _, a := range args {
		if s, ok := a.Value.(string); ok {
			text += " " + s
		}
	}
	return text
}

type recordingTx struct{ r *recorder }

func (t recordingTx) Commit() error   { return t.r.send("COMMIT") }
func (t recordingTx) Rollback() error { return t.r.send("ROLLBACK") }

type recordingStmt struct {
	c    *recording
	text string
}

func (s *recordingStmt) Close() error                               { return s.c.r.send("close " + s.text) }
func (s *recordingStmt) NumInput() int                              { return -1 }
func (s *recordingStmt) Exec([]driver.Value) (driver.Result, error) { panic("ExecContext is there") }
func (s *recordingStmt) Query([]driver.Value) (driver.Rows, error)  { panic("QueryContext is there") }

func (s *recordingStmt) ExecContext(_ context.Context, args []driver.NamedValue) (driver.Result, error) {
	return driver.RowsAffected(1), s.c.r.send("execute " + written(s.text, args))
}

func (s *recordingStmt) QueryContext(_ context.Context, args []driver.NamedValue) (driver.Rows, error) {
	if err := s.c.r.send("execute " + written(s.text, args)); err != nil {
		return nil, err
	}
	return s.c.r.answer(s.text, args), nil
}

type recordedRows struct {
	r    *recorder
	rows [][]driver.Value
}

func (r *recordedRows) Columns() []string {
	if len(r.rows) > 0 {
		return make([]string, len(r.rows[0]))
	}
	return []string{"n"}
}

func (r *recordedRows) Close() error {
	if r.r != nil {
		return r.r.send("close rows")
	}
	return nil
}

func (r *recordedRows) Next(dest []driver.Value) error {
	if len(r.rows) == 0 {
		return io.EOF
	}
	if r.r != nil {
		if err := r.r.send("next"); err != nil {
			return err
		}
	}
	copy(dest, r.rows[0])
	r.rows = r.rows[1:]
	return nil
}

// statuses are the status of each tenant in a test.
type statuses map[string]tenant.Status

var errOutage = errors.New("the store is away")

func (s statuses) TenantStatus(_ context.Context, id tenant.ID) (tenant.Status, error) {
	status, known := s[id.String()]
	if !known {
		return tenant.Unknown, errOutage
	}
	return status, nil
}

var served = statuses{"acme": tenant.Active, "globex": tenant.Active, "late": tenant.Suspended, "new": tenant.Unknown}

// open returns a scoped pool of one connection over a recorder.
func open(t *testing.T, r *recorder) *sql.DB {
	t.Helper()
	db, err := sqlscope.OpenDB(sqlscope.Config{Connector: r, Context: rls.Plain(), Statuses: served})
	if err != nil {
		t.Fatal(err)
	}
	db.SetMaxOpenConns(1)
	t.Cleanup(func() {
		if err := db.Close(); err != nil {
			t.Error(err)
		}
	})
	return db
}

// in returns a context of a tenant.
func in(t *testing.T, name string) context.Context {
	t.Helper()
	ctx, err := tenant.BindUnchecked(t.Context(), tenant.MustParse(name))
	if err != nil {
		t.Fatal(err)
	}
	return ctx
}

// sends fails the test unless the recorder was sent this since the last time.
func sends(t *testing.T, r *recorder, want ...string) {
	t.Helper()
	if got := r.took(); !slices.Equal(got, want) {
		t.Errorf("sent %q, want %q", got, want)
	}
}
