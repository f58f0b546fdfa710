// Package policytest runs tables of requests against a policy, so that a policy is tested
// beside its rules by those who write them:
//
//	func TestPolicy(t *testing.T) {
//		policytest.Run(t, os.DirFS("policies"), "policy_test.csv")
//	}
//
// A row is tenant, subject, roles, action, object, attributes, want, note:
//
//	acme, user:alice, editor, update, invoice:1, owner=alice;status=paid, deny, paid is final
//
// For most uses [Run] is enough. [Evaluate] says which rows fail and which rules decide none, [Coverage] how many rows each rule
// decides, and [Mutate] which mistakes in the policy no row would notice, with rows that would.
//
// The object of a row is of the row's tenant. A row that gives no env.time is decided at noon of 2000-01-01 (UTC), so that no table has
// other results tomorrow. The policies folder of this module has a table that explains each column.
package policytest

import (
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/reevehq/reeve/authz/policy"
	"github.com/reevehq/reeve/internal/hint"
	"github.com/reevehq/reeve/tenant"
)

// Case is one row of a table.
type Case struct {
	Request policy.Request
	Want    policy.Effect
	Note    string
	File    string
	Line    int
}

// Name returns where the case stands and what it is about, as the name of a subtest.
func (c Case) Name() string {
	return fmt.Sprintf("line %d %s", c.Line, c.Note)
}

// Load reads a table. It needs the declared attributes, [policy.Engine.Attributes], to know
// which values are numbers. Every row that cannot be read is an error, with its position.
func Load(fsys fs.FS, name string, declared []policy.Attribute) ([]Case, error) {
	data, err := fs.ReadFile(fsys, name)
	if err != nil {
		return nil, fmt.Errorf("policytest: %w", err)
	}
	r := csv.NewReader(strings.NewReader(string(data)))
	r.Comment = '#'
	r.TrimLeadingSpace = true
	r.FieldsPerRecord = -1
	kinds := declaredKinds(declared)
	var cases []Case
	var bad []error
	for {
		fields, err := r.Read()
		if errors.Is(err, io.EOF) {
			break
		}
		if unread := (*csv.ParseError)(nil); errors.As(err, &unread) {
			bad = append(bad, fmt.Errorf("%s:%d:%d: a double quote inside a value, or one that does not end: quote a value as a whole", name, unread.Line, unread.Column))
			break
		}
		if err != nil {
			bad = append(bad, fmt.Errorf("%s: %w", name, err))
			break
		}
		line, _ := r.FieldPos(0)
		c, err := parse(fields, kinds)
		if err != nil {
			bad = append(bad, fmt.Errorf("%s:%d: %w", name, line, err))
			continue
		}
		c.File, c.Line = name, line
		cases = append(cases, c)
	}
	if len(cases) == 0 && len(bad) == 0 {
		bad = append(bad, fmt.Errorf("%s: no cases", name))
	}
	return cases, errors.Join(bad...)
}

// declaredKinds returns the kinds of attributes by type and name; those of a parent stand behind its
// name, as project.owner.
func declaredKinds(declared []policy.Attribute) map[[2]string]policy.AttributeKind {
	kinds := map[[2]string]policy.AttributeKind{}
	for _, a := range slices.Concat(policy.EnvAttributes(), declared) {
		kinds[[2]string{a.Type, a.Name}] = a.Kind
	}
	for _, a := range declared {
		if a.Kind != policy.KindParent {
			continue
		}
		kinds[[2]string{a.Type, a.Name + ".id"}] = policy.KindString
		for _, b := range declared {
			if b.Type == a.Relation.Target && b.Kind != policy.KindParent {
				kinds[[2]string{a.Type, a.Name + "." + b.Name}] = b.Kind
			}
		}
	}
	return kinds
}

