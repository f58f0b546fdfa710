package casbinindex

import (
	"fmt"
	"strings"

	"github.com/casbin/casbin/v2"
	"github.com/casbin/casbin/v2/constant"

	"github.com/reevehq/reeve/internal/lookup"
)

// compiledModel is a model's matcher, effect and rules, made ready to decide. A model has one, and
// one more for each EnforceContext that it is asked with.
type compiledModel struct {
	texts    *lookup.Symbols
	sections []*roleSection
	rows     *rows
	width    int // values of a request
	language
	effect                 effectKind
	effectText             string
	matcher                *expr
	boolean                bool // whether the matcher is a bool whenever it is no error
	ruleless               bool // whether the matcher asks no rule: Casbin evaluates it once
	atoms                  map[*expr]int
	atomList               []*expr
	conditions             map[uint32]*expr // what eval evaluates, by the number of the text
	conditionPreconditions map[uint32][]precondition
	patterns               map[*function]map[uint32]prepared
	literals               map[*expr]prepared
	calls                  []*expr        // of g, that ask a function of the service
	targets                []*roleTargets // by g section, nil where names are no patterns

	partitions    []*partition
	always        []uint32 // rules that no partition finds, sorted
	preconditions []precondition
	prefetched    []int // see foresee
	pathKeys      []pathKey
	roleKeys      []roleKey
	plan          Plan
}

type effectKind uint8

const (
	effectAllowOverride effectKind = iota + 1
	effectDenyOverride
	effectAllowAndDeny
	effectPriority
)

func parseEffectKind(text string) (effectKind, bool) {
	switch text {
	case constant.AllowOverrideEffect:
		return effectAllowOverride, true
	case constant.DenyOverrideEffect:
		return effectDenyOverride, true
	case constant.AllowAndDenyEffect:
		return effectAllowAndDeny, true
	case constant.PriorityEffect, constant.SubjectPriorityEffect:
		return effectPriority, true
	}
	return 0, false
}

// newCompiledModel prepares a model for the sections that ctx names.
func (ix *Index) newCompiledModel(ctx casbin.EnforceContext) (*compiledModel, error) {
	v, err := ix.parsedModel(ctx)
	if err != nil {
		return nil, err
	}
	v.atomize(v.matcher)
	v.index()
	v.planPrefetch()
	return v, nil
}

// parsedModel compiles what the sections of ctx say, and finds no rules yet.
func (ix *Index) parsedModel(ctx casbin.EnforceContext) (*compiledModel, error) {
	r, err := ix.defined("r", ctx.RType)
	if err != nil {
		return nil, err
	}
	p, err := ix.defined("p", ctx.PType)
	if err != nil {
		return nil, err
	}
	e, err := ix.defined("e", ctx.EType)
	if err != nil {
		return nil, err
	}
	m, err := ix.defined("m", ctx.MType)
	if err != nil {
		return nil, err
	}
	v := &compiledModel{
		texts: ix.texts, sections: ix.sections, rows: ix.rows[ctx.PType], width: len(r.Tokens),
		atoms: map[*expr]int{}, conditions: map[uint32]*expr{}, conditionPreconditions: map[uint32][]precondition{},
		patterns: map[*function]map[uint32]prepared{}, literals: map[*expr]prepared{},
		language: language{
			request: positions(r.Tokens), rule: positions(p.Tokens), functions: ix.functions,
			roles: ix.roles, eval: hasEval(m.Value), evals: map[int]bool{},
		},
	}
	v.ask = v.function
	if v.effect, err = knownEffect(e); err != nil {
		return nil, err
	}
	v.effectText = e.Value
	v.ruleless = !strings.Contains(m.Value, ctx.PType+"_")
	if err := checkSize(m.Value); err != nil {
		return nil, fmt.Errorf("%w: the matcher %s: %w", ErrInvalid, ctx.MType, err)
	}
	if v.matcher, err = v.parse(m.Value); err != nil {
		return nil, matcherError(ctx.MType, err)
	}
	v.boolean = v.matcher.alwaysBool()
	v.prepareLiterals(v.matcher)
	if err := v.compileConditions(); err != nil {
		return nil, err
	}
	return v, v.addTargets()
}

