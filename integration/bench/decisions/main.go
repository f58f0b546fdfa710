// Command decisions measures decisions on workloads of others: gdrive, github and TinyTodo of Cedar's
// paper, and SAPL's hospital, by Reeve, Casbin and, with the tag rivals, cedar-go and OPA. All have
// to agree on each decision before any is measured. "make bench" runs it.
//
//	go run -tags rivals ./decisions -sizes 50 -seeds 5
package main

import (
	"flag"
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/reevehq/reeve/integration/bench/internal/figure"
	"github.com/reevehq/reeve/integration/bench/workload"
)

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "decisions:", err)
		os.Exit(1)
	}
}

func run(args []string) error {
	flags := flag.NewFlagSet("decisions", flag.ExitOnError)
	names := flags.String("workloads", strings.Join(workload.Names, ","), "what is decided")
	sizes := flags.String("sizes", "10,50", "entities of each type of the workloads of Cedar's paper, which has 5 to 50")
	departments := flags.String("departments", "100,300", "departments of the hospital, of 33 policies each")
	seeds := flags.Int("seeds", 3, "seeds")
	rounds := flags.Int("rounds", 5, "rounds of a seed")
	each := flags.Duration("each", 100*time.Millisecond, "time of an engine in a round")
	svg := flags.String("svg", "", "file for a picture of the table")
	_ = flags.Parse(args)
	table := figure.NewTable("workload", "policies", "allowed", "engine", "a decision", "of Reeve's", "seeds", "CoV", "allocations")
	var bars []figure.Bar
	for _, name := range strings.Split(*names, ",") {
		list := *sizes
		if name == "hospital" {
			list = *departments
		}
		for _, text := range strings.Split(list, ",") {
			size, err := strconv.Atoi(text)
			if err != nil {
				return err
			}
			rows, head, err := workloadRows(name, size, *seeds, settings{*rounds, *each})
			if err != nil {
				return err
			}
			for _, s := range rows {
				ratio := ""
				if s.name != rows[0].name {
					ratio = figure.Times(s.median / rows[0].median)
				}
				table.Row(append(slices.Clone(head), s.name, figure.Short(s.median), ratio,
					figure.Short(s.least)+" – "+figure.Short(s.most), figure.Percent(s.spread), fmt.Sprintf("%.0f", s.allocs))...)
				bars = append(bars, figure.Bar{Label: head[0] + ", " + s.name, Text: figure.Short(s.median), Value: s.median, Ours: s.name == rows[0].name})
			}
			fmt.Fprintln(os.Stderr, "decisions: measured", head[0])
		}
	}
	fmt.Println(table)
	fmt.Println("All engines agreed on every decision. A CoV of 2 % and more is bold: such a row is an order of size.")
	if *svg == "" {
		return nil
	}
	return os.WriteFile(*svg, []byte(figure.Bars("a decision, on a logarithmic scale", bars)), 0o644)
}

// workloadRows measures one workload by all seeds, and returns a row for each engine.
func workloadRows(name string, size, seeds int, set settings) (rows []summary, head []string, err error) {
	list := engines()
	of := map[string][]*measured{}
	allowed, asked := 0, 0
	for seed := range seeds {
		w, err := workload.Make(name, size, uint64(seed))
		if err != nil {
			return nil, nil, err
		}
		all, n, err := measure(w, list, set)
		if err != nil {
			return nil, nil, err
		}
		for engine, m := range all {
			of[engine] = append(of[engine], m)
		}
		allowed, asked = allowed+n, asked+len(w.Requests)
		head = []string{w.Name, figure.Thousands(w.Policies), ""}
	}
	if asked == 0 {
		return nil, nil, fmt.Errorf("no seeds")
	}
	head[2] = fmt.Sprintf("%.0f %%", 100*float64(allowed)/float64(asked))
	for _, e := range list {
		rows = append(rows, summarize(e.name, of[e.name]))
	}
	return rows, head, nil
}
