package redisstore

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/reevehq/reeve/session"
)

// signIn is the stored state of a sign-in at a provider. It decides whether the sign-in may have a new session.
type signIn struct {
	now    time.Time
	issued epochs
	before known

	member, sealed string    // of the session that it had, "" for none
	ended          bool      // for ever
	end            time.Time // of that session, zero when it is not known
	cut            time.Time // the latest that concerns it
	at             time.Time // when the user had signed in whose session it had, zero when it is not known

	number uint64    // of changes of sign-ins of the user
	lost   time.Time // when Redis was behind on them: see set_back.lua
}

// readSignIn reads a sign-in. In whose slot it is was noted before, so that an end of the sign-in
// or person that comes later finds it there, and one that came before is seen here.
func (s *Store) readSignIn(ctx context.Context, a session.Adoption, user userKeys, link string) (signIn, error) {
	stranger := a.Stranger
	if err := s.checkBlock(ctx, user); err != nil {
		return signIn{}, err
	}
	cuts, err := s.claim(ctx, stranger, user)
	if err != nil {
		return signIn{}, err
	}
	tenantKey, globalKey := s.names.tenant(stranger.Tenant), s.names.globalCut()
	in := signIn{before: s.knownOf(user, tenantKey)}
	answers, err := batch(ctx, s.client, func(eval bool) []*call {
		keep := micros(a.Create.Lifetime+epochSlack) / 1000
		return []*call{
			signInScript.call(ctx, eval, []string{link, user.ends, user.epoch, user.last, user.index, user.block}, keep, endsKept),
			tenantReadScript.call(ctx, eval, []string{tenantKey}),
			ensureScript.call(ctx, eval, []string{s.names.global()}, 0),
			cutReadScript.call(ctx, eval, []string{tenantKey}),
			cutReadScript.call(ctx, eval, []string{globalKey}),
		}
	})
	if err != nil {
		return signIn{}, failed(err)
	}
	state, err := parseTenant(answers[1])
	if err != nil {
		return signIn{}, err
	}
	if err := s.reconcileTenant(ctx, tenantKey, state, in.before.status).status.Err(); err != nil {
		return signIn{}, err
	}
	r := newReply(answers[0], 14)
	in.now = fromMicros(int64(r.mustNumber()))
	in.issued = epochs{user: r.mustNumber(), tenant: state.epoch}
	last := r.change()
	blocked, _ := r.number()
	in.member, _ = r.text()
	in.sealed, _ = r.text()
	_, in.ended = r.number()
	created, _ := r.number()
	cut, _ := r.number()
	mark, marked := r.text()
	score, listed := r.number()
	in.number = r.change()
	if lost, known := r.number(); known {
		in.lost = fromMicros(int64(lost))
	}
	if at, known := r.number(); known {
		in.at = fromMicros(int64(at))
	}
	global := newReply(answers[2], 3)
	global.must()
	in.issued.global = global.mustNumber()
	for i, key := range []string{tenantKey, globalKey} {
		one := newReply([]any{answers[3+i]}, 1)
		read, _ := one.number()
		if one.err != nil {
			return signIn{}, one.err
		}
		cuts.add(key, read)
	}
	cuts.add(user.ends, cut)
	if err := errors.Join(r.err, global.err); err != nil {
		return signIn{}, err
	}
	s.clock.heard(uint64(in.now.UnixMicro()))
	if in.issued, err = s.reconcile(ctx, user, s.names.tenant(stranger.Tenant), in.issued, in.before); err != nil {
		return signIn{}, err
	}
	if in.issued.user, err = s.reconcileUser(ctx, user, in.issued.user, last, in.before); err != nil {
		return signIn{}, err
	}
	if in.issued.user == 0 {
		return signIn{}, fmt.Errorf("%w: the store was behind on the user, whose sessions were just ended", session.ErrUnavailable)
	}
	if blocked != 0 {
		return signIn{}, s.sawBlock(user, blocked)
	}
	if in.cut, err = s.reconcileCuts(ctx, cuts); err != nil {
		return signIn{}, err
	}
	return in, s.endOfLast(ctx, &in, stranger.Name, user, link, created, mark, marked, score, listed)
}

