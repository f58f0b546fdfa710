package fleetmodel_test

import (
	"fmt"
	"math"
	"testing"
	"time"

	"github.com/reevehq/reeve/integration/internal/fleetmodel"
)

// within reports a difference of more than a part of what is wanted.
func within(t *testing.T, what string, got, want, part float64) {
	t.Helper()
	if math.Abs(got-want) > part*want {
		t.Errorf("%s: the simulation has %.4g, the prediction %.4g: more than %.0f %% apart", what, got, want, 100*part)
	}
}

// The arithmetic and the simulation share the constants and nothing else: the one has formulas, the
// other caches, requests and queues.
func TestTheSimulationAgreesWithThePrediction(t *testing.T) {
	t.Parallel()
	small := fleetmodel.Of(10_000, 3)
	small.Instances = 6
	few := small
	few.CacheEntries = 4_000 // so few that entries go before they are used again
	for name, row := range map[string]struct {
		fleet fleetmodel.Fleet
		part  float64
	}{
		"1,000,000 requests, changed":        {fleets[4], 0.0005},
		"10,000 requests a second":           {small, 0.05},
		"a cache that is too small":          {few, 0.05},
		"the same, each session at one":      {sticky(few), 0.05},
		"100,000 requests a second":          {fleets[1], 0.005},
		"1,000,000 requests, 100 M sessions": {fleets[3], 0.0005},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			want, err := row.fleet.Predict(fleetmodel.Measured)
			if err != nil {
				t.Fatal(err)
			}
			got, err := fleetmodel.Simulate(row.fleet, fleetmodel.Measured, row.part, 120, 1)
			if err != nil {
				t.Fatal(err)
			}
			within(t, "reads", got.Reads, want.Reads, 0.05)
			within(t, "recorded uses", got.Touches, want.Touches, 0.05)
			if math.Abs(got.FromRAM-want.FromRAM) > 0.02 {
				t.Errorf("from memory: the simulation has %.3f, the prediction %.3f", got.FromRAM, want.FromRAM)
			}
			within(t, "changes", got.Changes, want.Changes, 0.05)
			within(t, "commands of a master", got.Average.Commands, want.Average.Commands, 0.05)
			within(t, "commands of everyone's master", got.Everyone.Commands, want.Everyone.Commands, 0.05)
			within(t, "deliveries of a master", got.Average.Deliveries, want.Average.Deliveries, 0.05)
			within(t, "bus of a master", got.Average.Bus, want.Average.Bus, 0.05)
			within(t, "processor of a master", got.Average.CPU, want.Average.CPU, 0.05)
			within(t, "messages of an instance", got.Messages, want.Instance.Messages, 0.05)
		})
	}
}

// A limit is one: below it the busiest master keeps up, above it what waits for it grows without
// end.
func TestBehindItsLimitAMasterFallsBehind(t *testing.T) {
	t.Parallel()
	limits := fleetmodel.DefaultLimits
	limits.CPU = 1
	of := func(requests float64) fleetmodel.Fleet { return fleetmodel.Of(requests, 12) }
	point, err := fleetmodel.Point(fleetmodel.Everyone, of, fleetmodel.Measured, limits)
	if err != nil || point == 0 {
		t.Fatal(point, err)
	}
	const runs = 60.0
	for _, row := range []struct {
		at     float64
		behind bool
	}{{0.85 * point, false}, {1.2 * point, true}} {
		got, err := fleetmodel.Simulate(of(row.at), fleetmodel.Measured, 1000/row.at, runs, 2)
		if err != nil {
			t.Fatal(err)
		}
		behind := got.Backlog > 5*time.Second
		t.Logf("%.0f requests a second: %.2f busy, %v to do at the end, 99 of 100 calls wait less than %v", row.at, got.Everyone.CPU, got.Backlog, got.Wait)
		if behind != row.behind {
			t.Errorf("at %.0f requests a second, where the model's limit is %.0f, the master is %v behind", row.at, point, got.Backlog)
		}
	}
}

// sticky is a fleet whose balancer sends the requests of a session to one instance.
func sticky(f fleetmodel.Fleet) fleetmodel.Fleet {
	f.Sticky = true
	return f
}

// changed is one with everything that has to change before it is large: announcements stay in their
// shard too, everyone's epoch has a copy on each master, and connections are few.
func changed(f fleetmodel.Fleet) fleetmodel.Fleet {
	f.Sticky, f.Sharded, f.Copies, f.Pool = true, true, f.Masters, 16
	return f
}

// fleets are those of docs/fleet.md.
var fleets = []fleetmodel.Fleet{
	fleetmodel.Of(10_000, 3), fleetmodel.Of(100_000, 25), sticky(fleetmodel.Of(100_000, 12)),
	fleetmodel.Of(1_000_000, 250), changed(fleetmodel.Of(1_000_000, 120)),
}

