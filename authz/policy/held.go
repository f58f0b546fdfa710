package policy

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"

	"github.com/reevehq/reeve/tenant"
)

// TenantErrors says what [Load] does when a tenant's own file does not load.
type TenantErrors uint8

const (
	// Refuse returns the error, and no engine: nothing starts by half a policy.
	Refuse TenantErrors = iota

	// Isolate closes that tenant, see [ErrTenantClosed], and loads the others. It is for
	// services whose tenants write their own files.
	Isolate
)

// HeldTenant is a tenant whose own file does not load. It is never decided by the rules for
// all tenants alone.
type HeldTenant struct {
	Tenant tenant.ID

	// Closed means that every decision for the tenant is an error, [ErrTenantClosed].
	// Otherwise its file's last good rows decide, with the rest of the policy as it is now.
	Closed bool

	// Err names every mistake in the file, as [Load] reports it.
	Err error
}

// assemble loads a bundle. A tenant whose own file does not load stays at what it held when it
// last did, in the policy before; a tenant without such a file, or whose last good rows do not
// load beside what is new in the other files, is closed. The whole is refused
//
//   - for anything that is wrong with the files of all tenants;
//   - when a tenant's file loaded before, is as it was, and no longer loads: then it is
//     the other files that have changed for the worse;
//   - for any tenant's file, unless isolate.
func assemble(b *Bundle, before *snapshot, isolate bool) (*snapshot, error) {
	h := keeper{before: before, held: map[tenant.ID]*heldTenant{}}
	for id, rows := range b.delegated {
		if rows.Err != nil {
			h.held[id] = &heldTenant{err: rows.Err, closed: true}
		}
	}
	var s *snapshot
	found := b.found.clone()
	if len(found.list) == 0 {
		s, found = build(b)
	}
	for len(found.list) > 0 {
		if !isolate || !h.hold(b, found) {
			return nil, found.err()
		}
		s, found = build(h.apply(b))
	}
	h.note(s, b)
	return s, nil
}

// keeper decides which tenants are held, and at what.
type keeper struct {
	before *snapshot // nil at a start
	held   map[tenant.ID]*heldTenant
}

type heldTenant struct {
	problems []problem
	err      error  // why the rows are not known
	content  string // that decides, unless closed
	closed   bool
}

// hold holds the tenants that problems are about, or holds them tighter. It returns false when
// that cannot mend the policy.
func (h *keeper) hold(b *Bundle, found problems) bool {
	about := map[tenant.ID][]problem{}
	for _, p := range found.list {
		about[p.about] = append(about[p.about], p)
	}
	if _, everyones := about[tenant.ID{}]; everyones {
		return h.limit(b, found)
	}
	for id, problems := range about {
		switch t := h.held[id]; {
		case t == nil && h.blameless(b, id):
			return false
		case t == nil:
			h.held[id] = h.begin(b, id, problems)
		case t.closed:
			return false
		default:
			t.closed, t.problems = true, append(t.problems, problems...)
		}
	}
	return true
}

// limit holds the tenant with the longest file that is new, when the policy as a whole is too
// large: it is the likeliest reason.
func (h *keeper) limit(b *Bundle, found problems) bool {
	if !found.tooLarge {
		return false
	}
	var most *tenantFile
	for i := range b.tenants {
		f := &b.tenants[i]
		if h.held[f.id] == nil && !h.blameless(b, f.id) && (most == nil || len(f.content) > len(most.content)) {
			most = f
		}
	}
	if most == nil {
		return false
	}
	h.held[most.id] = h.begin(b, most.id, []problem{{&Error{File: most.name, Msg: "with this file, " + found.list[0].Msg, Code: found.list[0].Code}, most.id}})
	return true
}

// blameless reports whether a tenant's file decides as it is.
func (h *keeper) blameless(b *Bundle, id tenant.ID) bool {
	content, ok := h.good(id)
	if _, delegated := b.delegated[id]; delegated || !ok || h.before.holds(id) {
		return false
	}
	return slices.ContainsFunc(b.tenants, func(f tenantFile) bool { return f.id == id && f.content == content })
}

