package attacks

import "context"

// Runner runs texts in the tenant of their context.
type Runner interface {
	// Query returns every row, each value as text.
	Query(ctx context.Context, text string) ([][]string, error)
	// Exec returns how many rows a text concerned.
	Exec(ctx context.Context, text string) (int64, error)
}

// Stack is a way from a service to its database. Its pool has one connection, so that whatever
// one tenant leaves there another one finds.
type Stack interface {
	Runner
	Name() string
	// Tx runs fn in a transaction, which is committed when fn returns nil.
	Tx(ctx context.Context, fn func(Runner) error) error
	// Store returns the models of the stack, nil without any.
	Store() Store
}

// Extra is a Stack with attacks of its own, by what it alone has.
type Extra interface {
	Cases() []Case
}

// Note is a row of a tenant.
type Note struct {
	Tenant, ID, Project, Title, Body string
	Votes                            int
}

// Store is a service that forgot the tenant, in the words of a stack: it names none in any
// query, and writes the one that it is given, if any, as a request's body may give one. A method
// that a stack has no words for returns [errors.ErrUnsupported].
//
// Filter, order and column are texts that go into a query as they are: some services do that.
type Store interface {
	List(ctx context.Context, filter, order string) ([]Note, error)
	Get(ctx context.Context, id string) (Note, error)
	Pluck(ctx context.Context, column string) ([]string, error)
	Count(ctx context.Context, filter string) (int, error)

	// Create inserts, all notes at once.
	Create(ctx context.Context, notes ...Note) error
	// Save writes the whole note, whether or not there is one.
	Save(ctx context.Context, n Note) error
	// Upsert inserts, and where the key is there already updates title and body.
	Upsert(ctx context.Context, n Note) error
	Update(ctx context.Context, id string, set map[string]any) (int, error)
	UpdateAll(ctx context.Context, filter string, set map[string]any) (int, error)
	Delete(ctx context.Context, id string) (int, error)
	DeleteAll(ctx context.Context, filter string) (int, error)
	// Increment adds a vote, without reading the row.
	Increment(ctx context.Context, id string) (int, error)

	// Project returns a project's name and notes, loaded by the association.
	Project(ctx context.Context, id string) (name string, notes []Note, err error)
	// Joined returns the names of the projects of the notes, joined by the association.
	Joined(ctx context.Context, filter string) ([]string, error)
	// Tagged returns the notes with a tag, through the table between them.
	Tagged(ctx context.Context, tag string) ([]Note, error)
	Tag(ctx context.Context, note, tag string) error
	Untag(ctx context.Context, note, tag string) error
}