func parse(f []string, kinds map[[2]string]policy.AttributeKind) (c Case, err error) {
	if len(f) != 8 {
		return Case{}, fmt.Errorf("%d values, 8 are needed: tenant, subject, roles, action, object, attributes, want, note%s", len(f), miscounted(f))
	}
	for i := range f {
		f[i] = strings.TrimSpace(f[i])
	}
	c.Request.Action = policy.Action(f[3])
	c.Note = f[7]
	if f[0] != "" {
		if c.Request.Tenant, err = tenant.Parse(f[0]); err != nil {
			return Case{}, err
		}
	}
	if c.Request.Subject, err = parseSubject(f[1], f[2]); err != nil {
		return Case{}, err
	}
	if c.Request.Object, err = parseObject(f[4]); err != nil {
		return Case{}, err
	}
	if c.Request.Object.ID != "" && f[0] == "" {
		return Case{}, fmt.Errorf("the object %q belongs to a tenant: write it in the first column, for an anonymous subject too", f[4])
	}
	if c.Request.Object.ID != "" {
		c.Request.Object.Tenant = c.Request.Tenant
	}
	if err := parseAttributes(&c.Request, f[5], kinds); err != nil {
		return Case{}, err
	}
	switch f[6] {
	case "allow":
		c.Want = policy.Allow
	case "deny":
		c.Want = policy.Deny
	default:
		return Case{}, fmt.Errorf("want is allow or deny, not %s", hint.Quote(f[6])+didYouMean(f[6], "allow", "deny"))
	}
	return c, nil
}

// miscounted says what is wrong with a row of another number of values.
func miscounted(f []string) string {
	switch {
	case len(f) == 1 && strings.ContainsAny(f[0], ";\t"):
		return ": they are separated by commas"
	case len(f) > 8 && strings.Trim(strings.Join(f[8:], ""), " ") == "":
		return ": remove the commas after the note"
	case len(f) > 8:
		return ": a note or a list of attributes that holds a comma stands in double quotes"
	}
	return ", also where one is empty"
}

// didYouMean says which of the words s was probably meant to be, if any.
func didYouMean(s string, words ...string) string {
	if near := hint.Nearest(s, words); near != "" {
		return ": did you mean " + near + "?"
	}
	return ""
}

func parseSubject(subject, roles string) (policy.Subject, error) {
	names := policy.RoleNames(strings.Fields(roles))
	for _, name := range names {
		if role, is := strings.CutPrefix(name, "role:"); is {
			return policy.Subject{}, fmt.Errorf("%s is no role that a session has: write %s", hint.Quote(name), hint.Text(role))
		}
		if strings.ContainsAny(name, ";,|") {
			return policy.Subject{}, fmt.Errorf("%s is no role: several stand with spaces between", hint.Quote(name))
		}
	}
	if subject == "anonymous" {
		return policy.Subject{Roles: names}, nil
	}
	id, ok := strings.CutPrefix(subject, "user:")
	if !ok || id == "" {
		return policy.Subject{}, fmt.Errorf("subject is user:<id> or anonymous, not %s%s", hint.Quote(subject), subjectHint(subject))
	}
	return policy.Subject{ID: id, Roles: names}, nil
}

func subjectHint(s string) string {
	switch {
	case s == "":
		return ": write anonymous for a caller without a session"
	case strings.HasPrefix(s, "role:"):
		return ": roles stand in the next value"
	case !strings.Contains(s, ":") && !strings.EqualFold(s, "anonymous"):
		return ": write user:" + hint.Text(s)
	}
	return didYouMean(s, "anonymous")
}

func parseObject(object string) (policy.Object, error) {
	if strings.HasPrefix(object, "/") {
		return policy.Route(object), nil
	}
	typ, id, found := strings.Cut(object, ":")
	if typ == "" || found && id == "" {
		return policy.Object{}, fmt.Errorf("object is a route, a type or type:id, not %s", hint.Quote(object))
	}
	return policy.Object{Type: typ, ID: id}, nil
}

