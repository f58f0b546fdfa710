package service

import (
	"slices"
	"strings"

	"github.com/reevehq/reeve/internal/configerr"
)

// inOrder returns the parts as they are opened: in the order in which they are listed, but for
// those that need a later one, which wait for it.
func inOrder(parts []Part, problems *configerr.Problems) []Part {
	named := map[string]bool{}
	for i, p := range parts {
		switch {
		case p.Name == "":
			problems.Add("Parts", "part %d has no Name", i)
		case named[p.Name]:
			problems.Add("Parts", "%q is there twice", p.Name)
		}
		named[p.Name] = true
	}
	for _, p := range parts {
		for _, dependency := range p.Needs {
			if !named[dependency] {
				problems.Add("Parts", "%q needs %q, which is no part", p.Name, dependency)
				return nil
			}
		}
	}
	var ordered []Part
	open := map[string]bool{}
	for rest := slices.Clone(parts); len(rest) > 0; {
		i := slices.IndexFunc(rest, func(p Part) bool {
			return !slices.ContainsFunc(p.Needs, func(dependency string) bool { return !open[dependency] })
		})
		if i < 0 {
			problems.Add("Parts", "these need each other: %s", strings.Join(names(rest), ", "))
			return nil
		}
		ordered = append(ordered, rest[i])
		open[rest[i].Name] = true
		rest = slices.Delete(rest, i, i+1)
	}
	return ordered
}

func names(parts []Part) []string {
	var all []string
	for _, p := range parts {
		all = append(all, p.Name)
	}
	return all
}
