package policy

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/reevehq/reeve/authz/policy/condition"
	"github.com/reevehq/reeve/authz/policy/internal/sqltext"
)

// ErrSort means that a list cannot be in the order that is asked for. [ParseSort] says so of what a
// client sent: a handler hands it on, and the middleware answers it 400. [Predicate.Page] says so of
// an attribute that no list is in the order of, and then it is a mistake of the service that wraps
// [ErrMisused] too.
var ErrSort = errors.New("policy: no such order of a list")

// maxSorts is how many attributes a list is in the order of, its id not counted.
const maxSorts = 4

// Sort is an attribute by which a list is in order.
type Sort struct {
	Attribute  string // of the objects, as attributes.csv names it
	Descending bool
}

// ParseSort returns the order that a client asks for by names of attributes, the most significant
// first, with - before one that descends: "-created,title". "" is no order but that of the ids. The
// names are among those of allowed, which the service chooses: attributes of which an index is in
// order, and which the caller may read. A caller who sorts by an attribute can find out its values.
func ParseSort(text string, allowed ...string) ([]Sort, error) {
	if text == "" {
		return nil, nil
	}
	if len(text) > maxSorts*(condition.MaxName+2) {
		return nil, fmt.Errorf("%w: %d bytes", ErrSort, len(text))
	}
	var sorts []Sort
	for name := range strings.SplitSeq(text, ",") {
		name, descending := strings.CutPrefix(name, "-")
		if !slices.Contains(allowed, name) {
			return nil, fmt.Errorf("%w: %s is not among %s", ErrSort, shown(quote(name)), strings.Join(allowed, ", "))
		}
		if slices.ContainsFunc(sorts, func(s Sort) bool { return s.Attribute == name }) {
			return nil, fmt.Errorf("%w: %s stands there twice", ErrSort, name)
		}
		sorts = append(sorts, Sort{name, descending})
	}
	if len(sorts) > maxSorts {
		return nil, fmt.Errorf("%w: %d attributes, at most %d are allowed", ErrSort, len(sorts), maxSorts)
	}
	return sorts, nil
}

// sortKey is a column that a list is in the order of.
type sortKey struct {
	sqltext.Key
	name string
}

// keysOf returns the columns of an order, of which the last is that of the id: it goes the way of
// the attribute before it, so that an index has them in one direction.
func (t *table) keysOf(typ string, sorts []Sort) ([]sortKey, error) {
	if len(sorts) > maxSorts {
		return nil, fmt.Errorf("%w: %w: %d attributes, at most %d are allowed", ErrMisused, ErrSort, len(sorts), maxSorts)
	}
	var keys []sortKey
	for _, s := range sorts {
		a := t.schema.Object(typ, s.Attribute)
		if why := unsortable(a); why != "" {
			return nil, fmt.Errorf("%w: %w: %s of %s %s", ErrMisused, ErrSort, shown(quote(s.Attribute)), typ, why)
		}
		if slices.ContainsFunc(keys, func(k sortKey) bool { return k.name == s.Attribute }) {
			return nil, fmt.Errorf("%w: %w: %s of %s stands there twice", ErrMisused, ErrSort, s.Attribute, typ)
		}
		keys = append(keys, keyOfAttribute(a, s.Descending))
	}
	if !slices.ContainsFunc(keys, func(k sortKey) bool { return k.name == t.id.Name }) {
		keys = append(keys, keyOfAttribute(t.id, len(keys) > 0 && keys[len(keys)-1].Descending))
	}
	return keys, nil
}

func keyOfAttribute(a *condition.Attribute, descending bool) sortKey {
	return sortKey{sqltext.Key{Column: a.Column, Kind: a.Kind, Descending: descending}, a.Name}
}

// unsortable says why no list is in the order of an attribute, "" where one can be. A row whose
// column is NULL would be on no page but the first: NULL stands neither before nor after a value.
func unsortable(a *condition.Attribute) string {
	switch {
	case a == nil:
		return "is no attribute"
	case a.Kind == KindStrings || a.Kind == KindParent:
		return "is of kind " + a.Kind.String() + ", which has no order"
	case a.Column == "":
		return "has no column"
	case a.Null != condition.NullNever:
		return "may be NULL, and such rows have no place among the pages: declare it no in " + AttributesFile + " once the column is NOT NULL"
	}
	return ""
}
