// Package rls keeps tenants apart inside the database: it generates the row-level security of
// PostgreSQL for the tables of a service, audits a database against it, and makes the context
// that tells a statement's tenant.
//
//	signer, err := rls.NewSigner(rls.SignerConfig{Key: key, KeyID: "2026-01"})
//
// A scope, such as that for pgx, sends the context's setting with each statement. A handler then
// reads and writes the rows of its tenant alone, by raw SQL too, and with a [Signer] by injected
// SQL too.
//
// For most uses [Generate] writes the migration, a [Signer] signs contexts for pgxscope or
// sqlscope, and [Audit] looks at the database before the service serves. Use [Plain] only where no
// SQL can be injected: a statement can forge its setting. Where the database is to decide by the
// policy too, package policyrls stands in the place of the signer.
//
// It imports no driver: databases are reached through database/sql, or by the SQL that it
// generates.
package rls

// maxIdentifier is how long a name may be in PostgreSQL, in bytes.
const maxIdentifier = 63
