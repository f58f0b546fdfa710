package policy

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/reevehq/reeve/authz/policy/condition"
	"github.com/reevehq/reeve/authz/policy/internal/sqltext"
)

// errReloaded means that policies took effect faster than they could be asked.
var errReloaded = errors.New("policy: reloaded too often to be asked")

// rlsEntry appends the entry of one type to a context, and says until when it holds.
func (e *Engine) rlsEntry(ctx context.Context, r Request, cfg RLSConfig, out []byte) ([]byte, time.Time, error) {
	for range 8 {
		s := e.snapshot()
		if s == nil {
			return nil, time.Time{}, ErrNotLoaded
		}
		plan, err := s.rls(cfg)
		if err != nil {
			return nil, time.Time{}, err
		}
		a := rlsAsked{plan: plan, values: make([]any, len(plan.slots))}
		same, until := true, time.Time{}
		for i := range plan.commands {
			if plan.commands[i].action == "" {
				continue
			}
			request := r
			request.Action, request.Object = plan.commands[i].action, Object{Type: cfg.Type}
			now, q, err := e.prepareAll(ctx, &request)
			if err != nil {
				return nil, time.Time{}, err
			}
			if same = now == s; !same {
				break
			}
			if s.ending != nil {
				until = s.rolesUntil(&request, &q)
			}
			if err := a.command(s, &plan.commands[i], &request, &q); err != nil {
				return nil, time.Time{}, err
			}
		}
		if same {
			out, err := a.appendTo(out, cfg.Type)
			return out, until, err
		}
	}
	return nil, time.Time{}, errReloaded
}

// rlsAsked holds the settings that the policies of one type need of one caller.
type rlsAsked struct {
	plan   *rlsPlan
	values []any // by slot: nil, bool, string, []string, or a number
}

// rlsBranch is a branch as the caller's rules have it.
type rlsBranch struct {
	applies bool
	on      bool     // of one that denies: it denies nothing
	list    []string // ids or prefixes
}

// command finds the values of the slots of one command.
func (a *rlsAsked) command(s *snapshot, c *rlsCommand, r *Request, q *query) error {
	var names [64]uint32
	var room [16]mark
	marks := s.about(names[:0], room[:0], r, q)
	sortMarks(marks)
	branches := make([]rlsBranch, len(c.branches))
	for i := range branches {
		branches[i].on = !c.branches[i].Allow
	}
	known := r.values()
	for _, m := range slices.Compact(marks) {
		rule := &s.rules[m>>markBits]
		reason := &s.reasons[m>>markBits]
		effect := reason.Effect
		if r.callerMisfits(s.conditions[rule.when]); r.misfit.of != nil {
			return r.misfit.err(r)
		}
		ref, there := c.of[rlsRule{effect, coverOf(rule), rule.when}]
		if !there {
			return fmt.Errorf("%w: row-level security knows no such rule: %s:%d asks what no rule of %s asks about %s of %s", ErrPredicate, reason.File, reason.Line, PolicyFile, r.Action, r.Object.Type)
		}
		if ref.branch < 0 {
			continue
		}
		b, holds := &branches[ref.branch], ref.caller.Holds(known)
		if holds != (effect == Allow) {
			continue // it does not match, or denies nothing
		}
		b.applies, b.on = true, effect == Allow
		if rule.shape == coversOne || rule.shape == coversPrefix {
			b.list = append(b.list, s.names.objects.Text(rule.rest))
		}
	}
	for i := c.from; i < c.to; i++ {
		v, err := a.value(&a.plan.slots[i], &branches[a.plan.slots[i].Branch], known)
		if err != nil {
			return err
		}
		a.values[i] = v
	}
	return nil
}

// value returns the value of a slot, nil for none.
func (a *rlsAsked) value(slot *sqltext.Slot, b *rlsBranch, known condition.Lookup) (any, error) {
	switch slot.Kind {
	case sqltext.SlotOn:
		return b.on, nil
	case sqltext.SlotIDs:
		list := []string{}
		for _, text := range b.list {
			if v := idOf(a.plan.id.Kind, text); v.Kind() == a.plan.id.Kind && !slices.Contains(list, text) {
				list = append(list, text)
			}
		}
		return list, nil
	case sqltext.SlotPrefixes:
		return append([]string{}, b.list...), nil
	}
	if !b.applies {
		return nil, nil
	}
	if slot.Kind == sqltext.SlotHolds {
		return slot.Holds.Holds(known), nil
	}
	return rlsValue(slot.Value, known)
}

