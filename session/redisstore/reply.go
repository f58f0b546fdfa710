package redisstore

import (
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/redis/go-redis/v9"

	"github.com/reevehq/reeve/internal/redisaccess"
	"github.com/reevehq/reeve/session"
	"github.com/reevehq/reeve/tenant"
)

// failed maps an error of the client. A key of another type than ours is corruption, and
// so is an answer that is not to the call, or is nil, which no script returns; every other
// error, whatever its text, means that nothing is known.
func failed(err error) error {
	if redis.HasErrorPrefix(err, "WRONGTYPE") || errors.Is(err, redis.Nil) || errors.Is(err, errForeign) {
		return fmt.Errorf("%w: %w", session.ErrCorrupt, err)
	}
	if redisaccess.Denied(err) {
		return outageOf(err)
	}
	return fmt.Errorf("%w: %w", session.ErrUnavailable, err)
}

// reply reads the elements of a script's answer strictly. After the first that is not
// what the script's header says, err wraps session.ErrCorrupt and all further ones are
// empty.
type reply struct {
	rest   []any
	packed bool   // the elements are parts of one text
	parts  string // those that are left of it
	err    error
}

// unpack reads an answer that is one text.
func unpack(v any) reply {
	r := reply{packed: true}
	text, ok := v.(string)
	if !ok {
		r.corrupt("unexpected answer")
	}
	r.parts = text
	return r
}

// part is text of an answer that is one text.
func (r *reply) part() (string, bool) {
	if strings.HasPrefix(r.parts, "-") {
		r.parts = r.parts[1:]
		return "", false
	}
	digits, rest, ok := strings.Cut(r.parts, ":")
	n, err := strconv.ParseUint(digits, 10, 32)
	if !ok || err != nil || digits[0] == '0' && len(digits) > 1 || n > uint64(len(rest)) {
		r.corrupt("not a part")
		return "", false
	}
	r.parts = rest[n:]
	return rest[:n], true
}

// end notes that something is left where nothing should be.
func (r *reply) end() {
	if r.err == nil && (len(r.rest) > 0 || r.parts != "") {
		r.corrupt("answer too long")
	}
}

// ending is a script's answer about a session that it has ended: the user's last change and, of one
// that a sign-in at a provider had, that sign-in, which an instance may not know.
type ending struct {
	change  uint64
	as      uint64 // linkedNamed or linkedUnnamed, 0 for a session of no sign-in
	digest  string // of the sign-in
	signIns uint64 // changes of sign-ins of the user
}

// ending reads the change, the link and the changes of sign-ins.
func (r *reply) ending() ending {
	e := ending{change: r.mustNumber()}
	link, _ := r.text()
	e.signIns = r.change()
	return e.of(link)
}

// of returns e with what the record of a session says of its link, "" for none.
func (e ending) of(link string) ending {
	switch {
	case strings.HasPrefix(link, "n"):
		e.as, e.digest = linkedNamed, link[1:]
	case strings.HasPrefix(link, "u"):
		e.as, e.digest = linkedUnnamed, link[1:]
	}
	return e
}

func newReply(v any, elements int) *reply { return new(reply).of(v, elements) }

func (r *reply) of(v any, elements int) *reply {
	list, ok := v.([]any)
	if !ok || len(list) != elements {
		r.corrupt("unexpected answer")
		return r
	}
	r.rest = list
	return r
}

func (r *reply) corrupt(what string) {
	if r.err == nil {
		r.err = fmt.Errorf("%w: %s", session.ErrCorrupt, what)
	}
	r.rest, r.parts = nil, ""
}

func (r *reply) next() any {
	if len(r.rest) == 0 {
		r.corrupt("answer too short")
		return nil
	}
	v := r.rest[0]
	r.rest = r.rest[1:]
	return v
}

// text returns a string, and false when the element is nil.
func (r *reply) text() (string, bool) {
	if r.packed {
		return r.part()
	}
	switch v := r.next().(type) {
	case string:
		return v, true
	case nil:
		return "", false
	}
	r.corrupt("answer of another type")
	return "", false
}

// must returns a string that cannot be nil.
func (r *reply) must() string {
	s, ok := r.text()
	if !ok {
		r.corrupt("incomplete answer")
	}
	return s
}

// number returns an integer of 1 to 2^53, in which Lua counts exactly, and false for nil.
func (r *reply) number() (uint64, bool) {
	s, ok := r.text()
	if !ok {
		return 0, false
	}
	n, ok := parseNumber(s)
	if !ok {
		r.corrupt("not a number")
	}
	return n, ok
}

func (r *reply) mustNumber() uint64 {
	n, ok := r.number()
	if !ok {
		r.corrupt("incomplete answer")
	}
	return n
}

func (r *reply) list() []any {
	v, ok := r.next().([]any)
	if !ok {
		r.corrupt("answer of another type")
	}
	return v
}

// parseNumber accepts one spelling of each number: epochs are compared as text by the
// scripts and as numbers here.
func parseNumber(s string) (uint64, bool) {
	n, err := strconv.ParseUint(s, 10, 64) // which takes no sign and no underscore
	if err != nil || n == 0 || n > 1<<53 || s[0] == '0' {
		return 0, false
	}
	return n, true
}

// row is the stored state of a session.
type row struct {
	found   bool
	version uint64
	sealed  string
	seen    uint64 // µs of the last use
	used    bool   // within the idle timeout: the key of the last use is there
}

// row reads version, sealed record and last use.
func (r *reply) row() row {
	var out row
	var hasRecord bool
	out.version, out.found = r.number()
	out.sealed, hasRecord = r.text()
	out.seen, out.used = r.number()
	if out.found != hasRecord {
		r.corrupt("half a record")
	}
	return out
}

// tenantState is the stored state of a tenant. The zero value is one that was never set up.
type tenantState struct {
	status  tenant.Status
	epoch   uint64 // 0 when there is none, which equals no epoch at issue
	version uint64 // of the status, 0 for none
	adopted bool   // the version is of this status, which no instance of an earlier version set
	carried carried
}

func parseTenant(v any) (tenantState, error) { return newReply(v, 6).tenant() }

// tenant reads the state of a tenant.
func (r *reply) tenant() (tenantState, error) {
	text, known := r.text()
	epoch, _ := r.number()
	version, _ := r.number()
	versioned, _ := r.text()
	var over carried
	over.at, _ = r.number()
	over.floor, _ = r.number()
	if r.err != nil || !known {
		return tenantState{}, r.err
	}
	status, err := tenant.ParseStatus(text)
	if err != nil || status == tenant.Unknown {
		return tenantState{}, fmt.Errorf("%w: status of a tenant", session.ErrCorrupt)
	}
	return tenantState{status, epoch, version, version != 0 && versioned == text, over}, nil
}

// change reads the number of a user's change, 0 for none.
func (r *reply) change() uint64 {
	n, _ := r.number()
	return n
}