// endOfLast finds when the last session of a sign-in without a name has ended. Losses of any
// sign-in by a Redis that was set back are noted first.
func (s *Store) endOfLast(ctx context.Context, in *signIn, name string, user userKeys, link string, created uint64, mark string, marked bool, score uint64, listed bool) error {
	if in.member == "" && !in.ended {
		if s.memory.signIns.get(link).as == 0 {
			return s.heedFloor(ctx, in, user)
		}
		end, err := s.noteLost(ctx, user, link, linkedAs(name), "")
		if err != nil {
			return err
		}
		if name != "" {
			in.ended = true
		}
		in.end = end
		return nil
	}
	if name != "" || in.member == "" {
		return nil
	}
	at := uint64(in.now.UnixMicro())
	end, known := parseNumber(mark)
	switch {
	case marked && mark != "0" && !known:
		return fmt.Errorf("%w: the end of a session", session.ErrCorrupt)
	case known:
		in.end = fromMicros(int64(end))
	case listed && score <= at:
		in.end = fromMicros(int64(score)) // unused, or expired
	case uint64(in.cut.UnixMicro()) >= created && !in.cut.IsZero():
		in.end = in.cut // with others
	}
	return nil
}

// noteRefused notes of a named sign-in that it was before an end, where no later token of it would say
// so: it has ended for ever.
func (s *Store) noteRefused(ctx context.Context, stranger session.Stranger, user userKeys, key string, in signIn, refused error) error {
	if !stranger.EndedByName(refused) || in.member != "" {
		return nil
	}
	_, err := s.noteLost(ctx, user, key, linkedNamed, "")
	return err
}

// heedFloor finds out whether Redis is behind on the sign-ins of a user that are not remembered one by
// one. It is said of the user then, for ever, so that a sign-in which is not there is not taken for
// a new one.
func (s *Store) heedFloor(ctx context.Context, in *signIn, user userKeys) error {
	floor := s.memory.signIns.links.floorOf(user.base)
	if floor <= in.number {
		return nil
	}
	if _, err := s.setBack(ctx, user, 0, floor); err != nil {
		return err
	}
	return errMoved
}

// noteLost notes that the session of a sign-in has ended, at a time that nobody knows, and
// returns the time of now. Of a link that is there again, or has another member, it is errMoved.
func (s *Store) noteLost(ctx context.Context, user userKeys, link string, as uint64, member string) (time.Time, error) {
	w, err := s.write(ctx, signInLostScript, []string{link, user.ends}, lostArgs(as, member)...)
	if err != nil {
		return time.Time{}, err
	}
	r := newReply(w.answer, 3)
	if r.must() != "ok" {
		r.corrupt("unexpected answer")
	}
	end, _ := r.number()
	number := r.change()
	switch {
	case r.err != nil:
		return time.Time{}, r.err
	case end == 0:
		return time.Time{}, errMoved
	}
	s.memory.signIns.end(link, as, end, number)
	if w.short != nil {
		return time.Time{}, w.short
	}
	return fromMicros(int64(end)), nil
}

func lostArgs(as uint64, member string) []any {
	return []any{linkedText(as), member, endsKept}
}

func linkedText(as uint64) string {
	if as == linkedUnnamed {
		return "unnamed"
	}
	return "named"
}

// userOfLink returns the keys of the user in whose slot a link is.
func (n names) userOfLink(link string) userKeys { return n.userAt(baseOfLink(link)) }

func baseOfLink(link string) string {
	base, _, _ := strings.Cut(link, "}:n:")
	return base + "}:"
}

// linkOf returns the digest of a sign-in out of the key of its link.
func linkOf(link string) string {
	_, digest, _ := strings.Cut(link, "}:n:")
	return digest
}

// sealLinked seals the id of the session that a sign-in is linked to. Like events, links outlast
// the keys of sessions.
func (s *Store) sealLinked(link string, id session.ID) ([]byte, error) {
	return s.reasons.seal(link, sealedLink, id.Bytes())
}

func (s *Store) openLinked(link, sealed string) (session.ID, error) {
	plain, err := s.reasons.open(link, sealedLink, []byte(sealed))
	if err != nil {
		return session.ID{}, err
	}
	id, err := session.IDFromBytes(plain)
	if err != nil {
		return session.ID{}, fmt.Errorf("%w: %v", session.ErrCorrupt, err)
	}
	return id, nil
}
