package pgxscope_test

import (
	"context"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/reevehq/reeve/session"
	"github.com/reevehq/reeve/tenant"
	"github.com/reevehq/reeve/tenant/pgxscope"
	"github.com/reevehq/reeve/tenant/rls"
)

// statuses answers for each tenant what a store would, and without any that it is down.
type statuses map[tenant.ID]tenant.Status

var errDown = errors.New("store down")

func (s statuses) TenantStatus(_ context.Context, id tenant.ID) (tenant.Status, error) {
	if s == nil {
		return tenant.Active, errDown // a status beside the error: it must not count
	}
	return s[id], nil
}

// server is a server that only counts who comes.
func server(t *testing.T) (*pgxpool.Pool, *atomic.Int64) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var came atomic.Int64
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			came.Add(1)
			c.Close()
		}
	}()
	pool := open(t, "postgres://app@"+l.Addr().String()+"/db?sslmode=disable")
	t.Cleanup(func() { l.Close() })
	return pool, &came
}

func open(t *testing.T, url string) *pgxpool.Pool {
	t.Helper()
	pool, err := pgxpool.New(t.Context(), url)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(pool.Close)
	return pool
}

// calls are everything that a DB sends.
var calls = map[string]func(ctx context.Context, db *pgxscope.DB) error{
	"Exec": func(ctx context.Context, db *pgxscope.DB) error {
		_, err := db.Exec(ctx, "select 1")
		return err
	},
	"Query": func(ctx context.Context, db *pgxscope.DB) error {
		rows, err := db.Query(ctx, "select 1")
		if rows == nil || err != rows.Err() || rows.Next() || rows.Conn() != nil || len(rows.FieldDescriptions()) > 0 || rows.RawValues() != nil || rows.CommandTag().String() != "" || rows.TypeMap() != nil {
			return errors.New("the rows do not have the error, or have more")
		}
		if _, values := rows.Values(); values != err || rows.Scan() != err {
			return errors.New("the rows have values")
		}
		rows.Close()
		return err
	},
	"QueryRow": func(ctx context.Context, db *pgxscope.DB) error {
		return db.QueryRow(ctx, "select 1").Scan(new(int))
	},
	"SendBatch": func(ctx context.Context, db *pgxscope.DB) error {
		var b pgx.Batch
		b.Queue("select 1")
		br := db.SendBatch(ctx, &b)
		_, err := br.Exec()
		if closed := br.Close(); closed != err {
			return errors.New("the end of a batch has another error")
		}
		return err
	},
	"CopyFrom": func(ctx context.Context, db *pgxscope.DB) error {
		_, err := db.CopyFrom(ctx, pgx.Identifier{"note"}, []string{"id"}, pgx.CopyFromRows([][]any{{1}}))
		return err
	},
	"Begin": func(ctx context.Context, db *pgxscope.DB) error {
		tx, err := db.Begin(ctx)
		if tx != nil {
			return errors.New("there is a transaction")
		}
		return err
	},
	"BeginTx": func(ctx context.Context, db *pgxscope.DB) error {
		_, err := db.BeginTx(ctx, pgx.TxOptions{IsoLevel: pgx.Serializable})
		return err
	},
	"InTx": func(ctx context.Context, db *pgxscope.DB) error {
		return db.InTx(ctx, pgx.TxOptions{}, func(pgx.Tx) error { return errors.New("it was called") })
	},
}

// broken is a context that cannot be had.
type broken struct {
	name, value string
	err         error
}

func (b broken) Setting(context.Context, tenant.ID) (name, value string, err error) {
	return b.name, b.value, b.err
}

func TestWithoutATenantThatMayBeServedNothingIsSent(t *testing.T) {
	acme, globex := tenant.MustParse("acme"), tenant.MustParse("globex")
	bound, err := tenant.BindUnchecked(t.Context(), acme)
	if err != nil {
		t.Fatal(err)
	}
	errKey := errors.New("no key")
	for name, row := range map[string]struct {
		ctx      context.Context
		statuses tenant.Statuses
		context  rls.Context
		want     error
	}{
		"no tenant":                              {t.Context(), statuses{acme: tenant.Active}, rls.Plain(), tenant.ErrNoScope},
		"no tenant, and any status":              {t.Context(), pgxscope.InsecureAnyStatus{}, rls.Plain(), tenant.ErrNoScope},
		"a suspended tenant":                     {bound, statuses{acme: tenant.Suspended, globex: tenant.Active}, rls.Plain(), tenant.ErrSuspended},
		"a tenant that was never set up":         {bound, statuses{globex: tenant.Active}, rls.Plain(), tenant.ErrUnknown},
		"a tenant of a status that there is not": {bound, statuses{acme: 77}, rls.Plain(), tenant.ErrUnknown},
		"a status that cannot be had":            {bound, statuses(nil), rls.Plain(), errDown},
		"a context that cannot be had":           {bound, statuses{acme: tenant.Active}, broken{"a.b", "c", errKey}, errKey},
	} {
		pool, came := server(t)
		db, err := pgxscope.New(pgxscope.Config{Pool: pool, Context: row.context, Statuses: row.statuses})
		if err != nil {
			t.Fatal(err)
		}
		for method, call := range calls {
			if err := call(row.ctx, db); !errors.Is(err, row.want) {
				t.Errorf("%s, %s: %v", name, method, err)
			}
		}
		if n := came.Load(); n != 0 {
			t.Errorf("%s: %d connections", name, n)
		}
	}
	for _, empty := range []broken{{"", "a", nil}, {"a.b", "", nil}} {
		pool, came := server(t)
		db, err := pgxscope.New(pgxscope.Config{Pool: pool, Context: empty, Statuses: pgxscope.InsecureAnyStatus{}})
		if err != nil {
			t.Fatal(err)
		}
		for method, call := range calls {
			if err := call(bound, db); err == nil || !strings.Contains(err.Error(), "is empty") {
				t.Errorf("%v, %s: %v", empty, method, err)
			}
		}
		if n := came.Load(); n != 0 {
			t.Errorf("%d connections", n)
		}
	}
	// The same calls do send something for a tenant that may be served.
	for method, call := range calls {
		pool, came := server(t)
		db, err := pgxscope.New(pgxscope.Config{Pool: pool, Context: rls.Plain(), Statuses: statuses{acme: tenant.Active}})
		if err != nil {
			t.Fatal(err)
		}
		if err := call(bound, db); err == nil || came.Load() == 0 {
			t.Errorf("%s sends nothing: %v", method, err)
		}
	}
}

