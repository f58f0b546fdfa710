// Package casbinsurvey asks a policy of any Casbin model about all requests that its rows tell
// apart, and not about one: which requests two policies decide differently, and who may do what.
//
//	before, err := casbinsurvey.New(oldModel, oldEnforcer)
//	after, err := casbinsurvey.New(newModel, newEnforcer)
//	report, err := casbinsurvey.Diff(before, after)
//
// A request is a list of texts. The texts that are asked are those that rows, role links and the
// matcher name, and one that none of them does, which stands for all others. Where a matcher
// compares texts as they are, this is every request that there can be. Where it matches patterns,
// one text stands for what each pattern matches, and [Policy.Notes] says so.
//
// For the standard model package impact answers the same questions for conditions too, and
// without asking.
package casbinsurvey

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/casbin/casbin/v2/model"
)

// ErrModel is why a model cannot be surveyed.
var ErrModel = errors.New("casbinsurvey: the model cannot be surveyed")

// maxAsked is how many requests are asked about. More take minutes.
const maxAsked = 1_000_000

// Enforcer decides: an index, or an enforcer of Casbin.
type Enforcer interface {
	EnforceEx(values ...any) (bool, []string, error)
}

// Answer is the outcome of a request.
type Answer uint8

// The answers. Some is of a line of a [Matrix] alone.
const (
	Deny   Answer = iota
	Allow         //
	Failed        // an error, which allows nothing
	Some          // of the texts that a pattern matches some are allowed
)

// String returns "deny", "allow", "error" or "some".
func (a Answer) String() string { return [...]string{"deny", "allow", "error", "some"}[a&3] }

// Policy is a policy that questions can be asked of. It does not change.
type Policy struct {
	enforcer Enforcer
	model    model.Model
	fields   []field
}

// New returns a policy. The model has its rows, and the enforcer decides by them.
// The error wraps [ErrModel].
func New(m model.Model, e Enforcer) (*Policy, error) {
	if e == nil || m["r"]["r"] == nil || m["m"]["m"] == nil || m["p"]["p"] == nil {
		return nil, fmt.Errorf("%w: it has no request, no rule, no matcher, or nothing decides by it", ErrModel)
	}
	p := &Policy{enforcer: e, model: m}
	for _, token := range m["r"]["r"].Tokens {
		p.fields = append(p.fields, field{word: token, name: strings.TrimPrefix(token, "r_")})
	}
	if err := p.read(m["m"]["m"].Value, 0); err != nil {
		return nil, err
	}
	return p, nil
}

// Fields returns the names of the values of a request. The slice is the caller's.
func (p *Policy) Fields() []string {
	names := make([]string, len(p.fields))
	for i, f := range p.fields {
		names[i] = f.name
	}
	return names
}

// Notes says what is not compared as it stands: of that, one text stands for what each pattern
// matches, and others may be decided otherwise.
func (p *Policy) Notes() []string {
	var notes []string
	for _, f := range p.fields {
		for _, how := range f.by {
			notes = append(notes, fmt.Sprintf("r.%s is compared by %s: one text was asked for what each pattern matches, and others may be decided otherwise", f.name, how))
		}
		if len(f.meets) > 0 {
			notes = append(notes, fmt.Sprintf("r.%s is compared with r.%s: other and another are two texts that nothing names", f.name, p.fields[f.meets[0]].name))
		}
	}
	return notes
}

// ask returns what the policy decides. A panic of the enforcer is an error.
func (p *Policy) ask(values []string) (a Answer) {
	defer func() {
		if recover() != nil {
			a = Failed
		}
	}()
	all := make([]any, len(values))
	for i, v := range values {
		all[i] = v
	}
	allowed, _, err := p.enforcer.EnforceEx(all...)
	switch {
	case err != nil:
		return Failed
	case allowed:
		return Allow
	}
	return Deny
}

// space returns the texts that requests of some policies of one model's requests are made of, by
// field. The last one stands for all that nothing names where others is 1; the last two are such
// texts, and stand for themselves, where it is 0.
func space(policies ...*Policy) (texts [][]string, others []int, err error) {
	n := len(policies[0].fields)
	named := make([]map[string]bool, n)
	meet := make([]map[int]bool, n)
	for i := range n {
		named[i], meet[i] = map[string]bool{}, map[int]bool{i: true}
		for _, p := range policies {
			for _, text := range p.texts(i) {
				named[i][text] = true
			}
			for _, j := range p.fields[i].meets {
				meet[i][j] = true
			}
		}
	}
	total := 1
	for i := range n {
		all := map[string]bool{}
		for j := range meet[i] { // what is compared with each other has the same texts
			for text := range named[j] {
				all[text] = true
			}
		}
		list := make([]string, 0, len(all)+2)
		for text := range all {
			list = append(list, text)
		}
		slices.Sort(list)
		fresh := []string{"other"}
		if len(meet[i]) > 1 {
			fresh = []string{"other", "another"} // two that are equal, and two that are not
		}
		for _, text := range fresh {
			for isNamed(named, text) {
				text += "-"
			}
			list = append(list, text)
		}
		texts, others = append(texts, list), append(others, len(fresh)%2)
		if total *= len(list); total > maxAsked {
			return nil, nil, fmt.Errorf("%w: more than %d requests are told apart by its rows", ErrModel, maxAsked)
		}
	}
	return texts, others, nil
}

func isNamed(named []map[string]bool, text string) bool {
	return slices.ContainsFunc(named, func(texts map[string]bool) bool { return texts[text] })
}
