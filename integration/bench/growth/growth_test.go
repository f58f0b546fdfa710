package main

import (
	"encoding/xml"
	"errors"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/reevehq/reeve/integration/bench/internal/figure"
	"github.com/reevehq/reeve/integration/redisserver"
)

// TestEveryCurveHasItsPoints: each call is refused where it answers wrong.
func TestEveryCurveHasItsPoints(t *testing.T) {
	at := sizes{rules: []int{100, 1_000}, tenants: []int{1, 10}, sessions: []int{10, 50}, goroutines: []int{1, 20}, procs: []int{1, 2}, spread: 1_000}
	table, charts, err := measureAll(t.Context(), redisserver.Shared(t), at, settings{rounds: 1, each: time.Millisecond})
	if err != nil {
		t.Fatal(err)
	}
	if lines := strings.Count(table.String(), "\n"); lines != 2+2+2+4+12 {
		t.Errorf("%d lines:\n%s", lines, table)
	}
	for _, c := range charts {
		for _, curve := range c.Curves {
			for _, p := range curve.Points {
				if p.X <= 0 || !(p.Y > 0) {
					t.Errorf("%s: %s: %v", c.Title, curve.Name, p)
				}
			}
		}
	}
	for d := xml.NewDecoder(strings.NewReader(figure.Charts(charts))); ; {
		if _, err := d.Token(); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			t.Fatal(err)
		}
	}
}

// TestWhatAnswersWrongIsNotMeasured: a fast wrong answer is no figure.
func TestWhatAnswersWrongIsNotMeasured(t *testing.T) {
	wrong := errors.New("wrong")
	bad := func(i int) error {
		if i%8 == 7 {
			return wrong
		}
		return nil
	}
	if _, err := inTurn([]call{bad}, settings{rounds: 1, each: time.Minute}); !errors.Is(err, wrong) {
		t.Errorf("alone: %v", err)
	}
	if _, err := atOnce(bad, 3, settings{rounds: 1, each: time.Minute}); !errors.Is(err, wrong) {
		t.Errorf("at once: %v", err)
	}
}

// TestHalfOfTheQuestionsIsAllowed: a denial and a permission cost different things.
func TestHalfOfTheQuestionsIsAllowed(t *testing.T) {
	w := population{rules: 1_000, tenants: 10}
	allowed := 0
	for _, q := range w.queries() {
		if q.allowed {
			allowed++
		}
	}
	if allowed != asked/2 {
		t.Errorf("%d of %d", allowed, asked)
	}
	decide, err := w.decisions()
	if err != nil {
		t.Fatal(err)
	}
	for i := range 2_000 {
		if err := decide(i); err != nil {
			t.Fatal(err)
		}
	}
}
