package policy

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"

	"github.com/reevehq/reeve/authz/policy/condition"
	"github.com/reevehq/reeve/authz/policy/internal/sqltext"
)

// The functions of package rls that policies of PostgreSQL call.
const (
	rlsTenant   = "(SELECT reeve.tenant())"
	rlsArgument = "reeve.argument('%s', '%s', %d)"
)

// rlsPlan is the row-level security of one type by one policy.
type rlsPlan struct {
	id       *condition.Attribute
	commands [len(rlsCommands)]rlsCommand
	slots    []sqltext.Slot // of all commands
	revision string
	reads    []string
}

// rlsCommand is that of one command.
type rlsCommand struct {
	action   Action
	branches []sqltext.Branch
	from, to int // its slots
	of       map[rlsRule]rlsBranchRef
	text     string
}

// rlsRule has the parts of a rule that others of its branch share, or may share.
type rlsRule struct {
	effect Effect
	cover  sqltext.Cover
	when   uint32
}

// rlsBranchRef is the branch of such rules, and what has to hold of the caller besides: for a rule
// that denies, to leave it out. A branch below 0 changes nothing.
type rlsBranchRef struct {
	branch int
	caller condition.Form
}

// rlsPlans are the plans of a snapshot, which are made when they are asked for first.
type rlsPlans struct {
	sync.Mutex
	by map[RLSConfig]*rlsPlan
}

// rls returns the plan of a config.
func (s *snapshot) rls(cfg RLSConfig) (*rlsPlan, error) {
	if err := cfg.validate(); err != nil {
		return nil, err
	}
	s.plans.Lock()
	defer s.plans.Unlock()
	if p := s.plans.by[cfg]; p != nil {
		return p, nil
	}
	p, err := s.newRLSPlan(cfg)
	if err != nil {
		return nil, err
	}
	if s.plans.by == nil {
		s.plans.by = map[RLSConfig]*rlsPlan{}
	}
	s.plans.by[cfg] = p
	return p, nil
}

func (s *snapshot) newRLSPlan(cfg RLSConfig) (*rlsPlan, error) {
	t := s.listed[cfg.Type]
	if t == nil {
		return nil, notListed(cfg.Type)
	}
	p := &rlsPlan{id: t.id}
	_, table, _ := strings.Cut(withSchema(cfg.Table), ".")
	rows := func(revision string) *sqltext.Rows {
		return &sqltext.Rows{
			Alias: table, Column: t.tenant, Parent: s.listed.tenantOf, Tenant: rlsTenant,
			Argument: func(n int) string { return fmt.Sprintf(rlsArgument, cfg.Type, revision, n) },
		}
	}
	for i := range p.commands {
		c := &p.commands[i]
		if c.action = rlsCommands[i].action(&cfg); c.action == "" {
			continue
		}
		if err := s.rlsBranches(c, &cfg, t.id, rows("")); err != nil {
			return nil, err
		}
	}
	if err := p.write(rows("")); err != nil {
		return nil, err
	}
	digest := sha256.New()
	for i := range p.commands {
		digest.Write([]byte(p.commands[i].text + "\x00"))
	}
	p.revision = hex.EncodeToString(digest.Sum(nil)[:8])
	return p, p.write(rows(p.revision))
}

// write writes the texts of the commands, and numbers their slots.
func (p *rlsPlan) write(rows *sqltext.Rows) (err error) {
	for i := range p.commands {
		c := &p.commands[i]
		c.from = len(rows.Slots())
		if c.text, err = rows.Write(c.branches); err != nil {
			return fmt.Errorf("%w: %w", ErrPredicate, err)
		}
		c.to = len(rows.Slots())
	}
	p.slots = rows.Slots()
	for _, c := range p.commands {
		for _, b := range c.branches {
			for table := range tablesOf(b.Rest) {
				if !slices.Contains(p.reads, table) {
					p.reads = append(p.reads, table)
				}
			}
		}
	}
	slices.Sort(p.reads)
	return nil
}

