// Package workload makes the workloads on which engines of others are measured: gdrive, github and
// TinyTodo of Cedar's paper (OOPSLA 2024), and the hospital of SAPL. Each is drawn by a seed, and
// each is written for Reeve, Casbin, Cedar and OPA, as somebody who knows the engine would.
//
// Hierarchies are followed before the clock runs wherever an engine takes them so: sessions
// carry roles, objects their paths, and OPA's data has closures. Only the decision is measured.
package workload

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"

	"github.com/reevehq/reeve/authz/policy"
)

// asked is how many requests a workload has, as in Cedar's paper and SAPL's benchmark.
const asked = 500

// chance is that of each edge, as in Cedar's paper.
const chance = 0.05

// deepest is how many edges a hierarchy has at most: Casbin follows ten links, and gdrive has
// three more than its folders. A deeper one, which is rare at these sizes, is drawn again.
const deepest = 7

// Workload is the data, the rules and the requests of one seed.
type Workload struct {
	Name     string // such as gdrive-50
	Seed     uint64
	Policies int // as its authors count them

	Policy     string // rows of policy.csv
	Attributes string // rows of attributes.csv

	Model string // of Casbin
	Rows  map[string][][]string

	Cedar    string
	Entities []Entity

	Rego string // of the package bench
	Data map[string]any

	Requests []Request
}

// Request is one question, in each engine's words.
type Request struct {
	Reeve  policy.Request
	Casbin []any
	Cedar  [3]UID // principal, action, resource
	Rego   map[string]any
}

// UID names an entity of Cedar's.
type UID struct{ Type, ID string }

// Entity is one entity of Cedar's. Attributes are texts, bools, whole numbers, UIDs and []UID.
type Entity struct {
	UID        UID
	Parents    []UID
	Attributes map[string]any
}

// Names are those that Make knows.
var Names = []string{"gdrive", "github", "tinytodo", "hospital"}

// Make draws a workload. Size is the number of entities of each type, and of the hospital's
// departments.
func Make(name string, size int, seed uint64) (*Workload, error) {
	if size < 1 {
		return nil, fmt.Errorf("workload: a size of %d", size)
	}
	// A seed is drawn from once, so that one size's data is no beginning of another's.
	random := rand.New(rand.NewPCG(seed, uint64(size)))
	var w *Workload
	switch name {
	case "gdrive":
		w = gdrive(random, size)
	case "github":
		w = github(random, size)
	case "tinytodo":
		w = tinytodo(random, size)
	case "hospital":
		w = hospital(random, size)
	default:
		return nil, fmt.Errorf("workload: no %q: %s", name, strings.Join(Names, ", "))
	}
	w.Name, w.Seed = fmt.Sprintf("%s-%d", name, size), seed
	return w, nil
}

// graph is edges from a name to names.
type graph map[string][]string

// closure returns a name and all that it leads to, sorted.
func (g graph) closure(from string) []string {
	seen := map[string]bool{}
	var walk func(name string)
	walk = func(name string) {
		if !seen[name] {
			seen[name] = true
			for _, next := range g[name] {
				walk(next)
			}
		}
	}
	walk(from)
	return slices.Sorted(maps.Keys(seen))
}

// depth is the longest way in a graph without cycles.
func (g graph) depth() int {
	known := map[string]int{}
	var deep func(name string) int
	deep = func(name string) int {
		if d, ok := known[name]; ok {
			return d
		}
		most := 0
		for _, next := range g[name] {
			most = max(most, 1+deep(next))
		}
		known[name] = most
		return most
	}
	most := 0
	for name := range g {
		most = max(most, deep(name))
	}
	return most
}

// nested draws a hierarchy without cycles: each name leads only to names before it.
func nested(random *rand.Rand, prefix string, size int) graph {
	for {
		g := graph{}
		for i := range size {
			g[name(prefix, i)] = some(random, prefix, i)
		}
		if g.depth() <= deepest {
			return g
		}
	}
}

// some draws each of so many names by the chance of an edge.
func some(random *rand.Rand, prefix string, size int) []string {
	var all []string
	for i := range size {
		if random.Float64() < chance {
			all = append(all, name(prefix, i))
		}
	}
	return all
}

func name(prefix string, i int) string { return fmt.Sprintf("%s%d", prefix, i) }

func one[T any](random *rand.Rand, of []T) T { return of[random.IntN(len(of))] }

// rows are edges as Casbin's.
func (g graph) rows() [][]string {
	var rows [][]string
	for _, from := range slices.Sorted(maps.Keys(g)) {
		for _, to := range g[from] {
			rows = append(rows, []string{from, to})
		}
	}
	return rows
}

// uids are names as entities of one type.
func uids(typ string, names []string) []UID {
	all := make([]UID, len(names))
	for i, n := range names {
		all[i] = UID{typ, n}
	}
	return all
}

// set is names as OPA looks them up.
func set(names []string) map[string]any {
	all := make(map[string]any, len(names))
	for _, n := range names {
		all[n] = true
	}
	return all
}

// word is a name as Reeve's policies write types and actions.
func word(s string) string {
	var b strings.Builder
	for i, r := range s {
		if r >= 'A' && r <= 'Z' {
			if i > 0 {
				b.WriteByte('_')
			}
			r += 'a' - 'A'
		}
		b.WriteRune(r)
	}
	return b.String()
}
