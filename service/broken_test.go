package service_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"runtime"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/reevehq/reeve/service"
)

var errBroken = errors.New("broken")

// behaviour is the way in which a function of a part ends.
type behaviour int

const (
	fine behaviour = iota
	fails
	panics
	vanishes // ends its goroutine
	hangs    // heeds no context
	waits    // heeds its context
	behaviours
)

func (b behaviour) do(ctx context.Context, release <-chan struct{}) error {
	switch b {
	case fails:
		return errBroken
	case panics:
		panic(errBroken)
	case vanishes:
		runtime.Goexit()
	case hangs:
		<-release
	case waits:
		<-ctx.Done()
		return ctx.Err()
	}
	return nil
}

// A service ends within the limits of its parts, however these break and whenever it is stopped. Each
// part that was opened is closed once, before what it needs, and where nothing is broken there is
// no error.
func TestPartsThatBreakInAnyWayAreClosedInOrder(t *testing.T) {
	for seed := range uint64(2000) {
		synctest.Test(t, func(t *testing.T) {
			r := rand.New(rand.NewPCG(seed, 1))
			mostlyFine := func(of ...behaviour) behaviour {
				if r.IntN(6) > 0 {
					return fine
				}
				return of[r.IntN(len(of))]
			}
			var d diary
			release := make(chan struct{})
			n, clean := 1+r.IntN(6), true
			var parts []service.Part
			for i := range n {
				name := fmt.Sprint(i)
				p := service.Part{Name: name, OpenTimeout: time.Second, CloseTimeout: time.Second}
				for j := range i {
					if r.IntN(3) == 0 {
						p.Needs = append(p.Needs, fmt.Sprint(j))
					}
				}
				open, end := mostlyFine(fails, panics, vanishes, hangs, waits), mostlyFine(fails, panics, vanishes, hangs, waits)
				took := time.Duration(r.IntN(300)) * time.Millisecond
				p.Open = func(ctx context.Context) error {
					select {
					case <-ctx.Done():
						return ctx.Err()
					case <-time.After(took):
					}
					err := errBroken
					defer func() {
						if err == nil {
							d.add("open " + name)
						}
					}()
					err = open.do(ctx, release)
					return err
				}
				p.Close = func(ctx context.Context) error {
					d.add("close " + name)
					return end.do(ctx, release)
				}
				clean = clean && open == fine && end == fine
				if r.IntN(3) == 0 {
					run := []behaviour{waits, waits, waits, fine, fails, panics, vanishes, hangs}[r.IntN(8)]
					clean = clean && run == waits
					delay := time.Duration(r.IntN(2000)) * time.Millisecond
					p.Run = func(ctx context.Context) error {
						select {
						case <-ctx.Done():
							return ctx.Err()
						case <-time.After(delay):
							return run.do(ctx, release)
						}
					}
				}
				parts = append(parts, p)
			}
			l := &service.Lifecycle{}
			g := newGroup(t, service.Config{Parts: parts, Lifecycle: l, Wait: time.Duration(r.IntN(2)) * time.Second})
			stopAfter := time.Duration(r.IntN(4000)) * time.Millisecond
			ctx, cancel := context.WithTimeout(context.Background(), stopAfter)
			defer cancel()
			began := time.Now()
			err := g.Run(ctx)
			limit := stopAfter + time.Duration(n)*(2*time.Second+600*time.Millisecond) + 2*time.Second
			if took := time.Since(began); took > limit {
				t.Errorf("seed %d: it took %v, at most %v are allowed", seed, took, limit)
			}
			if clean && err != nil {
				t.Errorf("seed %d: nothing is broken, and it ends with %v", seed, err)
			}
			if l.State() != service.Stopped {
				t.Errorf("seed %d: it ends %v", seed, l.State())
			}
			entries := d.all()
			at := func(entry string) int { return slices.Index(entries, entry) }
			for _, p := range parts {
				opened, closed := at("open "+p.Name), at("close "+p.Name)
				if (opened < 0) != (closed < 0) {
					t.Errorf("seed %d: %s is opened at %d and closed at %d: %v", seed, p.Name, opened, closed, entries)
				}
				for _, dependency := range p.Needs {
					if opened >= 0 && (at("open "+dependency) < 0 || at("open "+dependency) > opened || at("close "+dependency) < closed) {
						t.Errorf("seed %d: %s needs %s: %v", seed, p.Name, dependency, entries)
					}
				}
			}
			close(release) // those that hung come to their end, too late
			time.Sleep(time.Minute)
			entries = d.all()
			for _, p := range parts {
				if (at("open "+p.Name) < 0) != (at("close "+p.Name) < 0) {
					t.Errorf("seed %d: %s is left open: %v", seed, p.Name, entries)
				}
			}
			if len(slices.Compact(slices.Sorted(slices.Values(entries)))) != len(entries) {
				t.Errorf("seed %d: something happened twice: %v", seed, entries)
			}
		})
		if t.Failed() {
			return
		}
	}
}
