package sqlscope_test

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/reevehq/reeve/tenant"
	"github.com/reevehq/reeve/tenant/rls"
	"github.com/reevehq/reeve/tenant/sqlscope"
)

const acme = "set reeve.tenant=acme"

func TestAStatementRunsInATransactionOfItsTenant(t *testing.T) {
	r := &recorder{}
	db := open(t, r)
	if _, err := db.ExecContext(in(t, "acme"), "UPDATE note", "x"); err != nil {
		t.Fatal(err)
	}
	sends(t, r, "BEGIN", acme, "UPDATE note x", "COMMIT")
	if _, err := db.ExecContext(in(t, "globex"), "UPDATE note"); err != nil {
		t.Fatal(err)
	}
	sends(t, r, "BEGIN", "set reeve.tenant=globex", "UPDATE note", "COMMIT")
	var n int
	if err := db.QueryRowContext(in(t, "acme"), "SELECT n").Scan(&n); err != nil {
		t.Fatal(err)
	}
	sends(t, r, "BEGIN", acme, "SELECT n", "next", "close rows", "COMMIT")
	if opened, _ := r.counts(); opened != 1 {
		t.Errorf("%d connections: a good one was dropped", opened)
	}
}

func TestAFailedStatementIsRolledBack(t *testing.T) {
	broken := errors.New("broken")
	for _, text := range []string{"SELECT n", "next", "close rows"} {
		r := &recorder{do: func(sent string) error {
			if sent == text {
				return broken
			}
			return nil
		}}
		db := open(t, r)
		var n int
		if err := db.QueryRowContext(in(t, "acme"), "SELECT n").Scan(&n); !errors.Is(err, broken) {
			t.Errorf("%s: %v", text, err)
		}
		sent := r.took()
		if slices.Contains(sent, "COMMIT") || sent[len(sent)-1] != "ROLLBACK" {
			t.Errorf("%s fails: sent %q", text, sent)
		}
		r.do = nil
		if _, err := db.ExecContext(in(t, "acme"), "UPDATE note"); err != nil {
			t.Error(err)
		}
		if opened, _ := r.counts(); opened != 1 {
			t.Errorf("%s: a connection whose rollback was answered is dropped", text)
		}
	}
}

// TestACommitThatFailsIsHeard: database/sql drops the error of closing at the last row.
func TestACommitThatFailsIsHeard(t *testing.T) {
	refused := errors.New("deferred constraint")
	for _, is := range []error{refused, driver.ErrBadConn} {
		r := &recorder{do: func(sent string) error {
			if sent == "COMMIT" {
				return is
			}
			return nil
		}}
		db := open(t, r)
		rows, err := db.QueryContext(in(t, "acme"), "INSERT … RETURNING n")
		if err != nil {
			t.Fatal(err)
		}
		for rows.Next() {
		}
		if err := rows.Err(); err == nil || !strings.Contains(err.Error(), is.Error()) {
			t.Errorf("%v: rows.Err is %v", is, err)
		}
		rows.Close()
		if _, err := db.ExecContext(in(t, "acme"), "INSERT"); err == nil || errors.Is(err, driver.ErrBadConn) {
			t.Errorf("%v: Exec is %v", is, err)
		}
		if n := len(slices.DeleteFunc(r.took(), func(s string) bool { return s != "INSERT" })); n != 1 {
			t.Errorf("%v: the statement was sent %d times, although the first may have been done", is, n)
		}
		if _, closed := r.counts(); closed != 2 {
			t.Errorf("%v: %d connections closed of 2 with an unknown end", is, closed)
		}
	}
}