func positions(tokens []string) map[string]int {
	out := make(map[string]int, len(tokens))
	for i, t := range tokens {
		out[t] = i
	}
	return out
}

// prepareLiterals compiles the patterns that stand in an expression itself.
func (v *compiledModel) prepareLiterals(e *expr) {
	e.walk(func(x *expr) {
		if x.kind != exprCall || x.fn.prepare == nil || len(x.args) != 2 || x.args[1].kind != exprLiteral || x.args[1].lit.kind != valueString {
			return
		}
		if p, err := x.fn.prepare(x.args[1].lit.s); err == nil {
			v.literals[x] = p
		}
	})
}

// compileConditions compiles the texts that eval evaluates, each distinct one once. A
// condition may itself eval another field.
func (v *compiledModel) compileConditions() error {
	done := map[int]bool{}
	for len(done) < len(v.evals) {
		for field := range v.evals {
			if done[field] {
				continue
			}
			done[field] = true
			for rule := range v.rows.count {
				if err := v.compileCondition(v.rows.id(rule, field)); err != nil {
					return fmt.Errorf("%w: eval of rule %d: %w", ErrInvalid, rule+1, err)
				}
			}
		}
	}
	return nil
}

func (v *compiledModel) compileCondition(id uint32) error {
	if v.conditions[id] != nil {
		return nil
	}
	text := v.texts.Text(id)
	if err := checkSize(text); err != nil {
		return err
	}
	e, err := v.parse(escape(text))
	if err != nil {
		e = &expr{kind: exprFail, why: "eval: " + err.Error(), text: text}
	}
	v.prepareLiterals(e)
	v.conditions[id] = e
	return nil
}

// pattern returns the compiled pattern of a call, or nil when Casbin's own function has to
// be asked.
func (v *compiledModel) pattern(e *expr, rule int) prepared {
	if p := v.literals[e]; p != nil {
		return p
	}
	if e.args[1].kind != exprField || rule < 0 {
		return nil
	}
	return v.patterns[e.fn][v.rows.id(rule, e.args[1].at)]
}

// mark returns what an atom is for a rule.
func (v *compiledModel) mark(atom, rule int, memo map[uint32]byte) byte {
	e := v.atomList[atom]
	field := onlyField(e)
	if field < 0 {
		return v.markOf(e, rule)
	}
	id := v.rows.id(rule, field)
	m, ok := memo[id]
	if !ok {
		m = v.markOf(e, rule)
		memo[id] = m
	}
	return m
}

// onlyField returns the one field of the rule that e asks, -1 when it asks more or none.
func onlyField(e *expr) int {
	field, n := -1, 0
	e.walk(func(x *expr) {
		if x.kind == exprField || x.kind == exprEval {
			if n == 0 || field != x.at {
				n++
			}
			field = x.at
		}
	})
	if n != 1 {
		return -1
	}
	return field
}

func (v *compiledModel) markOf(e *expr, rule int) byte {
	switch e.kind {
	case exprCall:
		id := v.rows.id(rule, e.args[1].at)
		p, err := e.fn.prepare(v.texts.Text(id))
		if err != nil {
			return markError
		}
		if v.patterns[e.fn] == nil {
			v.patterns[e.fn] = map[uint32]prepared{}
		}
		v.patterns[e.fn][id] = p
		return markSafe
	case exprEval:
		return v.markCondition(v.rows.id(rule, e.at))
	}
	q := query{v: v}
	truth := q.truth(e, rule)
	switch {
	case q.err != nil:
		return markError
	case truth:
		return markTrue
	}
	return markFalse
}

func (v *compiledModel) markCondition(id uint32) byte {
	e := v.conditions[id]
	if e.isBool(true) {
		return markTrue
	}
	if e.isBool(false) {
		return markFalse
	}
	j := judge{v: v}
	j.truth(e)
	if j.unsure {
		return markUnsure
	}
	v.conditionPreconditions[id] = j.preconditions
	return markSafe
}
