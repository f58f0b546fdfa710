// Package pgxscope runs queries of pgx v5 in the tenant of their context, behind PostgreSQL's
// row-level security.
//
// For most uses, one [DB] stands in the place of the pool, and code that sqlc generated for
// pgx/v5 takes it as its DBTX:
//
//	db, err := pgxscope.New(pgxscope.Config{Pool: pool, Context: signer, Statuses: sessions})
//	…
//	notes, err := queries.New(db).ListNotes(ctx) // those of the tenant of ctx
//
// Each call sends the tenant and the query as one batch, which PostgreSQL runs as one implicit
// transaction: the tenant costs no round trip, and ends with the query. Nothing is set on a
// connection beyond that, so nothing has to be reset, and connections may go through pgbouncer
// in transaction mode.
//
// # What is refused
//
//   - A context without a tenant is [tenant.ErrNoScope], a tenant that may not be served
//     [tenant.ErrSuspended] or [tenant.ErrUnknown], and a status that cannot be asked for an
//     error, which is an outage. Nothing is sent.
//   - A context of another tenant than that of the transaction is [tenant.ErrMismatch].
//   - A text that would begin or end a transaction, outlive it in the session, or set what says
//     the tenant is [ErrStatement]. This is a courtesy that finds mistakes early and no wall:
//     text that is built from input can hide anything from it. The wall is the policy in the
//     database, and an injected set_config cannot forge a signed [rls.Context].
//
// # Transactions
//
// [DB.Begin] sends BEGIN and the tenant in one flush. Each statement of the transaction carries
// the tenant again, in its own flush: a rollback to a savepoint brings no older one back, and a
// signed context is as young as its statement. So a transaction may take longer than a context
// lives, and a cursor is read by one FETCH after the other. Each statement asks for the status
// of the tenant again. A call that waited long for a connection makes its context anew.
//
// # What is not passed on
//
// The connection is hidden: Conn of transactions and rows returns nil. LargeObjects, which know
// no policies, and Prepare are refused. PostgreSQL has no COPY FROM into a table with row-level
// security: [DB.CopyFrom] sends INSERTs instead, pipelined.
package pgxscope