func (h *keeper) good(id tenant.ID) (content string, ok bool) {
	if h.before == nil {
		return "", false
	}
	content, ok = h.before.good[id]
	return content, ok
}

func (h *keeper) begin(b *Bundle, id tenant.ID, problems []problem) *heldTenant {
	content, ok := h.good(id)
	// The file may be the last good one again, and its fault be elsewhere.
	again := slices.ContainsFunc(b.tenants, func(f tenantFile) bool { return f.id == id && f.content == content })
	return &heldTenant{problems: problems, content: content, closed: !ok || again}
}

// apply returns the bundle with what decides in the place of what does not load.
func (h *keeper) apply(b *Bundle) *Bundle {
	files := make([]tenantFile, 0, len(b.tenants))
	for _, f := range b.tenants {
		t := h.held[f.id]
		if t != nil && t.closed {
			continue
		}
		if t != nil {
			f.content = t.content
		}
		files = append(files, f)
	}
	changed := *b
	changed.tenants = files
	return &changed
}

// note writes down in the snapshot who is held. Its revision then is another than that of the
// same files when all of them load.
func (h *keeper) note(s *snapshot, b *Bundle) {
	s.good = make(map[tenant.ID]string, len(b.tenants))
	for _, f := range b.tenants {
		if t := h.held[f.id]; t == nil {
			s.good[f.id] = f.content
		} else if content, ok := h.good(f.id); ok {
			s.good[f.id] = content
		}
	}
	s.closed = map[tenant.ID]error{}
	defer h.await(s, b)
	if len(h.held) == 0 {
		return
	}
	for id, t := range h.held {
		err := errors.Join(t.err, joined(t.problems))
		s.held = append(s.held, HeldTenant{id, t.closed, err})
		if t.closed {
			s.closed[id] = fmt.Errorf("%w: %s: %w", ErrTenantClosed, id, err)
		}
	}
	slices.SortFunc(s.held, func(a, b HeldTenant) int { return cmp.Compare(a.Tenant.String(), b.Tenant.String()) })
	hash := sha256.New()
	fmt.Fprintf(hash, "held %s\n", b.revision)
	for _, t := range s.held {
		content := h.held[t.Tenant].content
		if t.Closed {
			content = ""
		}
		fmt.Fprintf(hash, "%s %t %d\n%s\n", t.Tenant, t.Closed, len(content), content)
	}
	s.revision = hex.EncodeToString(hash.Sum(nil)[:16])
}

// await closes the tenants that have a key in ceiling.csv, and of which nothing is published that
// it signed. That is no mistake in any file, and the revision is that of the files.
func (h *keeper) await(s *snapshot, b *Bundle) {
	for id := range b.TenantKeys() {
		if _, there := b.delegated[id]; there {
			continue
		}
		s.closed[id] = fmt.Errorf("%w: %s: it has a key in %s, and nothing is published by it", ErrTenantClosed, id, CeilingFile)
		s.held = append(s.held, HeldTenant{id, true, s.closed[id]})
	}
	slices.SortFunc(s.held, func(a, b HeldTenant) int { return cmp.Compare(a.Tenant.String(), b.Tenant.String()) })
	if len(s.closed) == 0 {
		s.closed = nil
	}
}

// holds reports whether a tenant is held.
func (s *snapshot) holds(id tenant.ID) bool {
	return slices.ContainsFunc(s.held, func(t HeldTenant) bool { return t.Tenant == id })
}

// heldErr returns what is wrong with the files of the tenants that are held, nil when none is.
func heldErr(held []HeldTenant) error {
	if len(held) == 0 {
		return nil
	}
	all := make([]error, len(held))
	for i, t := range held {
		all[i] = t.Err
	}
	return fmt.Errorf("%w: %w", ErrTenantHeld, errors.Join(all...))
}