// TestTheTableOfTheModel prints it, for docs/fleet.md.
func TestTheTableOfTheModel(t *testing.T) {
	predictions := make([]fleetmodel.Prediction, len(fleets))
	for i, f := range fleets {
		p, err := f.Predict(fleetmodel.Measured)
		if err != nil {
			t.Fatal(err)
		}
		predictions[i] = p
	}
	row := func(what string, of func(p fleetmodel.Prediction) string) {
		text := "| " + what
		for _, p := range predictions {
			text += " | " + of(p)
		}
		t.Log(text + " |")
	}
	number := func(of func(p fleetmodel.Prediction) float64) func(fleetmodel.Prediction) string {
		return func(p fleetmodel.Prediction) string { return grouped(of(p)) }
	}
	type P = fleetmodel.Prediction
	row("requests/s", number(func(p P) float64 { return p.Fleet.Requests }))
	row("sessions", number(func(p P) float64 { return p.Fleet.Sessions }))
	row("instances", number(func(p P) float64 { return float64(p.Fleet.Instances) }))
	row("masters, each with a replica", number(func(p P) float64 { return float64(p.Fleet.Masters) }))
	row("a session's requests go to", func(p P) string {
		if p.Fleet.Sticky {
			return "one instance"
		}
		return "any"
	})
	row("from memory", func(p P) string { return fmt.Sprintf("%.0f %%", 100*p.FromRAM) })
	row("reads/s", number(func(p P) float64 { return p.Reads }))
	row("an unused entry stays", func(p P) string { return fmt.Sprintf("%.0f s", p.Kept) })
	row("entries used again within 30 s", number(func(p P) float64 { return p.Needed }))
	row("changes/s", number(func(p P) float64 { return p.Changes }))
	for _, m := range []struct {
		name string
		of   func(p P) fleetmodel.Master
	}{
		{"a master", func(p P) fleetmodel.Master { return p.Average }},
		{"everyone's master", func(p P) fleetmodel.Master { return p.Everyone }},
		{"largest tenant's master", func(p P) fleetmodel.Master { return p.Largest }},
	} {
		row(m.name+": commands/s", number(func(p P) float64 { return m.of(p).Commands }))
		row(m.name+": of one core", func(p P) string { return fmt.Sprintf("%.0f %%", 100*m.of(p).CPU) })
	}
	row("a master: deliveries/s", number(func(p P) float64 { return p.Average.Deliveries }))
	row("a master: bus messages/s", number(func(p P) float64 { return p.Average.Bus }))
	row("a master: MB/s of both out", number(func(p P) float64 { return p.Average.Out / 1e6 }))
	row("a master: connections at most", number(func(p P) float64 { return p.Average.Connections }))
	row("a master: GB", func(p P) string { return fmt.Sprintf("%.1f", p.Average.Memory/1e9) })
	row("an instance: cores", func(p P) string { return fmt.Sprintf("%.2f", p.Instance.CPU) })
	row("an instance: messages/s", number(func(p P) float64 { return p.Instance.Messages }))
	row("an instance: connections at most", number(func(p P) float64 { return p.Instance.Connections }))
	for _, choice := range fleetmodel.Choices {
		row("use of the limit: "+string(choice), func(p P) string {
			return fmt.Sprintf("%.2f", p.Use(fleetmodel.Measured, fleetmodel.DefaultLimits)[choice])
		})
		// As many masters as the processor time of all but the busiest needs, and three at least.
		anywhere := func(r float64) fleetmodel.Fleet { return fleetmodel.Of(r, max(3, int(math.Ceil(r/4000)))) }
		one := func(r float64) fleetmodel.Fleet { return sticky(fleetmodel.Of(r, max(3, int(math.Ceil(r/8000))))) }
		var points []string
		for _, of := range []func(float64) fleetmodel.Fleet{anywhere, one} {
			at, err := fleetmodel.Point(choice, of, fleetmodel.Measured, fleetmodel.DefaultLimits)
			if err != nil {
				t.Fatal(err)
			}
			if at == 0 {
				points = append(points, "no number of requests/s")
			} else {
				points = append(points, grouped(at)+" requests/s")
			}
		}
		t.Logf("%s has to change at %s, and with one instance for a session at %s", choice, points[0], points[1])
	}
}

// grouped prints a number with three figures that count.
func grouped(n float64) string {
	if n >= 1000 {
		step := math.Pow(10, math.Floor(math.Log10(n))-2)
		n = math.Round(n/step) * step
	}
	text := fmt.Sprintf("%.0f", n)
	for i := len(text) - 3; i > 0; i -= 3 {
		text = text[:i] + "," + text[i:]
	}
	return text
}

func TestAFleetThatCannotBeIsRefused(t *testing.T) {
	for name, change := range map[string]func(f *fleetmodel.Fleet){
		"no instance":   func(f *fleetmodel.Fleet) { f.Instances = 0 },
		"no master":     func(f *fleetmodel.Fleet) { f.Masters = 0 },
		"no session":    func(f *fleetmodel.Fleet) { f.Active = 0 },
		"negative skew": func(f *fleetmodel.Fleet) { f.Skew = -1 },
		"no requests":   func(f *fleetmodel.Fleet) { f.Requests = 0 },
	} {
		f := fleetmodel.Of(1000, 3)
		change(&f)
		if _, err := f.Predict(fleetmodel.Measured); err == nil {
			t.Errorf("%s: predicted", name)
		}
		if _, err := fleetmodel.Simulate(f, fleetmodel.Measured, 1, 1, 1); err == nil {
			t.Errorf("%s: simulated", name)
		}
	}
}
