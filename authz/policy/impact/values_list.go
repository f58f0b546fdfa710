package impact

import (
	"slices"
)

// maxSubsets is of how many texts every list is tried.
const maxSubsets = 6

func (d *domain) listsOf(c *component) (all []any) {
	texts := distinct(c.texts)
	if c.pairs {
		texts = d.textsOf(c)
	}
	if len(texts) <= maxSubsets {
		for set := 1<<len(texts) - 1; set >= 0; set-- {
			list := []string{}
			for i, s := range texts {
				if set>>i&1 != 0 {
					list = append(list, s)
				}
			}
			all = append(all, list)
		}
		return all
	}
	d.complete = false
	all = append(all, texts, []string{})
	for i := range texts {
		all = append(all, []string{texts[i]}, slices.Concat(texts[:i], texts[i+1:]))
	}
	return all
}
