package session

import "context"

type clientKey struct{}

// WithClient returns a context for calls on behalf of one client: an address, or the key that
// its tokens are bound to. A store of what was used once bounds by it what one client takes up.
func WithClient(ctx context.Context, client string) context.Context {
	return context.WithValue(ctx, clientKey{}, client)
}

// ClientFromContext returns the client on whose behalf a call is made, "" for none.
func ClientFromContext(ctx context.Context) string {
	client, _ := ctx.Value(clientKey{}).(string)
	return client
}
