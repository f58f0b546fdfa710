package authz

// Must returns v, and panics when err is not nil. It shortens main, where nothing can go
// on without v:
//
//	engine := authz.Must(policy.Load(os.DirFS("policies"), policy.Options{}))
func Must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}
