package policy

import (
	"hash/maphash"
	"slices"
	"strings"

	"github.com/reevehq/reeve/internal/policycsv"
)

// seenRows finds rows that were read before. It is an open-addressed table of hashes, seeded anew each
// time: nobody can choose rows that collide.
type seenRows struct {
	seed  maphash.Seed
	slots []seenSlot // a power of two, of which at most two thirds are taken
	rows  []seenRow
}

// seenSlot is empty when row is 0.
type seenSlot struct {
	hash uint32
	row  uint32 // from 1
}

// seenRow is a row, and where it stands.
type seenRow struct {
	text       string
	file, line uint32 // the file by its place among those read
}

func newSeenRows() seenRows {
	return seenRows{seed: maphash.MakeSeed(), slots: make([]seenSlot, 64)}
}

// reserve makes room for as many rows as a file may have, of the length that rows usually have.
func (t *seenRows) reserve(content string) {
	n := min(strings.Count(content, "\n")+1, len(content)/32)
	t.rows = slices.Grow(t.rows, n)
	for 3*(len(t.rows)+n) > 2*len(t.slots) {
		t.grow()
	}
}

// add notes a row of some values, unless there is the same one, which it returns. Whether two of one
// hash are the same is not left to it.
func (t *seenRows) add(values []byte, r seenRow, same func(*seenRow) bool) (first *seenRow) {
	return t.addHash(uint32(maphash.Bytes(t.seed, values)), r, same)
}

func (t *seenRows) addHash(hash uint32, r seenRow, same func(*seenRow) bool) (first *seenRow) {
	if 3*(len(t.rows)+1) > 2*len(t.slots) {
		t.grow()
	}
	at := t.first(hash)
	for ; t.slots[at].row != 0; at = t.next(at) {
		if s := t.slots[at]; s.hash == hash && same(&t.rows[s.row-1]) {
			return &t.rows[s.row-1]
		}
	}
	t.rows = append(t.rows, r)
	t.slots[at] = seenSlot{hash, uint32(len(t.rows))}
	return nil
}

func (t *seenRows) first(hash uint32) int { return int(hash) & (len(t.slots) - 1) }

func (t *seenRows) next(at int) int { return (at + 1) & (len(t.slots) - 1) }

func (t *seenRows) grow() {
	old := t.slots
	t.slots = make([]seenSlot, 2*len(old))
	for _, s := range old {
		if s.row != 0 {
			at := t.first(s.hash)
			for t.slots[at].row != 0 {
				at = t.next(at)
			}
			t.slots[at] = s
		}
	}
}

// same reports whether r has the values of a row that was read before.
func (s *seenRow) same(r *policycsv.Line) bool {
	var none problems
	for first := range rowsOf("", s.text, &none) {
		return slices.EqualFunc(first.Fields, r.Fields, func(a, b policycsv.Field) bool { return a.Text == b.Text })
	}
	return false
}