func parseAttributes(r *policy.Request, text string, kinds map[[2]string]policy.AttributeKind) error {
	sub, env, obj := policy.Values{}, policy.Values{}, policy.Values{}
	r.Subject.Attributes, r.Env, r.Object.Attributes = sub, env, obj
	if text == "" {
		return nil
	}
	for pair := range strings.SplitSeq(text, ";") {
		name, value, ok := strings.Cut(strings.TrimSpace(pair), "=")
		if !ok {
			return fmt.Errorf("an attribute is name=value, not %s: pairs are separated by semicolons", hint.Quote(pair))
		}
		of, into := r.Object.Type, obj
		kind := kinds[[2]string{of, name}]
		if part, rest, ok := strings.Cut(name, "."); ok {
			switch {
			case part == "sub":
				into = sub
			case part == "env":
				into = env
			case kind != 0:
				if into, ok = obj[part].(policy.Values); !ok {
					into = policy.Values{}
					obj[part] = into
				}
			default:
				return fmt.Errorf("an attribute is of sub, of env, or of the object without a prefix, not of %s%s", hint.Quote(part), didYouMean(part, "sub", "env"))
			}
			if of, name = part, rest; kind == 0 {
				kind = kinds[[2]string{of, name}]
			}
		}
		if slices.Contains(strings.Split(r.Object.Route, "/"), ":"+name) && of == "" {
			kind = policy.KindString // a parameter of the route
		}
		if _, twice := into[name]; twice {
			return fmt.Errorf("attribute %s of %s is there twice", hint.Text(name), hint.Quote(of))
		}
		if n := len(value); n > 1 && (value[0] == '\'' || value[0] == '"') && value[n-1] == value[0] {
			return fmt.Errorf("attribute %s of %s: quotes would be part of the value: write %s", hint.Text(name), hint.Quote(of), hint.Text(value[1:n-1]))
		}
		v, err := parseValue(value, kind)
		if err != nil {
			return fmt.Errorf("attribute %s of %s: %w%s", hint.Text(name), hint.Quote(of), err, attributeHint(of, name, kinds))
		}
		into[name] = v
	}
	return nil
}

// attributeHint says which attribute was probably meant by one that is not declared.
func attributeHint(of, name string, kinds map[[2]string]policy.AttributeKind) string {
	if kinds[[2]string{of, name}] != 0 {
		return ""
	}
	var names []string
	for key := range kinds {
		if key[0] == of {
			names = append(names, key[1])
		}
	}
	slices.Sort(names)
	return didYouMean(name, names...)
}

func parseValue(s string, kind policy.AttributeKind) (any, error) {
	switch kind {
	case policy.KindString, policy.KindUUID:
		return s, nil
	case policy.KindTime:
		t, err := time.Parse(time.RFC3339Nano, s)
		return t, notA(s, "a time as 2006-01-02T15:04:05Z", err)
	case policy.KindInt:
		if t, err := time.Parse("2006-01-02T15:04:05Z", s); err == nil {
			return t.Unix(), nil // as a condition writes a time
		}
		n, err := strconv.ParseInt(s, 10, 64)
		return n, notA(s, "an int, or a time as 2006-01-02T15:04:05Z", err)
	case policy.KindFloat:
		x, err := strconv.ParseFloat(s, 64)
		return x, notA(s, "a float", err)
	case policy.KindBool:
		b, err := strconv.ParseBool(s)
		return b, notA(s, "true or false", err)
	case policy.KindStrings:
		if s == "" {
			return []string{}, nil
		}
		return strings.Split(s, "|"), nil
	case policy.KindParent:
		if s != "" {
			return nil, errors.New("a parent has no value of its own: write those of its attributes, or nothing for one of which nothing is known")
		}
		return policy.Values{}, nil
	}
	return nil, errors.New("not declared in attributes.csv")
}

func notA(s, what string, err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("%s is not %s", hint.Quote(s), what)
}