// rlsValue returns the constant that a comparison with an attribute of the caller is one with, nil
// where it holds for no object.
func rlsValue(l condition.Leaf, known condition.Lookup) (any, error) {
	left := condition.Literal(l).Reduce(func(a *condition.Attribute) (condition.Value, []string) {
		if a.Part() == condition.PartObject {
			return condition.Later(), nil
		}
		return known(a)
	})
	caller, _ := sqltext.Sides(l)
	if left.Kind() == condition.FormNever {
		return nil, nil
	}
	v, list := known(caller)
	switch {
	case v.IsNull():
		return nil, nil // it has a slot of its own
	case v.Kind() == KindStrings:
		return list, nil
	}
	column := l.A.Attr
	if column == nil || column.Part() != condition.PartObject {
		column = l.B.Attr
	}
	return rlsConstant(l.Op, column.Kind, v), nil
}

// rlsConstant returns a value of the caller as a column of a kind is compared with it, by the same
// operator whatever the value is: a whole number stands for one that is between it and the next,
// and one beyond the kind for all that are. nil is equal to nothing.
func rlsConstant(o condition.Op, column AttributeKind, v condition.Value) any {
	switch {
	case column == KindInt && v.Kind() == KindFloat:
		return between(o, v.Float(), math.Floor(v.Float()) == v.Float())
	case column == KindInt && v.Kind() == KindTime:
		micros := v.Time().UnixMicro()
		seconds := floorDiv(micros, 1_000_000)
		if seconds*1_000_000 == micros {
			return seconds
		}
		return between(o, float64(seconds)+0.5, false)
	case column == KindTime && v.Kind() == KindInt:
		return timeOf(o, v.Int())
	case column == KindFloat:
		return v.Float()
	}
	switch v.Kind() {
	case KindInt:
		return v.Int()
	case KindBool:
		return v.Bool()
	case KindTime:
		return v.Time().Format(rlsTime)
	}
	return v.Text()
}

const rlsTime = "2006-01-02 15:04:05.999999Z07:00"

// between returns the whole number for one that may lie between two, or beyond all.
func between(o condition.Op, f float64, whole bool) any {
	const most = float64(condition.MaxInt)
	if !whole || f > most || f < -most {
		switch o {
		case condition.OpEqual:
			return nil
		case condition.OpNotEqual:
			return int64(condition.MaxInt) + 1 // no attribute is it
		}
	}
	low, high := int64(-condition.MaxInt)-1, int64(condition.MaxInt)+1
	switch o {
	case condition.OpLess, condition.OpGreaterEqual:
		f = math.Ceil(f)
	default:
		f = math.Floor(f)
	}
	switch o {
	case condition.OpLessEqual:
		high--
	case condition.OpGreaterEqual:
		low++
	}
	switch {
	case f > most:
		return high
	case f < -most:
		return low
	}
	return int64(f)
}

// timeOf returns the time that a number of seconds is, or one beyond all.
func timeOf(o condition.Op, seconds int64) any {
	least, most := condition.MinTime(), condition.MaxTime()
	switch {
	case seconds > most.Unix():
		switch o {
		case condition.OpEqual:
			return nil
		case condition.OpLessEqual, condition.OpGreater:
			return most.Format(rlsTime)
		}
		return "10000-01-01 00:00:00Z"
	case seconds < least.Unix():
		switch o {
		case condition.OpEqual:
			return nil
		case condition.OpGreaterEqual, condition.OpLess:
			return least.Format(rlsTime)
		}
		return "0001-12-31 23:59:59.999999Z BC"
	}
	return time.Unix(seconds, 0).UTC().Format(rlsTime)
}

func floorDiv(a, b int64) int64 {
	q := a / b
	if a%b < 0 {
		q--
	}
	return q
}

// appendTo appends the entry: the type's name, the revision and the values, without the last ones
// that are nil.
func (a *rlsAsked) appendTo(out []byte, typ string) ([]byte, error) {
	out = strconv.AppendQuote(out, typ)
	out = append(out, `:["`...)
	out = append(out, a.plan.revision...)
	out = append(out, '"')
	last := len(a.values)
	for last > 0 && a.values[last-1] == nil {
		last--
	}
	var err error
	for _, v := range a.values[:last] {
		out = append(out, ',')
		switch v := v.(type) {
		case nil:
			out = append(out, "null"...)
		case bool:
			out = strconv.AppendBool(out, v)
		case int64:
			out = strconv.AppendInt(out, v, 10)
		case float64:
			out = strconv.AppendFloat(out, v, 'g', -1, 64)
		case string:
			out, err = appendText(out, v)
		case []string:
			out, err = appendText(out, sqltext.Array(v), v...)
		}
		if err != nil {
			return nil, err
		}
	}
	return append(out, ']'), nil
}

// appendText appends a text as JSON, which is no text that PostgreSQL cannot hold.
func appendText(out []byte, text string, parts ...string) ([]byte, error) {
	for _, t := range append(parts, text) {
		if !utf8.ValidString(t) || strings.IndexByte(t, 0) >= 0 {
			return nil, fmt.Errorf("%w: a text of the caller that the database cannot hold", ErrPredicate)
		}
	}
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(text); err != nil {
		return nil, err
	}
	return append(out, bytes.TrimSuffix(b.Bytes(), []byte("\n"))...), nil
}
