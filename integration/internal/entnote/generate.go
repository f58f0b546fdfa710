// Package entnote is a client that ent generated from the schema beside it, for tests that put
// ent to attacks. It is made again by go generate, with ent's command on the path.
package entnote

//go:generate ent generate --feature sql/upsert,sql/execquery,sql/modifier --target . ./schema
