package sqltext

import "github.com/reevehq/reeve/authz/policy/condition"

// Slot is a value of the caller that a text asks for.
type Slot struct {
	Kind   SlotKind
	Branch int            // of the call of [Rows.Write]
	Holds  condition.Form // of SlotHolds: what has to hold of the caller alone
	Value  condition.Leaf // of SlotValue: the comparison; see [Slot.Of]
}

// SlotKind is the meaning of a slot's value. Each is a bool, a list or a value in the spelling of
// Postgres.
type SlotKind uint8

// The kinds of slots.
const (
	SlotOn       SlotKind = iota + 1 // the branch allows, or it denies nothing; others are NULL where it does not allow
	SlotIDs                          // the ids that the branch is about
	SlotPrefixes                     // how the ids begin that the branch is about
	SlotHolds                        // Holds holds of the caller
	SlotValue                        // the value of the caller's attribute in Value
)

// Slots returns the slots of all texts so far. The number of the first is 1.
func (r *Rows) Slots() []Slot { return r.slots }

// slot is the slot that stands for the constant of the comparison that is written.
type slot struct {
	n    int
	list bool
	leaf *condition.Leaf
}

func (w *writer) take(s Slot) *slot {
	s.Branch = w.branch
	w.rows.slots = append(w.rows.slots, s)
	return &slot{n: len(w.rows.slots)}
}

func (w *writer) flag(s Slot) string {
	return w.subquery(w.rows.Argument(w.take(s).n) + "::boolean")
}

// slotText writes the value of a slot. A list is cast once more, since ANY would take what stands
// in it for rows.
func (w *writer) slotText(s *slot, typ string) string {
	if s.list {
		return w.subquery(w.rows.Argument(s.n)+"::"+typ+"[]") + "::" + typ + "[]"
	}
	return w.subquery(w.rows.Argument(s.n) + "::" + typ)
}
