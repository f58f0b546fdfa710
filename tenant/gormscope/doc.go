// Package gormscope keeps GORM in the tenant of its context.
//
// The wall is below GORM: a pool of sqlscope, on which raw SQL, sub-queries and every future
// statement of GORM run behind the row-level security of the database. This package stands on it
// and makes queries say the tenant by themselves, so that indexes are used, mistakes are errors and
// rows are stamped:
//
//	pool, err := sqlscope.OpenDB(…)
//	db, err := gorm.Open(postgres.New(postgres.Config{Conn: pool}), &gorm.Config{})
//	scope, err := gormscope.New(gormscope.Config{Scoped: []any{&Note{}, &Project{}}, Global: []any{&Plan{}}})
//	err = db.Use(scope)
//	…
//	db.WithContext(ctx).Find(&notes) // WHERE "notes"."tenant_id" = 'acme'
//
// For most uses both are needed, the pool and the plugin. Code that does not use GORM runs on the pool
// alone.
//
// # What it does
//
//   - Without a tenant in the context every query is [tenant.ErrNoScope], and nothing is built.
//   - A model that is neither Scoped nor Global is [ErrUnregistered].
//   - Conditions are put in parentheses and joined with the tenant by AND, whatever Or they have.
//     An association in Joins has the tenant in its ON.
//   - What is created is stamped; a row that names another tenant is [tenant.ErrMismatch]. An
//     upsert updates the tenant's rows alone.
//   - The tenant's column cannot be updated.
//   - A condition whose text closes a parenthesis that it did not open, or begins a comment, is
//     [ErrText].
//
// A text can still hold a query of its own, and plugins can be removed. That is why [Plugin]
// refuses a pool that is not scoped; [Config].InsecureUnscopedPool has it accept one, and then
// raw SQL, joins by text and tables without a model are [ErrText] too.
package gormscope
