package redisproc

import (
	"context"
	"net"
	"strings"
	"testing"

	"github.com/reevehq/reeve/internal/testneed"
)

// A program that measures may end as soon as With returns, and nobody would stop the server then.
func TestNoServerIsLeftBehind(t *testing.T) {
	testneed.Program(t, "redis-server", "apt-get install redis-server")
	var addr string
	if err := With(func(_ context.Context, url, _ string) error {
		addr = strings.TrimPrefix(url, "redis://")
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	if c, err := net.Dial("tcp", addr); err == nil {
		c.Close()
		t.Error("the server serves after With has returned")
	}
}
