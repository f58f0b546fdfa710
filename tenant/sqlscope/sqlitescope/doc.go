// Package sqlitescope keeps every tenant in a SQLite file of its own and gives a service one
// [database/sql.DB] for all of them. Each call goes to the file of the tenant in its context:
//
//	store, err := sqlitescope.New(sqlitescope.Config{Dir: "data", Statuses: sessions, Migrate: migrate})
//	rows, err := store.DB().QueryContext(ctx, "SELECT title FROM tasks")
//
// For most uses this is for services of one machine. Where several machines share one database, use
// PostgreSQL with pgxscope or sqlscope, and their row-level security.
//
// ent, bun, sqlx and GORM work on that DB as on any other. A context without a tenant is
// [tenant.ErrNoScope], and nothing is opened. A transaction, a connection or rows that began for
// one tenant are refused to a context of another with [tenant.ErrMismatch].
//
// Two walls stand below the SQL text, so that text which an attacker had a hand in stays in the
// file: there is no other tenant in it, and an authorizer refuses what reaches another file or
// outlives the call: ATTACH, VACUUM, extensions, temporary objects, transactions as text, and
// every PRAGMA and function that is not on a list. The schema changes in [Config.Migrate] alone.
//
// The connections of the DB are shells. One takes a real connection of the tenant's file at its
// first call and gives it back when database/sql takes the shell back. So no pool has to be
// chosen by the caller, statements prepared for one tenant run in the file of the tenant who
// asks, and the number of open files is bounded whatever the number of tenants.
package sqlitescope
