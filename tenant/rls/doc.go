// Package rls keeps tenants apart inside the database: it generates the row-level security of
// PostgreSQL for the tables of a service, audits a database against it, and makes the context
// that tells a statement's tenant.
//
//	signer, err := rls.NewSigner(rls.SignerConfig{Key: key, KeyID: "2026-01"})
//
// A scope, such as that for pgx, sends the context's setting with each statement. What a
// handler then queries is the tenant's rows alone, also by raw SQL; and with a [Signer] also
// by SQL that somebody injected.
//
// It imports no driver: databases are reached through database/sql, or by the SQL that it
// generates.
package rls

// maxIdentifier is how long a name may be in PostgreSQL, in bytes.
const maxIdentifier = 63
