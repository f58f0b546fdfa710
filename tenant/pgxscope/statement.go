package pgxscope

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/jackc/pgx/v5"
)

// ErrStatement is returned for a text that is not to be run in the scope of a tenant. Nothing
// was sent.
var ErrStatement = errors.New("pgxscope: statement refused")

// statement returns a batch of the scope and one statement.
func (s scope) statement(sql string, args []any) (*pgx.Batch, error) {
	b := s.batch()
	return b, s.add(b, sql, args)
}

// statements returns a batch of the scope and copies of what is queued in queued, without the
// callbacks.
func (s scope) statements(queued *pgx.Batch) (*pgx.Batch, error) {
	b := s.batch()
	for _, q := range queued.QueuedQueries {
		if err := s.add(b, q.SQL, q.Arguments); err != nil {
			return nil, err
		}
	}
	return b, nil
}

func (s scope) add(b *pgx.Batch, sql string, args []any) error {
	var rewriter pgx.QueryRewriter // the last one: pgx takes that
	for len(args) > 0 && rewrites(args[0]) {
		rewriter, args = args[0].(pgx.QueryRewriter), args[1:]
	}
	if len(args) > 0 {
		switch option := args[0].(type) {
		case pgx.QueryExecMode, pgx.QueryResultFormats, pgx.QueryResultFormatsByOID:
			return fmt.Errorf("%w: %T is an option of the pool and not of one call", ErrStatement, option)
		}
	}
	if rewriter != nil { // it writes the text, which is looked at then
		b.Queue(sql, append([]any{checked{rewriter, s.name}}, args...)...)
		return nil
	}
	if err := check(sql, s.name); err != nil {
		return err
	}
	b.Queue(sql, args...)
	return nil
}

func rewrites(arg any) bool {
	_, is := arg.(pgx.QueryRewriter)
	return is
}

// checked is a rewriter whose texts are looked at before they are sent.
type checked struct {
	inner pgx.QueryRewriter
	name  string
}

func (c checked) RewriteQuery(ctx context.Context, conn *pgx.Conn, sql string, args []any) (string, []any, error) {
	sql, args, err := c.inner.RewriteQuery(ctx, conn, sql, args)
	if err == nil {
		err = check(sql, c.name)
	}
	return sql, args, err
}

// first are words that no statement of a scope begins with, and why.
var first = map[string]string{
	"begin": transaction, "start": transaction, "commit": transaction, "end": transaction, "rollback": transaction,
	"abort": transaction, "savepoint": transaction, "release": transaction,
	"prepare": session, "deallocate": session, "discard": session, "reset": session, "listen": session, "unlisten": session, "load": session,
	"do":   "a block can hide any of these: run it by another pool",
	"copy": "COPY has no place in a batch: use CopyFrom, or a query",
}

const (
	transaction = "a transaction begins and ends by Begin, Commit and Rollback"
	session     = "it would outlive the transaction in a session that the next tenant gets"
	tenants     = "the tenant is that of the context alone"
	runs        = "the function runs a text, which can hide any of these: run it by another pool"
)

// never are words that stand nowhere in a statement of a scope, and why.
var never = map[string]string{
	"set_config": tenants, "pg_settings": tenants,
	"query_to_xml": runs, "query_to_xmlschema": runs, "query_to_xml_and_xmlschema": runs, "ts_stat": runs, "ts_rewrite": runs,
}

// defaults are the objects whose settings ALTER changes for sessions to come.
var defaults = map[string]bool{"role": true, "user": true, "group": true, "database": true, "system": true}

// check returns an error for a text that would leave the scope's transaction, outlive it or set
// the setting of the given name.
func check(sql, name string) error {
	if why := refuse(sql, name); why != "" {
		return fmt.Errorf("%w: %s", ErrStatement, why)
	}
	return nil
}

// refuse returns why a text is refused, or "". Where a quote follows a backslash the text is read in
// both ways that a session may read it: which is not known here.
func refuse(sql, name string) string {
	if names(sql, name) {
		return tenants
	}
	if why := refuseRead(sql, false); why != "" || !strings.Contains(sql, `\'`) {
		return why
	}
	return refuseRead(sql, true)
}

// refuseRead is refuse for one way to read constants. In the other than PostgreSQL's own a semicolon
// may stand in one of them, and PostgreSQL runs one statement anyway.
func refuseRead(sql string, escapes bool) string {
	var words [4]string // the first ones
	var made temporary
	n, hold, constant := 0, false, false
	before := ""
	for rest := sql; ; {
		var w word
		if w, rest = next(rest, escapes); w.kind == end {
			break
		}
		if w.kind == semicolon && !escapes {
			if w, _ = next(rest, false); w.kind != end {
				return "one statement is allowed"
			}
			break
		}
		text := strings.ToLower(w.text)
		if w.kind == escaped {
			return "an identifier with Unicode escapes can hide any word"
		}
		if why := never[text]; why != "" {
			return why
		}
		made.read(text, w.kind == quoted)
		if w.kind == quoted {
			text = ""
		}
		constant = constant || w.kind == other && text == ""
		hold = hold || text == "hold" && words[0] == "declare" && before == "with"
		if n < len(words) && (w.kind != other || n > 0) {
			words[n] = text
			n++
		}
		before = text
	}
	switch why := first[words[0]]; {
	case n == 0:
		return "there is no statement"
	case why != "":
		return why
	case words[0] == "alter" && defaults[words[1]]:
		return "defaults of later sessions are no matter of a tenant"
	case words[0] == "set" && (made.schema || constant && words[2] == "search_path"):
		return "it can name the schema of temporary objects: write schemas as names, and never that one"
	case words[0] == "set":
		return refuseSet(words[1], words[2], words[3])
	case hold:
		return "a cursor WITH HOLD would be open for the next tenant"
	case made.into, made.object && !made.dropped && (words[0] == "create" || words[0] == "explain"):
		return leaves
	}
	return ""
}

// refuseSet is refuse for SET and the three words after it: a setting that ends with the
// transaction is allowed, for settings of PostgreSQL's own that name nobody.
func refuseSet(kind, name, after string) string {
	switch {
	case kind == "constraints", kind == "transaction":
		return ""
	case kind != "local":
		return session
	case name == "" || after == "." || name == "role" || name == "session" || name == "session_authorization":
		return tenants
	case name == "names" || name == "client_encoding":
		return "later texts would be read in another encoding than they are looked at"
	case name == "schema":
		return "a constant can name the schema of temporary objects: use search_path"
	}
	return ""
}
