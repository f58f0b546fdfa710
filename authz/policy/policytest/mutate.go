package policytest

import (
	"context"
	"fmt"
	"io/fs"
	"maps"
	"slices"
	"testing/fstest"
	"time"

	"github.com/reevehq/reeve/authz/policy"
	"github.com/reevehq/reeve/authz/policy/internal/requestrow"
	"github.com/reevehq/reeve/internal/policycsv"
)

// Mutation is how a table fares against mistakes in its policy.
type Mutation struct {
	// Killed counts the mutants on which some case of the table fails.
	Killed int

	// Survivors are those on which none does although a request tells them apart: each has a
	// Suggestion, and several may share one.
	Survivors []Mutant

	// Same are those on which no request was found that tells them apart. Some mean the same, as an
	// allow rule that another covers, and some differ where nobody looked.
	Same []Mutant
}

// Score returns the share of mutants that are killed, of those that some request tells apart. It
// is 1 where there are none.
func (m Mutation) Score() float64 {
	if m.Killed == 0 && len(m.Survivors) == 0 {
		return 1
	}
	return float64(m.Killed) / float64(m.Killed+len(m.Survivors))
}

// Mutate makes one mistake at a time in the rules and grants of the policy in fsys, and asks the
// cases again. A table that does not notice a mistake would not notice it in a review either.
//
// Mistakes are: a row is gone, is for everybody or for every tenant, has the other effect, a wider
// object or every action; a condition is gone, turned round, or has another operator; the roles of
// a grant are swapped. A mutant that does not load is none. The cases must pass, see [Evaluate].
func Mutate(ctx context.Context, fsys fs.FS, cases []Case) (Mutation, error) {
	bundle, err := policy.ReadBundle(fsys)
	if err != nil {
		return Mutation{}, err
	}
	files := fstest.MapFS{}
	for _, name := range bundle.Files() {
		content, _ := bundle.Content(name)
		files[name] = &fstest.MapFile{Data: []byte(content)}
	}
	opts := policy.Options{Clock: noon}
	engine, err := policy.Load(files, opts)
	if err != nil {
		return Mutation{}, err
	}
	for _, c := range cases {
		if d, err := engine.Decide(ctx, c.Request); err != nil || d.Effect != c.Want {
			return Mutation{}, fmt.Errorf("%s:%d: the case fails already", c.File, c.Line)
		}
	}
	var m Mutation
	var chosen []int              // probes that are suggested already
	suggested := map[int]string{} // as rows
	probes := probesOf(engine, cases)
	said := make([]policy.Effect, len(probes))
	for i, r := range probes {
		if d, err := engine.Decide(ctx, r); err == nil {
			said[i] = d.Effect
		}
	}
	for _, name := range bundle.Files() {
		if name == policy.ModelFile || name == policy.AttributesFile || name == policy.CeilingFile {
			continue
		}
		content, _ := bundle.Content(name)
		for _, mutant := range mutantsOf(name, content) {
			if err := ctx.Err(); err != nil {
				return Mutation{}, err
			}
			changed := maps.Clone(files)
			changed[name] = &fstest.MapFile{Data: []byte(mutant.content)}
			e, err := policy.Load(changed, opts)
			if err != nil {
				continue
			}
			if slices.ContainsFunc(cases, func(c Case) bool {
				d, err := e.Decide(ctx, c.Request)
				return err != nil || d.Effect != c.Want
			}) {
				m.Killed++
				continue
			}
			i := differing(ctx, e, probes, said, chosen)
			if i < 0 {
				m.Same = append(m.Same, mutant)
				continue
			}
			if mutant.Suggestion = suggested[i]; mutant.Suggestion == "" {
				mutant.Suggestion = suggestion(probes[i], said[i], fmt.Sprintf("not when %s (%s:%d)", mutant.Change, mutant.File, mutant.Line))
				suggested[i], chosen = mutant.Suggestion, append(chosen, i)
			}
			m.Survivors = append(m.Survivors, mutant)
		}
	}
	return m, nil
}

// differing returns a request that tells the mutant from the policy, one that is chosen already
// where that does, and -1 where none is known.
func differing(ctx context.Context, e *policy.Engine, probes []policy.Request, said []policy.Effect, chosen []int) int {
	differs := func(i int) bool {
		d, err := e.Decide(ctx, probes[i])
		return err == nil && d.Effect != said[i]
	}
	for _, i := range chosen {
		if differs(i) {
			return i
		}
	}
	for i := range probes {
		if differs(i) {
			return i
		}
	}
	return -1
}

// noon is when a row without a time is decided.
func noon() time.Time { return time.Date(2000, 1, 1, 12, 0, 0, 0, time.UTC) }

// Cover is how often a table's cases are decided by a rule.
type Cover struct {
	Rule  policy.Rule
	Cases int
}

// Coverage counts, for each rule, the results that it decided. Rules with none are idle.
func Coverage(rules []policy.Rule, results []Result) []Cover {
	type position struct {
		file string
		line int
	}
	count := map[position]int{}
	for _, r := range results {
		for _, why := range r.Decision.Reasons {
			count[position{why.File, why.Line}]++
		}
	}
	all := make([]Cover, len(rules))
	for i, r := range rules {
		all[i] = Cover{r, count[position{r.File, r.Line}]}
	}
	return all
}

// suggestion returns a request as a row of a table. Each probe can be written.
func suggestion(r policy.Request, want policy.Effect, note string) string {
	row, _ := requestrow.Of(r)
	return policycsv.Join(append(row[:], want.String(), note))
}