// rlsBranches finds the branches of one command: of all rules about the type and the action,
// whoever they are for, those that ask the same of the object are one. Rules of tenants' own files are
// of a branch that policy.csv has, or of none: else the rows of one tenant would change the text, for
// which statements of all tenants are signed.
func (s *snapshot) rlsBranches(c *rlsCommand, cfg *RLSConfig, id *condition.Attribute, rows *sqltext.Rows) error {
	typ, action := s.names.words.Find(cfg.Type), s.names.words.Find(string(c.action))
	c.of = map[rlsRule]rlsBranchRef{}
	found := map[string]sqltext.Branch{}
	keys := map[rlsRule]string{}
	for i := range s.rules { // those of policy.csv come first
		r := &s.rules[i]
		if r.action != 0 && (r.action != action || action == 0) || r.shape != coversAll && (r.typ != typ || typ == 0) {
			continue
		}
		rule := rlsRule{s.reasons[i].Effect, coverOf(r), r.when}
		if _, seen := c.of[rule]; seen {
			continue
		}
		allow := rule.effect == Allow
		caller, rest := templateOf(s.conditions[r.when], allow)
		ref := rlsBranchRef{branch: -1, caller: caller}
		b := sqltext.Branch{Allow: allow, Cover: rule.cover, ID: id, Rest: rest}
		switch {
		case allow && (rest.Kind() == condition.FormNever || caller.Kind() == condition.FormNever): // it never matches
		case !allow && (rest.Kind() == condition.FormAlways || caller.Kind() == condition.FormAlways): // it never denies
		case rule.cover == sqltext.CoverPrefixes && id.Kind != KindString: // no such id begins so
		default:
			own := s.reasons[i].File != PolicyFile
			key, err := keyOfBranch(rows, b)
			if err != nil && !own {
				return err
			}
			if _, there := found[key]; own && (err != nil || !there) {
				continue // its callers are told
			}
			found[key], keys[rule], ref.branch = b, key, 0
		}
		c.of[rule] = ref
	}
	if len(found) > maxBranches {
		return fmt.Errorf("%w: the rules about %s of %s come to %d, at most %d are possible", ErrTooManyBranches, c.action, cfg.Type, len(found), maxBranches)
	}
	sorted := slices.Sorted(maps.Keys(found))
	for _, key := range sorted {
		c.branches = append(c.branches, found[key])
	}
	for rule, ref := range c.of {
		if ref.branch == 0 {
			ref.branch, _ = slices.BinarySearch(sorted, keys[rule])
			c.of[rule] = ref
		}
	}
	return nil
}

// coverOf returns which objects of a type a rule is about.
func coverOf(r *rule) sqltext.Cover {
	switch {
	case r.shape == coversOne:
		return sqltext.CoverIDs
	case r.shape == coversPrefix && r.rest != 0:
		return sqltext.CoverPrefixes
	}
	return sqltext.CoverAll
}

// templateOf divides a condition into what it asks of the caller alone and the rest. It is true
// where both hold, or with want false is false where one of them does.
func templateOf(e condition.Expr, want bool) (caller, rest condition.Form) {
	form := condition.Reduce(e, want, func(a *condition.Attribute) (condition.Value, []string) {
		if a.Part() == condition.PartObject {
			return condition.Later(), nil
		}
		return condition.Context(), nil
	})
	join, kind := condition.Any, condition.FormAny
	if want {
		join, kind = condition.All, condition.FormAll
	}
	switch {
	case sqltext.OfCaller(form):
		return form, join()
	case form.Kind() != kind:
		return join(), form
	}
	var ofCaller, others []condition.Form
	for p := range form.Parts() {
		if sqltext.OfCaller(p) {
			ofCaller = append(ofCaller, p)
		} else {
			others = append(others, p)
		}
	}
	return join(ofCaller...), join(others...)
}

// keyOfBranch tells branches apart: by their text, and by what they ask of the caller.
func keyOfBranch(rows *sqltext.Rows, b sqltext.Branch) (string, error) {
	alone := *rows
	text, err := alone.Write([]sqltext.Branch{b})
	if err != nil {
		return "", fmt.Errorf("%w: %w", ErrPredicate, err)
	}
	var key strings.Builder
	fmt.Fprintf(&key, "%d\x00%s", b.Cover, text)
	if b.Allow { // which the text says too: that of a denial alone allows nothing
		key.WriteString("\x00allow")
	}
	for _, slot := range alone.Slots() {
		fmt.Fprintf(&key, "\x00%d ", slot.Kind)
		describe(&key, slot.Holds)
		describeLeaf(&key, slot.Value)
	}
	return key.String(), nil
}

// describe writes a form so that two that differ are written otherwise.
func describe(b *strings.Builder, f condition.Form) {
	fmt.Fprintf(b, "(%d", f.Kind())
	if f.Kind() == condition.FormLiteral {
		describeLeaf(b, f.Literal())
	}
	for p := range f.Parts() {
		describe(b, p)
	}
	b.WriteByte(')')
}

func describeLeaf(b *strings.Builder, l condition.Leaf) {
	fmt.Fprintf(b, "[%d", l.Op)
	for _, t := range []condition.Term{l.A, l.B} {
		if t.Attr != nil {
			fmt.Fprintf(b, " %q", t.Attr.Ref())
		} else {
			fmt.Fprintf(b, " %#v %q", t.Value, t.Texts)
		}
	}
	fmt.Fprintf(b, " %#v]", l.List)
}

// tablesOf yields the other tables that a form reads.
func tablesOf(f condition.Form) map[string]bool {
	tables := map[string]bool{}
	var visit func(condition.Form)
	visit = func(f condition.Form) {
		l := f.Literal()
		for _, a := range []*condition.Attribute{l.A.Attr, l.B.Attr} {
			for ; a != nil; a = a.Via {
				if a.Relation != nil {
					tables[a.Relation.Table] = true
				}
			}
		}
		for p := range f.Parts() {
			visit(p)
		}
	}
	visit(f)
	return tables
}