func TestTheRowsOfAnEndedContextAreRolledBack(t *testing.T) {
	r := &recorder{rows: func(string) []int64 { return []int64{1, 2, 3} }}
	db := open(t, r)
	ctx, cancel := context.WithCancel(in(t, "acme"))
	rows, err := db.QueryContext(ctx, "SELECT n")
	if err != nil {
		t.Fatal(err)
	}
	rows.Next()
	cancel()
	for rows.Next() {
	}
	rows.Close()
	if sent := r.took(); slices.Contains(sent, "COMMIT") || sent[len(sent)-1] != "ROLLBACK" {
		t.Errorf("sent %q", sent)
	}
}

func TestATransactionSetsItsTenantOnce(t *testing.T) {
	r := &recorder{}
	db := open(t, r)
	ctx := in(t, "acme")
	tx, err := db.BeginTx(ctx, &sql.TxOptions{ReadOnly: true})
	if err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if _, err := tx.ExecContext(ctx, "UPDATE note"); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := tx.ExecContext(in(t, "globex"), "UPDATE note"); !errors.Is(err, tenant.ErrMismatch) {
		t.Errorf("a statement of another tenant: %v", err)
	}
	if _, err := tx.QueryContext(in(t, "globex"), "SELECT n"); !errors.Is(err, tenant.ErrMismatch) {
		t.Errorf("a query of another tenant: %v", err)
	}
	if _, err := tx.PrepareContext(in(t, "globex"), "SELECT n"); !errors.Is(err, tenant.ErrMismatch) {
		t.Errorf("a preparation by another tenant: %v", err)
	}
	if err := tx.Commit(); err != nil {
		t.Fatal(err)
	}
	sends(t, r, "BEGIN READ ONLY", acme, "UPDATE note", "UPDATE note", "COMMIT")
	if _, err := db.ExecContext(in(t, "globex"), "UPDATE note"); err != nil {
		t.Errorf("after the transaction: %v", err)
	}
}

func TestTheStatusIsAskedForEachTime(t *testing.T) {
	for name, want := range map[string]error{"late": tenant.ErrSuspended, "new": tenant.ErrUnknown, "nobody": errOutage} {
		r := &recorder{}
		db := open(t, r)
		if _, err := db.ExecContext(in(t, name), "UPDATE note"); !errors.Is(err, want) {
			t.Errorf("%s: Exec is %v", name, err)
		}
		if _, err := db.BeginTx(in(t, name), nil); !errors.Is(err, want) {
			t.Errorf("%s: BeginTx is %v", name, err)
		}
		if _, err := db.PrepareContext(in(t, name), "SELECT n"); !errors.Is(err, want) {
			t.Errorf("%s: Prepare is %v", name, err)
		}
		sends(t, r)
	}
	changing := statuses{"acme": tenant.Active}
	r := &recorder{}
	db, err := sqlscope.OpenDB(sqlscope.Config{Connector: r, Context: rls.Plain(), Statuses: changing})
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	tx, err := db.BeginTx(in(t, "acme"), nil)
	if err != nil {
		t.Fatal(err)
	}
	changing["acme"] = tenant.Suspended
	if _, err := tx.ExecContext(in(t, "acme"), "UPDATE note"); !errors.Is(err, tenant.ErrSuspended) {
		t.Errorf("a tenant suspended within its transaction: %v", err)
	}
	if err := tx.Rollback(); err != nil {
		t.Error(err)
	}
	sends(t, r, "BEGIN", acme, "ROLLBACK")
}

func TestAPreparedStatementIsOfTheTenantThatExecutesIt(t *testing.T) {
	r := &recorder{}
	db := open(t, r)
	s, err := db.PrepareContext(in(t, "acme"), "SELECT n")
	if err != nil {
		t.Fatal(err)
	}
	var n int
	if err := s.QueryRowContext(in(t, "globex")).Scan(&n); err != nil {
		t.Fatal(err)
	}
	if _, err := s.ExecContext(in(t, "acme")); err != nil {
		t.Fatal(err)
	}
	sends(t, r, "prepare SELECT n", "BEGIN", "set reeve.tenant=globex", "execute SELECT n", "next", "close rows", "COMMIT",
		"BEGIN", acme, "execute SELECT n", "COMMIT")
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
}

