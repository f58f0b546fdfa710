package condition_test

import (
	"encoding/csv"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/reevehq/reeve/authz/policy/condition"
)

const testAttributes = `
sub, dept,    string,  no,
sub, level,   int,     no,
sub, regions, strings, no,
sub, staff,   bool,    no,
env, hour,    int,     no,
env, net,     string,  no,
doc, owner,   string,  no, owner
doc, status,  string,  yes, status
doc, size,    int,     no, size
doc, score,   float,   no, score
doc, public,  bool,    no, public
doc, tags,    strings, no,
note, id,     string,  no,
`

// schema returns the schema that the rows of an attributes.csv declare.
func schema(t testing.TB, rows string) *condition.Schema {
	t.Helper()
	r := csv.NewReader(strings.NewReader(rows))
	r.TrimLeadingSpace = true
	records, err := r.ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	var list []condition.Attribute
	for _, f := range records {
		kind, ok := condition.ParseKind(f[2])
		if !ok {
			t.Fatal(f)
		}
		null, ok := condition.ParseNull(f[3])
		if !ok {
			t.Fatal(f)
		}
		list = append(list, condition.Attribute{Type: f[0], Name: f[1], Kind: kind, Null: null, Column: f[4]})
	}
	s, err := condition.NewSchema(list)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// conditions is a Compiler, with the attributes that it began with.
type conditions struct {
	*condition.Compiler
	schema *condition.Schema
}

func newConditions(t testing.TB, rows string) conditions {
	s := schema(t, rows)
	return conditions{condition.NewCompiler(s), s}
}

// Fresh returns conditions of the same attributes that have compiled nothing.
func (c conditions) Fresh() conditions { return conditions{condition.NewCompiler(c.schema), c.schema} }

// Compile compiles text for objects of typ. When it fails, at is the byte where.
func (c conditions) Compile(text, typ string) (at int, why string) {
	if _, bad := c.Compiler.Compile(text, typ); bad != nil {
		return bad.At, bad.Msg
	}
	return 0, ""
}

// Len returns how many conditions there are, the one that always holds included.
func (c conditions) Len() int { return len(c.Exprs()) }

func compile(t testing.TB, text, typ, rows string) (e condition.Expr, at int, why string) {
	c := newConditions(t, rows)
	at, why = c.Compile(text, typ)
	return c.Exprs()[c.Len()-1], at, why
}

// gen makes random texts.
type gen struct{ *rand.Rand }

func newGen(seed uint64) gen { return gen{rand.New(rand.NewPCG(seed, 7))} }

func pick[T any](g gen, of ...T) T { return of[g.IntN(len(of))] }
