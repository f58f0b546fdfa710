package redisstore

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"time"

	"github.com/reevehq/reeve/session"
	"github.com/reevehq/reeve/tenant"
)

var errMalformed = errors.New("malformed")

// decodeRecord reads what encode wrote. An authentic record can still be of another format, so
// every value passes the checks it passed when it was made; the error wraps session.ErrCorrupt.
func decodeRecord(b []byte) (record, error) {
	d := decoder{rest: b}
	var r record
	format := d.take(1)
	if len(format) != 1 || format[0] < recordFormat || format[0] > signInMovedFormat {
		return record{}, fmt.Errorf("%w: unknown format of record", session.ErrCorrupt)
	}
	s := &r.session
	var problems [11]error
	s.ID, problems[0] = session.IDFromBytes(d.take(32))
	s.Tenant, problems[1] = tenant.Parse(d.text())
	s.User, problems[2] = session.ParseUserID(d.text())
	for _, n := range []*uint64{&s.Version, &r.issued.user, &r.issued.tenant, &r.issued.global} {
		*n = d.uvarint()
	}
	for _, t := range []*time.Time{&s.CreatedAt, &s.ExpiresAt, &s.AuthTime} {
		*t = fromMicros(d.varint())
	}
	s.IdleTimeout = time.Duration(d.varint())
	s.Roles, problems[3] = session.NewRoles(d.texts()...)
	s.AMR, problems[4] = session.NewMethods(d.texts()...)
	s.UserAgent, s.Address = d.text(), d.text()
	s.Actors, problems[5] = d.actors()
	s.Attributes, problems[6] = session.NewAttributes(d.attributes())
	if f := format[0]; f == actingFormat || f == signInFormat || f == signInMovedFormat {
		problems[8] = d.acting(s, f != actingFormat)
	}
	if f := format[0]; f == signInFormat || f == signInMovedFormat {
		s.Provider = d.provider()
		r.link = d.text()
	}
	if f := format[0]; f == movedFormat || f == signInMovedFormat {
		problems[9] = d.moved(s)
	}
	if d.err == nil {
		problems[7] = s.Validate()
	}
	problems[10] = d.err
	if err := errors.Join(problems[:]...); err != nil {
		return record{}, fmt.Errorf("%w: %v", session.ErrCorrupt, err)
	}
	if len(d.rest) > 0 || s.IdleTimeout <= 0 {
		return record{}, fmt.Errorf("%w: %v", session.ErrCorrupt, errMalformed)
	}
	return r, nil
}

// decoder reads from rest. After the first error everything it returns is empty.
type decoder struct {
	rest []byte
	err  error
}

func (d *decoder) fail() { d.rest, d.err = nil, errMalformed }

func (d *decoder) take(n uint64) []byte {
	if n > uint64(len(d.rest)) {
		d.fail()
		return nil
	}
	taken := d.rest[:n]
	d.rest = d.rest[n:]
	return taken
}

func (d *decoder) uvarint() uint64 {
	v, n := binary.Uvarint(d.rest)
	if n <= 0 {
		d.fail()
		return 0
	}
	d.rest = d.rest[n:]
	return v
}

func (d *decoder) varint() int64 {
	v, n := binary.Varint(d.rest)
	if n <= 0 {
		d.fail()
		return 0
	}
	d.rest = d.rest[n:]
	return v
}

func (d *decoder) text() string { return string(d.take(d.uvarint())) }

// count reads the length of a list, none of whose elements takes less than a byte.
func (d *decoder) count() uint64 {
	n := d.uvarint()
	if n > uint64(len(d.rest)) {
		d.fail()
		return 0
	}
	return n
}

func (d *decoder) texts() []string {
	list := make([]string, d.count())
	for i := range list {
		list[i] = d.text()
	}
	return list
}

func (d *decoder) actors() (session.Actors, error) {
	chain := make([]session.Actor, d.count())
	for i := range chain {
		user, err := session.ParseUserID(d.text())
		if err != nil {
			return session.Actors{}, err
		}
		chain[i] = session.Actor{User: user, Reason: d.text()}
	}
	return session.NewActors(chain...)
}

// acting reads Origin and Acting, of which one at least is there unless they are optional.
func (d *decoder) acting(s *session.Session, optional bool) error {
	origin, version := d.text(), d.uvarint()
	as, reason := d.text(), d.text()
	if d.err != nil {
		return nil
	}
	if origin != "" || version != 0 {
		id, err := session.IDFromBytes([]byte(origin))
		if err != nil {
			return err
		}
		s.Origin = session.NewOrigin(id, version)
	}
	if as != "" || reason != "" {
		user, err := session.ParseUserID(as)
		if err != nil {
			return err
		}
		if s.Acting, err = session.NewActing(user, reason); err != nil {
			return err
		}
	}
	if !optional && !acts(*s) {
		return errMalformed
	}
	return nil
}

func (d *decoder) provider() session.Provider {
	p := session.ProviderClaims{Issuer: d.text(), ACR: d.text(), IssuedAt: fromMicros(d.varint()), Since: fromMicros(d.varint())}
	flags := d.take(1)
	if len(flags) != 1 || flags[0]&^(providerNamesRoles|providerMachine) != 0 {
		d.fail()
		return session.Provider{}
	}
	p.NamesRoles, p.Machine = flags[0]&providerNamesRoles != 0, flags[0]&providerMachine != 0
	return session.NewProvider(p)
}

// moved reads MovedTo.
func (d *decoder) moved(s *session.Session) error {
	t, err := tenant.Parse(d.text())
	if err != nil {
		return err
	}
	user, err := session.ParseUserID(d.text())
	if err != nil {
		return err
	}
	id, err := session.IDFromBytes([]byte(d.text()))
	if err != nil {
		return err
	}
	s.MovedTo = session.NewSuccessor(session.Ref{Tenant: t, User: user, ID: id})
	return nil
}

func (d *decoder) attributes() map[string]any {
	n := d.count()
	if n == 0 {
		return nil
	}
	set := make(map[string]any, n)
	for range n {
		name := d.text()
		kind := d.take(1)
		if len(kind) != 1 {
			return nil
		}
		if _, twice := set[name]; twice {
			d.fail()
			return nil
		}
		switch kind[0] {
		case kindString:
			set[name] = d.text()
		case kindFalse, kindTrue:
			set[name] = kind[0] == kindTrue
		case kindInt:
			set[name] = d.varint()
		case kindFloat:
			bits := d.take(8)
			if len(bits) != 8 {
				return nil
			}
			set[name] = math.Float64frombits(binary.BigEndian.Uint64(bits))
		case kindStrings:
			set[name] = d.texts()
		default:
			d.fail()
			return nil
		}
	}
	return set
}

func fromMicros(us int64) time.Time { return time.UnixMicro(us).UTC() }