// TestNothingIsSentWithoutATenant calls every exported method of what database/sql has that may
// send something, so that a method of a later Go is called too.
func TestNothingIsSentWithoutATenant(t *testing.T) {
	r := &recorder{}
	db := open(t, r)
	db.SetMaxOpenConns(4)
	ctx := in(t, "acme")
	tx, err := db.BeginTx(ctx, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer tx.Rollback() // the recorder's
	conn, err := db.Conn(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	s, err := db.PrepareContext(ctx, "SELECT n")
	if err != nil {
		t.Fatal(err)
	}
	r.took()

	// These send no statement.
	silent := map[string]bool{
		"Close": true, "Driver": true, "Stats": true, "SetConnMaxIdleTime": true, "SetConnMaxLifetime": true, "SetMaxIdleConns": true,
		"SetMaxOpenConns": true, "Ping": true, "PingContext": true, "Conn": true, "Commit": true, "Rollback": true, "Raw": true,
		"Stmt": true, "StmtContext": true,
	}
	called := 0
	for name, object := range map[string]any{"DB": db, "Tx": tx, "Conn": conn, "Stmt": s, "Tx.Stmt": tx.StmtContext(ctx, s)} {
		v := reflect.ValueOf(object)
		for i := range v.NumMethod() {
			method := v.Type().Method(i).Name
			if silent[method] {
				continue
			}
			r.took()
			called++
			if err := call(v.Method(i)); !errors.Is(err, tenant.ErrNoScope) {
				t.Errorf("%s.%s: %v", name, method, err)
			}
			sends(t, r)
		}
	}
	if called < 25 {
		t.Errorf("%d methods were called: the walk is broken", called)
	}
}

// call calls a method with a context of no tenant and a harmless text, and returns its error.
func call(m reflect.Value) error {
	var args []reflect.Value
	for i := range m.Type().NumIn() {
		switch in := m.Type().In(i); {
		case in == reflect.TypeFor[context.Context]():
			args = append(args, reflect.ValueOf(context.Background()))
		case in.Kind() == reflect.String:
			args = append(args, reflect.ValueOf("SELECT n"))
		case m.Type().IsVariadic() && i == m.Type().NumIn()-1:
		default:
			args = append(args, reflect.Zero(in))
		}
	}
	for _, out := range m.Call(args) {
		switch out := out.Interface().(type) {
		case error:
			return out
		case *sql.Row:
			return out.Err()
		}
	}
	return nil
}

func TestAConfigIsComplete(t *testing.T) {
	_, err := sqlscope.OpenDB(sqlscope.Config{})
	if err == nil {
		t.Fatal("the zero Config builds")
	}
	for _, field := range []string{"sqlscope: invalid config: ", "Connector: ", "Context: ", "Statuses: "} {
		if !strings.Contains(err.Error(), field) {
			t.Errorf("%q does not name %s", err, field)
		}
	}
	if status, err := (sqlscope.InsecureAnyStatus{}).TenantStatus(t.Context(), tenant.MustParse("acme")); status != tenant.Active || err != nil {
		t.Errorf("any status: %v, %v", status, err)
	}
}

// odd is a context of a setting that a test chooses.
type odd struct {
	name, value string
	err         error
}

func (o odd) Setting(context.Context, tenant.ID) (name, value string, err error) {
	return o.name, o.value, o.err
}

func TestAContextThatSaysNothingIsAnError(t *testing.T) {
	for _, o := range []odd{{"", "x", nil}, {"x", "", nil}, {"x", "y", errOutage}} {
		r := &recorder{}
		db, err := sqlscope.OpenDB(sqlscope.Config{Connector: r, Context: o, Statuses: served})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := db.ExecContext(in(t, "acme"), "UPDATE note"); err == nil {
			t.Errorf("%+v is a context", o)
		}
		sends(t, r)
		db.Close()
	}
}
