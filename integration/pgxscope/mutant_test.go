//go:build unix

package pgxscope_test

import (
	"testing"
	"time"

	"github.com/reevehq/reeve/integration/internal/mutant"
	"github.com/reevehq/reeve/internal/testneed"
)

const mutated = "../../tenant/pgxscope"

// TestEachGuardThatIsRemovedIsMissed changes one guard at a time: a test must fail.
func TestEachGuardThatIsRemovedIsMissed(t *testing.T) {
	if !testneed.Soak() {
		t.Skip("builds and runs tests some fifty times; make soak does")
	}
	mutant.Run(t, mutants...)
}

// TestEachMutantChangesWhatIsThere is the cheap part of it.
func TestEachMutantChangesWhatIsThere(t *testing.T) { mutant.Stand(t, mutants...) }

var mutants = []mutant.Set{
	{Config: mutant.Config{Source: mutated, Package: ".", Tests: "TestEachCall", Timeout: time.Minute}, Mutants: onPostgres},
	{Config: mutant.Config{Source: mutated, Package: mutated, Tests: "."}, Mutants: withoutServer},
}

var onPostgres = []mutant.Mutant{
	{Name: "the setting outlives the transaction", File: "scope.go", Old: "$2, true)", New: "$2, false)", Tests: "NothingIsLeft|Pgbouncer"},
	{Name: "set_config is that of any schema", File: "scope.go", Old: "select pg_catalog.set_config", New: "select set_config", Tests: "Shadows"},
	{Name: "the scope is not sent", File: "scope.go", Old: "func (s scope) queue(b *pgx.Batch) { b.Queue(setConfig, s.name, s.value) }", New: `func (s scope) queue(b *pgx.Batch) { b.Queue("select $1::text, $2::text", s.name, s.value) }`},
	{Name: "the result of the scope is not read", File: "scope.go", Old: "if _, err := br.Exec(); err != nil {\n\t\t_ = br.Close() // it has the same error\n\t\treturn nil, plain(err)\n\t}\n", New: ""},
	{Name: "an error of pgx for batches is passed on", File: "scope.go", Old: "return e.Unwrap()", New: "return e", Tests: "AnErrorIsThatOfTheQuery"},
	{Name: "a statement of a transaction may be another tenant's", File: "tx.go", Old: "return t.db.within(ctx, t.id)", New: "return t.db.scope(ctx)", Tests: "Mismatch"},
	{Name: "the tenant of a transaction is not compared", File: "scope.go", Old: "if s.id != id {", New: "if false {", Tests: "Mismatch"},
	{Name: "a savepoint lives on after the commit", File: "tx.go", Old: "if t.closed || t.root.ended {\n\t\treturn scope{}", New: "if t.closed {\n\t\treturn scope{}", Tests: "Mismatch"},
	{Name: "a transaction lives on after the commit", File: "tx.go", Old: "if t.closed || t.root.ended {\n\t\treturn pgx", New: "if false {\n\t\treturn pgx", Tests: "Mismatch|Savepoint"},
	{Name: "a transaction begins without a scope", File: "tx.go", Old: "\ts.queue(&b)\n", New: "", Tests: "ErrorOfTheScope"},
	{Name: "a transaction has one context", File: "scope.go", Old: "s, err := db.scope(ctx)\n\tif err != nil {\n\t\treturn scope{}, err\n\t}\n\tif s.id", New: "s, err := scope{id, \"reeve.tenant\", id.String() + \".1\"}, error(nil)\n\tif err != nil {\n\t\treturn scope{}, err\n\t}\n\tif s.id", Tests: "ContextOfItsOwn"},
	{Name: "a commit has the context of an earlier statement", File: "tx.go", Old: "b := s.batch()\n\tb.Queue(t.root.commit)", New: "_ = s\n\tb := new(pgx.Batch)\n\tb.Queue(\"select 1\")\n\tb.Queue(t.root.commit)", Tests: "ContextOfItsOwn"},
	{Name: "a commit that is a rollback is none", File: "tx.go", Old: "TxStatus() != 'T'", New: "TxStatus() == 'I'", Tests: "TransactionThatFails"},
	{Name: "a suspended tenant commits", File: "tx.go", Old: "s, err := t.scope(ctx)\n\tif err != nil {\n\t\treturn err\n\t}\n\tt.closed = true", New: "s, err := scope{t.id, \"reeve.tenant\", t.id.String()}, error(nil)\n\tif err != nil {\n\t\treturn err\n\t}\n\tt.closed = true", Tests: "Suspended"},
	{Name: "a call that waited has the context of before", File: "scope.go", Old: "time.Since(from) < longWait", New: "time.Since(from) < 600*longWait", Tests: "Longer"},
	{Name: "a failure at the end of Exec is lost", File: "db.go", Old: "if end := br.Close(); err == nil {", New: "if end := br.Close(); false {", Tests: "Deferred"},
	{Name: "a failure at the end of rows is lost", File: "rows.go", Old: "r.err = end()", New: "_ = end()", Tests: "Deferred"},
	{Name: "a failure at the end of a batch is lost", File: "batch.go", Old: "if err := r.inner.Close(); r.err == nil {", New: "if err := r.inner.Close(); false {", Tests: "Deferred"},
	{Name: "rows have the connection", File: "rows.go", Old: "func (r *rows) Conn() *pgx.Conn { return nil }", New: "func (r *rows) Conn() *pgx.Conn { return r.inner.Conn() }", Tests: "NotRead|GivesNoConnection"},
	{Name: "a transaction has the connection", File: "tx.go", Old: "func (t *tx) Conn() *pgx.Conn { return nil }", New: "func (t *tx) Conn() *pgx.Conn { return t.inner.Conn() }", Tests: "GivesNoConnection"},
	{Name: "a transaction has large objects", File: "tx.go", Old: "return pgx.LargeObjects{}", New: "return t.inner.LargeObjects()", Tests: "GivesNoConnection"},
	{Name: "a transaction prepares", File: "tx.go", Old: "Prepare(context.Context, string, string) (*pgconn.StatementDescription, error) {\n\treturn nil, fmt.Errorf(\"%w: Prepare; the pool keeps statements prepared\", ErrStatement)", New: "Prepare(ctx context.Context, name, sql string) (*pgconn.StatementDescription, error) {\n\tif false {\n\t\treturn nil, fmt.Errorf(\"\")\n\t}\n\treturn t.inner.Prepare(ctx, name, sql)", Tests: "GivesNoConnection"},
	{Name: "a scan that panics keeps the connection", File: "rows.go", Old: "defer r.rows.Close() // also when a Scanner panics", New: "", Tests: "NotRead"},
	{Name: "a callback that panics keeps the connection", File: "batch.go", Old: "defer func() { // also when a callback panics\n\t\tr.closed = true", New: "defer func() {\n\t\tif len(r.queued) == 0 && r.err == nil && !r.closed && recover() != nil {\n\t\t\treturn\n\t\t}\n\t\tr.closed = true", Tests: "TestABatchCalls"},
	{Name: "a copy in a transaction leaves what it had sent", File: "copy.go", Old: "pgx.BeginFunc(ctx, t.inner, func(savepoint pgx.Tx) error {\n\t\treturn c.sendAll(ctx, savepoint, t.scope)\n\t})", New: "c.sendAll(ctx, t.inner, t.scope)", Tests: "CopyThatFails"},
	{Name: "a copy keeps the slice of its source", File: "copy.go", Old: "values = slices.Clone(values)", New: "", Tests: "CopyWrites"},
	{Name: "a copy keeps the bytes of its source", File: "copy.go", Old: "values[i] = bytes.Clone(b)", New: "values[i], _ = any(b), bytes.Clone", Tests: "CopyWrites"},
	{Name: "a copy does not quote columns", File: "copy.go", Old: "b.WriteString(pgx.Identifier{column}.Sanitize())", New: "b.WriteString(column)", Tests: "CopyThatFails"},
	{Name: "a copy that fails tells rows", File: "copy.go", Old: "if err != nil {\n\t\treturn 0, err\n\t}\n\treturn c.rows, nil", New: "return c.rows, err", Tests: "CopyThatFails"},
}

