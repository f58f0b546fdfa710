package middleware_test

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/reevehq/reeve/middleware"
	"github.com/reevehq/reeve/session/memstore"
	"github.com/reevehq/reeve/session/token"
)

// bindOf shows a bad proof from an address, which costs the verifier as much as a good one.
func bindOf(t *testing.T, d *middleware.DPoP, remote string, h http.Header) error {
	t.Helper()
	r := httptest.NewRequest("POST", "/login", nil)
	r.RemoteAddr = remote
	for name, values := range h {
		r.Header[name] = values
	}
	r.Header.Set("DPoP", "x")
	_, err := d.Bind(httptest.NewRecorder(), r)
	return err
}

// TestOneClientThatBindsIsBoundedAndPaced: a flood of proofs from one address is looked at
// twenty times a second, whatever its number of connections, and headers make no other client
// of it. Others are not slowed.
func TestOneClientThatBindsIsBoundedAndPaced(t *testing.T) {
	proofs, err := token.NewDPoPVerifier(token.DPoPConfig{Origins: []string{"https://api.test"}})
	if err != nil {
		t.Fatal(err)
	}
	for name, row := range map[string]struct {
		remote func(i int) string
		header http.Header
	}{
		"one address":               {func(int) string { return "192.0.2.1:4000" }, nil},
		"one address, many ports":   {func(i int) string { return "192.0.2.1:" + []string{"1", "22", "333"}[i%3] }, nil},
		"a /64 of IPv6":             {func(i int) string { return "[2001:db8::" + []string{"1", "a", "ffff"}[i%3] + "]:4000" }, nil},
		"X-Forwarded-For that lies": {func(int) string { return "192.0.2.1:4000" }, http.Header{"X-Forwarded-For": {"198.51.100.7"}}},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				d := &middleware.DPoP{Proofs: proofs, Replay: memstore.NewReplay(0)}
				start := time.Now()
				var looked, refused atomic.Int64
				var flood sync.WaitGroup
				for i := range 64 {
					flood.Go(func() {
						for time.Since(start) < 30*time.Second {
							switch err := bindOf(t, d, row.remote(i), row.header); {
							case errors.Is(err, token.ErrInvalidProof):
								looked.Add(1)
							case errors.Is(err, middleware.ErrOverloaded):
								refused.Add(1)
							default:
								t.Errorf("got %v", err)
							}
						}
					})
				}
				time.Sleep(10 * time.Second)
				before := time.Now()
				if err := bindOf(t, d, "198.51.100.7:4000", nil); !errors.Is(err, token.ErrInvalidProof) || time.Since(before) > 0 {
					t.Errorf("another client: %v after %v", err, time.Since(before))
				}
				flood.Wait()
				if n := looked.Load(); n < 600 || n > 100+30*20+10 {
					t.Errorf("%d proofs of one client were looked at in 30 s", n)
				}
				if n := refused.Load(); n == 0 || n > 64*5*31 {
					t.Errorf("%d refusals: they are not held", n)
				}
			})
		})
	}
}

// TestOneClientWhoseRefreshesAreRefusedIsPaced: a stranger costs a signature and a question to
// the store each time, and finds out nothing. A flood from one address is looked at twenty times
// a second; other clients are not slowed.
func TestOneClientWhoseRefreshesAreRefusedIsPaced(t *testing.T) {
	proofs, err := token.NewDPoPVerifier(token.DPoPConfig{Origins: []string{"https://api.test"}})
	if err != nil {
		t.Fatal(err)
	}
	synctest.Test(t, func(t *testing.T) {
		d := &middleware.DPoP{Proofs: proofs, Replay: memstore.NewReplay(0)}
		refresh := func(remote string) error {
			r := httptest.NewRequest("POST", "/refresh", nil)
			r.RemoteAddr = remote
			r.Header.Set("DPoP", "x")
			_, _, err := d.ExchangeRefresh(httptest.NewRecorder(), r, nil, "x")
			return err
		}
		const connections = 16
		start := time.Now()
		var looked, refused atomic.Int64
		var flood sync.WaitGroup
		for range connections {
			flood.Go(func() {
				for time.Since(start) < 30*time.Second {
					switch err := refresh("192.0.2.1:4000"); {
					case errors.Is(err, token.ErrInvalidProof):
						looked.Add(1)
					case errors.Is(err, middleware.ErrOverloaded):
						refused.Add(1)
					default:
						t.Errorf("got %v", err)
					}
				}
			})
		}
		time.Sleep(10 * time.Second)
		before := time.Now()
		if err := refresh("198.51.100.7:4000"); !errors.Is(err, token.ErrInvalidProof) || time.Since(before) > 0 {
			t.Errorf("another client: %v after %v", err, time.Since(before))
		}
		flood.Wait()
		// Each connection may be past the pace when another takes the last turn.
		if n := looked.Load(); n < 200 || n > (100+30*20)*connections {
			t.Errorf("%d proofs of one client were looked at in 30 s", n)
		}
		if n := refused.Load(); n == 0 || n > connections*5*31 {
			t.Errorf("%d refusals: they are not held", n)
		}
	})
}

// TestAnOfficeThatSignsInAtOnceIsNotSlowed: a hundred users behind one address.
func TestAnOfficeThatSignsInAtOnceIsNotSlowed(t *testing.T) {
	proofs, err := token.NewDPoPVerifier(token.DPoPConfig{Origins: []string{"https://api.test"}})
	if err != nil {
		t.Fatal(err)
	}
	synctest.Test(t, func(t *testing.T) {
		d := &middleware.DPoP{Proofs: proofs, Replay: memstore.NewReplay(0)}
		start := time.Now()
		for range 100 {
			if err := bindOf(t, d, "192.0.2.1:4000", nil); !errors.Is(err, token.ErrInvalidProof) {
				t.Fatal(err)
			}
		}
		if took := time.Since(start); took != 0 {
			t.Errorf("it took %v", took)
		}
	})
}
