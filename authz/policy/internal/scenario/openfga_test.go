package scenario

import (
	"encoding/json"
	"slices"
	"testing"

	"github.com/reevehq/reeve/authz/policy"
)

// store is a relation model with tuples and assertions. A rule says who has a relation to an
// object: those in tuples, those of another relation of the same object, or those of a relation of
// the objects found under through.
type store struct {
	Model map[string]map[string]struct{ Rule node }

	Conditions map[string]struct {
		Parameters map[string]string
		Expression term
	}
	Tuples []tuple
	Cases  []storeCase
}

type node struct {
	Direct []struct {
		Type, Relation, Condition string
		Wildcard                  bool
	}
	Relation, Through string
	Or, And, Not      []node
}

type tuple struct {
	User, Relation, Object string
	Condition              *struct {
		Name    string
		Context map[string]any
	}
}

type storeCase struct {
	ID, Kind, User, Relation, Object, Type string

	Filter  struct{ Type, Relation string }
	Context map[string]any
	Expect  json.RawMessage
	Tuples  []tuple
}

// notSaid are the assertions that no policy of ours says, by store and user. The tuple of that user has
// a condition for which the language has no words: endsWith, contains and patterns on texts;
// durations; maps; elements of a list by number and quantifiers; addresses that are equal.
var notSaid = map[string][]string{
	"condition-data-types": {"user:string", "user:duration", "user:mapstring", "user:liststring", "user:ipaddress"},
}

// Every assertion of every store, those about lists by asking about each object or user, is
// answered as published. A model is translated once: a row for each relation of each type, whose
// condition is about the lists that the object's own tuples are; tuples of groups, parents and all
// that others refer to are g rows, so that a role is a relation to one of them.
func TestOpenFGAStoresAreAnsweredAsPublished(t *testing.T) {
	asked, refused := 0, 0
	for _, file := range vectors(t, "openfga") {
		t.Run(named(file), func(t *testing.T) {
			var s store
			readJSON(t, file, &s)
			for _, c := range s.Cases {
				tr := translate(t, &s, c)
				if tr.silent(c.User) {
					refused++
					if !slices.Contains(notSaid[named(file)], c.User) {
						t.Errorf("%s: not said: %v", c.ID, tr.refused)
					}
					continue
				}
				asked += tr.run(t, c)
			}
		})
	}
	t.Logf("%d decisions; %d assertions cannot be said", asked, refused)
	if !t.Failed() && asked < 290 {
		t.Errorf("%d decisions: the vectors changed", asked)
	}
}

// run asks what a case asserts and returns how many decisions that took.
func (tr *translation) run(t *testing.T, c storeCase) int {
	t.Helper()
	if c.Kind == "check" {
		var want bool
		if err := json.Unmarshal(c.Expect, &want); err != nil {
			t.Fatal(err)
		}
		if got := tr.ask(t, c, c.User, c.Object); got != want {
			t.Errorf("%s: %s %s %s is %v, want %v\n%s", c.ID, c.User, c.Relation, c.Object, got, want, tr.rules)
		}
		return 1
	}
	var want, got []string
	if err := json.Unmarshal(c.Expect, &want); err != nil {
		t.Fatal(err)
	}
	of, ask := tr.objects, func(x string) bool { return tr.ask(t, c, c.User, x) }
	kind := c.Type
	if c.Kind == "users" {
		of, ask = tr.users, func(x string) bool { return tr.ask(t, c, x, c.Object) }
		kind = c.Filter.Type
		if slices.Contains(want, kind+":*") { // everybody, also somebody who is in no tuple
			of, want = append(slices.Clone(of), kind+":somebody"), nil
			for _, x := range of {
				if typeOf(x) == kind && relationOf(x) == "" {
					want = append(want, x)
				}
			}
		}
	}
	n := 0
	for _, x := range of {
		if typeOf(x) != kind || c.Filter.Relation != relationOf(x) {
			continue
		}
		n++
		if ask(x) {
			got = append(got, x)
		}
	}
	slices.Sort(want)
	slices.Sort(got)
	if !slices.Equal(want, got) {
		t.Errorf("%s: %v, want %v\n%s", c.ID, got, want, tr.rules)
	}
	return n
}

// ask decides one assertion.
func (tr *translation) ask(t *testing.T, c storeCase, user, object string) bool {
	t.Helper()
	subject := policy.Subject{ID: plain(user), Attributes: policy.Values{"kind": typeOf(user)}}
	if relationOf(user) != "" { // all who have a relation to a group, and nothing more
		subject = policy.Subject{ID: "nobody", Roles: policy.RoleNames{role(user)}, Attributes: policy.Values{"kind": "-"}}
	}
	return allows(t, tr.engine, policy.Request{
		Subject: subject, Action: policy.Action(c.Relation), Env: tr.env(t, c.Context),
		Object: policy.Object{Type: typeOf(object), ID: plain(object), Attributes: tr.attributes(object)},
	})
}