var withoutServer = []mutant.Mutant{
	{Name: "a context needs no tenant", File: "scope.go", Old: "id, err := tenant.Require(ctx)\n\tif err != nil {", New: "id, err := tenant.Require(ctx)\n\tif err != nil && false {"},
	{Name: "the status is not asked", File: "scope.go", Old: "tenant.Bind(ctx, id, db.statuses); err", New: "tenant.BindUnchecked(ctx, id); err"},
	{Name: "an error of the context is ignored", File: "scope.go", Old: "db.context.Setting(ctx, id)\n\tif err != nil {", New: "db.context.Setting(ctx, id)\n\tif false {"},
	{Name: "a context may have no name", File: "scope.go", Old: `name == "" || value == ""`, New: `value == ""`},
	{Name: "a context may have no value", File: "scope.go", Old: `name == "" || value == ""`, New: `name == ""`},
	{Name: "a config needs no context", File: "config.go", Old: `problems.Require("Context", cfg.Context, "")`, New: ""},
	{Name: "a config needs no statuses", File: "config.go", Old: `problems.Require("Statuses", cfg.Statuses, `, New: `problems.Require("Statuses", cfg.Pool, `},
	{Name: "the simple protocol is allowed", File: "config.go", Old: "== pgx.QueryExecModeSimpleProtocol:", New: "== 99:"},
	{Name: "a pool for scopes serves anybody", File: "config.go", Old: "_, err := tenant.Require(ctx)\n\treturn true, err", New: "_, _ = tenant.Require(ctx)\n\treturn true, nil"},
	{Name: "texts are not looked at", File: "statement.go", Old: "if err := check(sql, s.name); err != nil {", New: "if err := check(sql, s.name); err != nil && false {"},
	{Name: "texts of rewriters are not looked at", File: "statement.go", Old: "if err == nil {\n\t\terr = check(sql, c.name)", New: "if err == nil && false {\n\t\terr = check(sql, c.name)"},
	{Name: "a rewriter is not wrapped", File: "statement.go", Old: "append([]any{checked{rewriter, s.name}}, args...)", New: "append([]any{rewriter}, args...)"},
	{Name: "the first of several rewriters is wrapped", File: "statement.go", Old: "for len(args) > 0 && rewrites(args[0]) {", New: "if len(args) > 0 && rewrites(args[0]) {"},
	{Name: "a call chooses its protocol", File: "statement.go", Old: "case pgx.QueryExecMode, pgx.QueryResultFormats,", New: "case pgx.QueryResultFormats,"},
	{Name: "the name of the setting is allowed", File: "statement.go", Old: "if names(sql, name) {", New: "if names(sql, name) && false {"},
	{Name: "further statements are allowed", File: "statement.go", Old: "if w, _ = next(rest, false); w.kind != end {", New: "if w, _ = next(rest, false); w.kind != end && false {"},
	{Name: "identifiers hide words", File: "statement.go", Old: "if w.kind == escaped {", New: "if w.kind == escaped && false {"},
	{Name: "set_config is allowed", File: "statement.go", Old: `"set_config": tenants, `, New: ""},
	{Name: "pg_settings is allowed", File: "statement.go", Old: `"pg_settings": tenants,`, New: ""},
	{Name: "a function that runs a text is allowed", File: "statement.go", Old: `"ts_stat": runs, `, New: ""},
	{Name: "a cursor may be held", File: "statement.go", Old: "case hold:", New: "case hold && false:"},
	{Name: "SELECT INTO TEMP is allowed", File: "statement.go", Old: "case made.into, made.object", New: "case made.object"},
	{Name: "CREATE TEMP is allowed", File: "statement.go", Old: `case made.into, made.object && !made.dropped && (words[0] == "create" || words[0] == "explain"):`, New: "case made.into:"},
	{Name: "CREATE TEMP is allowed in EXPLAIN", File: "statement.go", Old: ` || words[0] == "explain"`, New: ""},
	{Name: "COMMIT DROP of anything drops", File: "temporary.go", Old: `t.before == "commit" && t.earlier == "on"`, New: `t.before == "commit"`},
	{Name: "SELECT INTO LOCAL TEMP is allowed", File: "temporary.go", Old: `into || kind && t.earlier == "into"`, New: "into"},
	{Name: "INTO pg_temp is allowed", File: "temporary.go", Old: `true, true, t.into || into || `, New: `true, true, t.into || `},
	{Name: "the path may lead to temporary objects", File: "statement.go", Old: "made.schema || constant", New: "constant"},
	{Name: "the path may have a constant", File: "statement.go", Old: `(made.schema || constant && words[2] == "search_path")`, New: "made.schema"},
	{Name: "SET LOCAL SCHEMA is allowed", File: "statement.go", Old: `case name == "schema":`, New: `case name == "-":`},
	{Name: "a transaction changes its encoding", File: "statement.go", Old: `name == "names" || name == "client_encoding"`, New: `name == "names"`},
	{Name: "pg_temp in quotes is allowed", File: "temporary.go", Old: `case strings.HasPrefix(text, "pg_temp"):`, New: `case !quoted && strings.HasPrefix(text, "pg_temp"):`},
	{Name: "first words are allowed", File: "statement.go", Old: `case why != "":`, New: `case why != "" && false:`},
	{Name: "SET is allowed", File: "statement.go", Old: `case kind != "local":`, New: `case kind == "session":`},
	{Name: "SET LOCAL ROLE is allowed", File: "statement.go", Old: `name == "role" || `, New: ""},
	{Name: "SET LOCAL of names with a dot is allowed", File: "statement.go", Old: `after == "." || `, New: ""},
	{Name: "SET LOCAL of names in quotes is allowed", File: "statement.go", Old: `case name == "" || `, New: "case "},
	{Name: "ALTER ROLE is allowed", File: "statement.go", Old: `case words[0] == "alter" && defaults[words[1]]:`, New: `case words[0] == "alter" && false:`},
	{Name: "a backslash hides the end of a text", File: "lexer.go", Old: "afterConstant(s[1:], escapes)", New: "afterConstant(s[1:], true)"},
	{Name: "a constant ends with its first part", File: "lexer.go", Old: "s = part[1:]", New: "return rest"},
	{Name: "a comment ends a constant", File: "lexer.go", Old: `case strings.HasPrefix(part, "--"):`, New: `case strings.HasPrefix(part, "--") && false:`},
	{Name: "backslashes are read in one way", File: "statement.go", Old: "|| !strings.Contains(sql, `\\'`)", New: "|| true || !strings.Contains(sql, `\\'`)"},
	{Name: "comments do not nest", File: "lexer.go", Old: "\t\t\tdepth++\n", New: "\t\t\tdepth = 1\n"},
	{Name: "dollar quotes are none", File: "lexer.go", Old: "if rest, ok := afterDollar(s); ok {", New: "if rest, ok := afterDollar(s); ok && false {"},
	{Name: "parentheses hide the first word", File: "statement.go", Old: "(w.kind != other || n > 0)", New: "true"},
}
