package policy_test

//lint:file-ignore SA5008,U1000 what package json makes of odd tags and fields is asked

import (
	"encoding/json"
	"errors"
	"reflect"
	"testing"
	"time"

	"github.com/reevehq/reeve/authz/policy"
)

type (
	// Pays and AlsoPays have a field of one name, and Deep has it once more.
	Pays     struct{ Pay, Kept int }
	AlsoPays struct{ Pay int }
	Deep     struct{ *Pays }
	Memos    struct {
		Note int `json:"Memo"`
	}
	AlsoMemo struct{ Memo int }
	hidden   struct{ Shown int }

	twoOfOneName struct {
		Pays
		AlsoPays
		Salary int `json:"PAY"`
	}
	twiceTheSame struct {
		Left struct{ Pays } `json:"left"`
		Deep
		Other
		Salary int `json:"PAY"`
	}
	Other    struct{ *Pays }
	ofItself struct {
		*ofItself
		Salary int `json:"OFITSELF"`
	}
	badTag struct {
		Pay    int `json:"a\\b"`
		Salary int `json:"PAY"`
	}
	tagWins struct {
		Memos
		AlsoMemo
		Salary int `json:"MEMO"`
	}
	shadowed struct {
		Pay string
		Pays
		hidden
		time.Duration
		Skipped int `json:"-"`
		Dash    int `json:"-,"`
		secret  int
		Salary  int `json:"PAY"`
	}
)

// A name that package json would read into a field of another name is none of the struct: two structs
// that are embedded have fields of it, of which json sets none, and then takes one that differs in the
// case of its letters.
func TestNoNameIsBoundToAFieldOfAnotherName(t *testing.T) {
	e := mustLoad(t, folder(map[string]string{"policy.csv": `
p, role:hr, *, employee, update, true, allow
p, role:hr, *, field:employee/*, update, true, allow
p, role:hr, *, field:employee/PAY, update, true, deny
p, role:hr, *, field:employee/OFITSELF, update, true, deny
p, role:hr, *, field:employee/MEMO, update, true, deny
`}))
	m := mask(t, e, "hr", "update")
	names := []string{"pay", "Pay", "PAY", "kept", "Kept", "ofItself", "OfItself", "OFITSELF", `a\\b`, "memo", "Memo", "MEMO", "note", "Shown", "shown", "Duration", "duration", "-", "Skipped", "secret", "Pays", "pays", "left"}
	for _, c := range []struct {
		v    any
		want []string // of the names that are bound
	}{
		{&twoOfOneName{}, []string{"Kept"}},
		{&twiceTheSame{}, []string{"left"}},
		{&ofItself{}, nil},
		{&badTag{}, []string{"Pay"}},
		{&tagWins{}, []string{"Memo"}},
		{&shadowed{}, []string{"Pay", "Kept", "Shown", "Duration", "-"}},
	} {
		var bound []string
		for _, name := range names {
			for _, value := range []string{`7`, `"7"`, `{}`} {
				v := reflect.New(reflect.TypeOf(c.v).Elem())
				err := m.Bind([]byte(`{"`+name+`":`+value+`}`), v.Interface())
				if v.Elem().FieldByName("Salary").Int() != 0 {
					t.Errorf("%T: %s is bound to a field of another name", c.v, name)
				}
				if err == nil {
					bound = append(bound, name)
				} else if !errors.Is(err, policy.ErrField) && !errors.As(err, new(*json.UnmarshalTypeError)) {
					t.Errorf("%T: %s: %v", c.v, name, err)
				}
			}
		}
		if !reflect.DeepEqual(bound, c.want) {
			t.Errorf("%T: bound %q, want %q", c.v, bound, c.want)
		}
	}
}
