package lint

import (
	"slices"
	"strings"

	"github.com/reevehq/reeve/authz/policy"
)

// offer has the targets of some rules, of the same name or of all names below one: which actions in
// which tenants. It is asked in time that does not grow with the rules.
type offer struct {
	pairs map[[2]string]bool // action and tenant, either of which may be one of the words below
	acts  map[string]int     // how many rules are for each action
}

// These words stand in pairs for any tenant, and for any action of a kind. No name begins so.
const (
	anyTenant = "\x00tenant"
	anyMethod = "\x00method"
	anyVerb   = "\x00verb"
)

func anyOf(act string) string {
	switch {
	case act == everything:
		return everything
	case policy.IsMethod(act):
		return anyMethod
	}
	return anyVerb
}

func (o *offer) add(r *ruleRow) {
	if o.pairs == nil {
		o.pairs, o.acts = map[[2]string]bool{}, map[string]int{}
	}
	for _, act := range [...]string{r.act, anyOf(r.act)} {
		o.pairs[[2]string{act, r.dom}] = true
		o.pairs[[2]string{act, anyTenant}] = true
	}
	o.acts[r.act]++
}

// meets reports whether one of the rules has an action and a tenant in common with others; an
// action of one kind is none of the other.
func (o *offer) meets(acts, doms []string) bool {
	for _, act := range acts {
		for _, dom := range doms {
			if o.pairs[[2]string{act, dom}] {
				return true
			}
		}
	}
	return false
}

// actsLike returns under which words rules stand that have the action in common with r or, unless
// it is asked for, one of the kind.
func (r *ruleRow) actsLike(asked bool) []string {
	switch {
	case r.act == everything:
		return []string{anyMethod, anyVerb, everything}
	case asked:
		return []string{r.act, everything}
	}
	return []string{anyOf(r.act), everything}
}

// domsLike is actsLike for tenants.
func (r *ruleRow) domsLike(asked bool) []string {
	if !asked || r.dom == everything {
		return []string{anyTenant}
	}
	return []string{r.dom, everything}
}

// offers calls f with the rules of every name that u covers or that covers some name of u, until
// it returns true.
func (t *targets) offers(u target, f func(*offer) bool) bool {
	for _, key := range namesOver(u) {
		if list := t.byName[key]; len(list) > 0 && f(t.offerAt(key, list)) {
			return true
		}
	}
	if !u.many {
		return false
	}
	below := t.below[u.prefix]
	if below == nil {
		below = &offer{}
		for _, key := range t.keysBelow(u.prefix) {
			for _, key := range [...]string{key, key + everything} {
				for _, i := range t.byName[key] {
					below.add(t.rules[i])
				}
			}
		}
		t.below[u.prefix] = below
	}
	return f(below)
}

func (t *targets) offerAt(key string, list []int) *offer {
	o := t.at[key]
	if o == nil {
		o = &offer{}
		for _, i := range list {
			o.add(t.rules[i])
		}
		t.at[key] = o
	}
	return o
}

// namesOver returns the names under which rules stand that cover some name of u and are not below it.
func namesOver(u target) []string {
	keys := []string{everything}
	if u.exact != "" {
		keys = append(keys, u.exact)
	}
	for _, name := range []string{u.exact, u.prefix} {
		for i := range len(name) {
			if name[i] == '/' || name[i] == ':' {
				keys = append(keys, name[:i+1]+everything)
			}
		}
	}
	return keys
}

// keysBelow returns the sorted keys that begin so.
func (t *targets) keysBelow(prefix string) []string {
	from, _ := slices.BinarySearch(t.sorted, prefix)
	to := from
	for to < len(t.sorted) && strings.HasPrefix(t.sorted[to], prefix) {
		to++
	}
	return t.sorted[from:to]
}
