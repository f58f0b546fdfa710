// Package sqlscope runs what goes through database/sql in the tenant of its context, behind
// PostgreSQL's row-level security. sqlx, bun, ent, sqlboiler and GORM, which stand on
// database/sql, run on it unchanged.
//
// For most uses, [OpenDB] stands in the place of sql.OpenDB:
//
//	db, err := sqlscope.OpenDB(sqlscope.Config{Connector: connector, Context: signer, Statuses: sessions})
//	…
//	rows, err := db.QueryContext(ctx, "SELECT id, title FROM note") // those of the tenant of ctx
//
// The connector is that of a driver: stdlib.GetConnector of pgx, or NewConnector of lib/pq.
//
// # One statement
//
// A statement outside a transaction gets one of its own: BEGIN, the tenant, the statement,
// COMMIT. The tenant is a parameter of set_config and never in a text, and ends with the
// transaction, so that nothing is left on a connection. The rows of a query hold the transaction
// open until they are closed; when the last row has been read it is committed first, and a
// commit that fails is the error of Rows.Err. A statement that fails, or whose context has ended,
// is rolled back. On pgx without database/sql, pgxscope needs no such round trips.
//
// # Transactions
//
// BeginTx sends the tenant once. A statement whose context is of another tenant is
// [tenant.ErrMismatch]. Each asks for the status of the tenant again. A signed context says when
// a transaction may begin, and not how long it may take, so that none is renewed, and a rollback
// to a savepoint brings no older one back.
//
// # What is refused
//
//   - A context without a tenant is [tenant.ErrNoScope], and so is every method that takes no
//     context: Exec, Query, Prepare, Begin. A tenant that may not be served is
//     [tenant.ErrSuspended] or [tenant.ErrUnknown], and a status that cannot be asked for is an
//     error, which is an outage. Nothing is sent.
//   - A text that begins or ends a transaction, or sets what outlives it in the session, is
//     [ErrStatement], and so is DO: a block can hide any of these. A text of several statements is an error: it is prepared first, and
//     PostgreSQL prepares one statement. Savepoints are allowed.
//   - sql.Conn.Raw sees a connection that is scoped too, and not that of the driver.
//
// A prepared statement serves every tenant: the one of the context in which it is executed.
// Ping and Conn send no statement and need no tenant.
//
// # Connections
//
// A connection whose transaction was not ended by an answer of the server, after an error, a
// panic or a context that ended midway, is closed. Cursors WITH HOLD and temporary tables
// outlive a transaction; the query that sets the tenant finds those that an earlier tenant left,
// and they are dropped before the statement runs. Settings of the session that change what
// statements mean are reset where they are no longer those that it began with. A connection is
// closed where that fails, or where temporary functions may have replaced a statement that the
// driver keeps prepared. Do not choose the simple protocol of pgx
// (QueryExecModeSimpleProtocol): it writes the tenant into the text, which pg_stat_activity shows.
package sqlscope
