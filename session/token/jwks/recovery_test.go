package jwks_test

import (
	"context"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/reevehq/reeve/internal/testneed"
	"github.com/reevehq/reeve/internal/testwait"
	"github.com/reevehq/reeve/session/token/jwks"
)

// wire is an address at which a provider can be up, down, or worse.
type wire struct {
	t    testing.TB
	addr string
	mu   sync.Mutex
	held []net.Conn // of clients that wait
	stop func()
}

func newWire(t testing.TB) *wire {
	t.Helper()
	w := &wire{t: t, stop: func() {}}
	l := w.listen("127.0.0.1:0")
	w.addr = l.Addr().String()
	l.Close()
	t.Cleanup(func() {
		w.stop()
		for _, c := range w.held {
			c.Close()
		}
	})
	return w
}

func (w *wire) listen(addr string) net.Listener {
	w.t.Helper()
	l, err := net.Listen("tcp", addr)
	if err != nil {
		w.t.Fatal(err)
	}
	return l
}

// hang accepts connections and never says a word.
func (w *wire) hang() {
	l := w.listen(w.addr)
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			w.mu.Lock()
			w.held = append(w.held, c)
			w.mu.Unlock()
		}
	}()
	w.stop = func() { l.Close() } // and those who wait go on waiting
}

func (w *wire) serve(h http.HandlerFunc) {
	srv := &http.Server{Handler: h, ErrorLog: log.New(io.Discard, "", 0)}
	l := w.listen(w.addr)
	go srv.Serve(l)
	w.stop = func() { srv.Close() }
}

func trickle(w http.ResponseWriter, r *http.Request) {
	for r.Context().Err() == nil {
		io.WriteString(w, " ")
		w.(http.Flusher).Flush()
		select {
		case <-r.Context().Done():
		case <-time.After(20 * time.Millisecond):
		}
	}
}

// TestAProviderThatIsBackIsNoticedOnTheWire, within 2 s where that is measured, whichever
// way it was gone.
func TestAProviderThatIsBackIsNoticedOnTheWire(t *testing.T) {
	limit := 20 * time.Second
	if testneed.Soak() {
		limit = 2 * time.Second
	}
	set := setOf(newSigner(t, "id", "k1"))
	for name, gone := range map[string]func(*wire){
		"connections are refused":         func(w *wire) { w.stop = func() {} },
		"it accepts and never answers":    (*wire).hang,
		"it answers 500":                  func(w *wire) { w.serve(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(500) }) },
		"its body trickles":               func(w *wire) { w.serve(trickle) },
		"it sends a header and no answer": func(w *wire) { w.serve(func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWire(t)
			gone(w)
			f, err := jwks.New(jwks.Config{})
			if err != nil {
				t.Fatal(err)
			}
			if _, err := f.Add(jwks.Endpoint{Issuer: "id", URL: "http://" + w.addr}); err != nil {
				t.Fatal(err)
			}
			if err := f.Start(context.Background()); err != nil {
				t.Fatal(err)
			}
			defer f.Close()
			testwait.Until(t, "three fetches fail", func() bool { return f.Stats()[0].Failed >= 3 })
			if f.Stats()[0].Ready {
				t.Fatal("ready without keys")
			}
			w.stop()
			w.serve(func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, set) })
			back := time.Now()
			testwait.Until(t, "the keys are there", func() bool { return f.Stats()[0].Ready })
			took := time.Since(back)
			t.Logf("ready after %v", took)
			if took > limit {
				t.Errorf("ready %v after the provider is back", took)
			}
		})
	}
}

// TestProvidersThatHangOnTheWireDelayNobody: 999 of 1,000 accept and never answer, or 99 of
// 100 send half of a large body and no more, as many as this machine can serve itself, and
// the one that works has a large one too.
func TestProvidersThatHangOnTheWireDelayNobody(t *testing.T) {
	half := make([]byte, 512<<10)
	for _, row := range []struct {
		name string
		n    int
		gone func(*wire)
	}{
		{"they accept and never answer", testneed.Scale(999, 1), (*wire).hang},
		{"they send half of a large body", testneed.Scale(99, 1), func(w *wire) {
			w.serve(func(w http.ResponseWriter, r *http.Request) {
				w.Write(half)
				w.(http.Flusher).Flush()
				<-r.Context().Done()
			})
		}},
	} {
		t.Run(row.name, func(t *testing.T) {
			bad, good := newWire(t), newWire(t)
			row.gone(bad)
			set := setOf(newSigner(t, "id", "k1")) + strings.Repeat(" ", 100<<10)
			good.serve(func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, set) })
			f, err := jwks.New(jwks.Config{})
			if err != nil {
				t.Fatal(err)
			}
			for n := range row.n {
				if _, err := f.Add(jwks.Endpoint{Issuer: fmt.Sprint("bad", n), URL: fmt.Sprintf("http://%s/%d", bad.addr, n)}); err != nil {
					t.Fatal(err)
				}
			}
			if err := f.Start(context.Background()); err != nil {
				t.Fatal(err)
			}
			defer f.Close()
			testwait.Until(t, "a fetch fails", func() bool { return f.Stats()[0].Failed > 0 }) // they are all at it
			start := time.Now()
			source, err := f.Add(jwks.Endpoint{Issuer: "good", URL: "http://" + good.addr})
			if err != nil {
				t.Fatal(err)
			}
			testwait.Until(t, "the source has keys", source.Ready)
			took, h := time.Since(start), f.Stats()[row.n]
			t.Logf("its keys are there after %v", took)
			// Its first fetch brought them, unless this machine is too busy for any: it has
			// waited for no place and lost none.
			if h.Issuer != "good" || took < 2*time.Second && h.Failed != 0 {
				t.Errorf("its health is %+v", h)
			}
			if testneed.Soak() && took > 3*time.Second {
				t.Errorf("its keys are there after %v", took)
			}
		})
	}
}
