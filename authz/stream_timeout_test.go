package authz_test

import (
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/labstack/echo/v4"

	"github.com/reevehq/reeve/authz"
)

// TestTheTimeoutsOfTheServerCutOffNoStream that is declared, of a signed-in caller or of
// anybody; every other request they do cut off.
func TestTheTimeoutsOfTheServerCutOffNoStream(t *testing.T) {
	const timeout = 100 * time.Millisecond
	s := newStreams(t, authz.StreamGuardConfig{})
	ended := make(chan error, 1)
	events := func(c echo.Context) error {
		c.Response().Header().Set("Content-Type", "text/event-stream")
		c.Response().WriteHeader(200)
		c.Response().Flush()
		select {
		case <-c.Request().Context().Done():
			ended <- context.Cause(c.Request().Context())
			return nil
		case <-time.After(5 * timeout): // until long after both timeouts
		}
		_, err := io.WriteString(c.Response(), "data: late\n\n")
		c.Response().Flush()
		ended <- err
		return err
	}
	s.echo.GET("/events", events, authz.Stream())
	s.echo.GET("/news", events, authz.Stream())
	s.echo.GET("/slow", events)
	server := httptest.NewUnstartedServer(s.echo)
	server.Config.ReadTimeout, server.Config.WriteTimeout = timeout, timeout
	server.Start()
	defer server.Close()
	bearer, _ := s.login(acme, alice, "viewer")
	for target, whole := range map[string]bool{"/events": true, "/news": true, "/slow": false} {
		r, err := http.NewRequestWithContext(t.Context(), "GET", server.URL+target, nil)
		if err != nil {
			t.Fatal(err)
		}
		if target != "/news" {
			r.Header.Set("Authorization", "Bearer "+bearer)
		}
		resp, err := http.DefaultClient.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		text, err := io.ReadAll(resp.Body)
		resp.Body.Close()
		if got := err == nil && string(text) == "data: late\n\n"; got != whole {
			t.Errorf("%s: got %q, %v; the handler ended with %v", target, text, err, <-ended)
			continue
		}
		<-ended
	}
}