func TestAConfigThatIsNoneSaysAllThatIsWrong(t *testing.T) {
	_, err := pgxscope.New(pgxscope.Config{})
	for _, want := range []string{"pgxscope: invalid config: Pool: required", "\nContext: required", "\nStatuses: required"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v does not say %s", err, want)
		}
	}
	pool := open(t, "postgres://app@127.0.0.1:1/db")
	for lacks, cfg := range map[string]pgxscope.Config{
		"Pool":     {Context: rls.Plain(), Statuses: statuses{}},
		"Context":  {Pool: pool, Statuses: statuses{}},
		"Statuses": {Pool: pool, Context: rls.Plain()},
	} {
		if db, err := pgxscope.New(cfg); db != nil || err == nil || !strings.Contains(err.Error(), "config: "+lacks+": required") {
			t.Errorf("without %s: %v", lacks, err)
		}
	}
	simple := open(t, "postgres://app@127.0.0.1:1/db?default_query_exec_mode=simple_protocol")
	_, err = pgxscope.New(pgxscope.Config{Pool: simple, Context: rls.Plain(), Statuses: statuses{}})
	if err == nil || !strings.Contains(err.Error(), "Pool: the simple protocol") {
		t.Error(err)
	}
}

func TestARefusedStatementIsNotSent(t *testing.T) {
	bound, err := tenant.BindUnchecked(t.Context(), tenant.MustParse("acme"))
	if err != nil {
		t.Fatal(err)
	}
	pool, came := server(t)
	db, err := pgxscope.New(pgxscope.Config{Pool: pool, Context: rls.Plain(), Statuses: pgxscope.InsecureAnyStatus{}})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := db.Exec(bound, "commit"); !errors.Is(err, pgxscope.ErrStatement) {
		t.Error(err)
	}
	if _, err := db.Query(bound, "set role x"); !errors.Is(err, pgxscope.ErrStatement) {
		t.Error(err)
	}
	if err := db.QueryRow(bound, "select set_config('a', 'b', true)").Scan(new(string)); !errors.Is(err, pgxscope.ErrStatement) {
		t.Error(err)
	}
	for name, queue := range map[string]func(*pgx.Batch){
		"a text":                  func(b *pgx.Batch) { b.Queue("select 1"); b.Queue("reset all") },
		"a batch's own beginning": func(b *pgx.Batch) { b.BeginTx(pgx.TxOptions{}) },
	} {
		var b pgx.Batch
		queue(&b)
		if err := db.SendBatch(bound, &b).Close(); !errors.Is(err, pgxscope.ErrStatement) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if n := came.Load(); n != 0 {
		t.Errorf("%d connections", n)
	}
}

func TestAPoolForScopesAloneRefusesOthers(t *testing.T) {
	bound, err := tenant.BindUnchecked(t.Context(), tenant.MustParse("acme"))
	if err != nil {
		t.Fatal(err)
	}
	if ok, err := pgxscope.RequireScope(t.Context(), nil); !ok || !errors.Is(err, tenant.ErrNoScope) {
		t.Error(ok, err)
	}
	if ok, err := pgxscope.RequireScope(bound, nil); !ok || err != nil {
		t.Error(ok, err)
	}
}

// A value that holds the pool and the signer prints neither a password nor a key.
func TestNoPrinterShowsAPasswordOrAKey(t *testing.T) {
	const password, key = "hunter2hunter2", "0123456789abcdefghijklmnopqrstuv"
	pool := open(t, "postgres://app:"+password+"@127.0.0.1:1/db")
	signer, err := rls.NewSigner(rls.SignerConfig{Key: session.NewSecretKey([]byte(key)), KeyID: "k1"})
	if err != nil {
		t.Fatal(err)
	}
	config := pgxscope.Config{Pool: pool, Context: signer, Statuses: pgxscope.InsecureAnyStatus{}}
	db, err := pgxscope.New(config)
	if err != nil {
		t.Fatal(err)
	}
	for _, v := range []any{config, &config, db, *db} {
		var log strings.Builder
		slog.New(slog.NewJSONHandler(&log, nil)).Info("x", "v", v)
		encoded, _ := json.Marshal(v)
		for _, text := range []string{fmt.Sprintf("%v %+v %#v %s", v, v, v, v), log.String(), string(encoded)} {
			if strings.Contains(text, password) || strings.Contains(text, key) || strings.Contains(text, hex.EncodeToString([]byte(key))) {
				t.Errorf("%T prints %s", v, text)
			}
		}
	}
}
