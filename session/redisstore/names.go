package redisstore

import (
	"crypto/hkdf"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"hash"
	"strings"
	"sync"

	"github.com/reevehq/reeve/session"
	"github.com/reevehq/reeve/tenant"
)

// digestBytes is the length of a digest in a key name. Names are keyed, so that nobody
// can look for a collision of 128 bits, and records say whose they are besides.
const digestBytes = 16

// names makes the names of keys. No id is in them, only keyed digests: a reader of the names,
// in a slow log or a monitor, learns neither who is signed in nor a session id, and no id can
// bring a brace of its own and choose another slot.
type names struct {
	prefix string
	all    string     // of everyone's epoch
	macs   *sync.Pool // of *macer: to set one up costs as much as the digest of an id
}

func newNames(prefix string, nameKey session.SecretKey) (names, error) {
	key, err := hkdf.Key(sha256.New, nameKey.Bytes(), nil, "reeve redisstore key names v1", sha256.Size)
	return names{prefix, prefix + ":{g}", &sync.Pool{New: func() any { return &macer{mac: hmac.New(sha256.New, key)} }}}, err
}

// macer computes keyed digests, one at a time.
type macer struct {
	mac  hash.Hash
	text []byte
	sum  [sha256.Size]byte
}

// digest is injective in what and parts, up to collisions: each is preceded by its length.
func (n names) digest(what string, parts ...string) string {
	sum := n.mac(what, parts...)
	return base64.RawURLEncoding.EncodeToString(sum[:digestBytes])
}

// appendDigest appends a digest to the beginning of a name.
func (n names) appendDigest(b []byte, what string, parts ...string) []byte {
	sum := n.mac(what, parts...)
	return base64.RawURLEncoding.AppendEncode(b, sum[:digestBytes])
}

// shortName is longer than the name of any key of a user or a tenant.
const shortName = 96

func (n names) mac(what string, parts ...string) [sha256.Size]byte {
	m := n.macs.Get().(*macer)
	defer n.macs.Put(m)
	m.text = append(binary.BigEndian.AppendUint64(m.text[:0], uint64(len(what))), what...)
	for _, part := range parts {
		m.text = append(binary.BigEndian.AppendUint64(m.text, uint64(len(part))), part...)
	}
	m.mac.Reset()
	m.mac.Write(m.text)
	m.mac.Sum(m.sum[:0])
	clear(m.text) // an id is not left behind
	return m.sum
}

// memberOf names a session: its keyed digest and, hidden by a pad that the digest gives, the bytes
// of the digest that logs show. Scripts write members into events, and a holder of the key reads
// from them which session they are of; see [names.shown].
func (n names) memberOf(id session.ID) string {
	var room [memberBytes]byte
	return string(n.appendMember(room[:0], id))
}

// shownBytes is the length of the digest that logs show, and memberBytes that of a member.
const (
	shownBytes  = 6
	memberBytes = (digestBytes+shownBytes)*4/3 + 1
)

func (n names) appendMember(b []byte, id session.ID) []byte {
	sum := n.mac("session", string(id.Bytes()))
	pad := n.mac("session digest", string(sum[:digestBytes]))
	var shown [2 * shownBytes]byte
	size, _ := hex.Decode(shown[:], append(shown[:0], id.Fingerprint()...))
	for i := range size {
		shown[i] ^= pad[i]
	}
	return base64.RawURLEncoding.AppendEncode(b, append(sum[:digestBytes], shown[:size]...))
}

// shown returns the ID.Digest of the session that a member names, and false for text that
// is no member.
func (n names) shown(member string) (string, bool) {
	raw, err := base64.RawURLEncoding.Strict().DecodeString(member)
	if err != nil || len(raw) <= digestBytes {
		return "", false
	}
	keyed, shown := raw[:digestBytes], raw[digestBytes:]
	pad := n.mac("session digest", string(keyed))
	for i := range min(len(shown), len(pad)) {
		shown[i] ^= pad[i]
	}
	return hex.EncodeToString(shown), true
}

// global is the key of everyone's epoch.
func (n names) global() string { return n.all }

// tenant is the key of a tenant's status and epoch.
func (n names) tenant(t tenant.ID) string {
	var room [shortName]byte
	b := append(append(room[:0], n.prefix...), ":{t-"...)
	return string(append(n.appendDigest(b, "tenant", t.String()), '}'))
}

// tenantName is the key that says which tenant has a name, of those that differ by case alone.
func (n names) tenantName(t tenant.ID) string {
	return n.prefix + ":{f-" + n.digest("tenant without case", t.Fold()) + "}"
}

// userKeys are the names of the keys of one user of one tenant. They share a hash tag and
// so a slot, in which one script can see all of them.
type userKeys struct {
	names
	base   string
	epoch  string
	index  string // sorted set: member → until when in ms the session may be live
	order  string // sorted set: member → when in µs it was created, less than 0 where somebody else acts
	acts   string // hash: member → sealed who acts as the user, or as whom the user acts
	events string
	last   string // number of the user's last change, which only grows
	ends   string // hash: cut, before which sign-ins are refused; n changes of sign-ins, lost, see set_back.lua; member → end in µs, 0 while it lives
	block  string // hash: b 1 while the user is blocked, v version
	grants string // hash: at, floor, stale, d, see userGrants
}

func (n names) user(t tenant.ID, u session.UserID) userKeys {
	var room [shortName]byte
	b := append(append(room[:0], n.prefix...), ":{u-"...)
	return n.userKeys(append(n.appendDigest(b, "user", t.String(), u.String()), "}:"...))
}

func (n names) userAt(base string) userKeys { return n.userKeys([]byte(base)) }

func (n names) userKeys(base []byte) userKeys {
	// All names are parts of one text, so that nine cost the memory of one. The base is not: it is
	// remembered without them.
	const letters = "eiowlqnbg"
	var room [len(letters) * shortName]byte
	b := room[:0]
	for _, letter := range []byte(letters) {
		b = append(append(b, base...), letter)
	}
	all, each := string(b), len(base)+1
	at := func(i int) string { return all[i*each : (i+1)*each] }
	return userKeys{names: n, base: string(base), epoch: at(0), index: at(1), order: at(2), acts: at(3), events: at(4), last: at(5), ends: at(6), block: at(7), grants: at(8)}
}

// signIn is the key of what a sign-in at a provider is linked to. The sign-in without a name is the
// user's at the issuer.
//
// It is a hash: m member of its last session, d sealed id of that, c when in µs it was created, s when in µs the user had signed in, x expiry
// in ms, e when in µs the sign-in was ended for ever.
func (k userKeys) signIn(issuer, name string) string {
	return k.ends + ":" + k.digest("sign-in", issuer, name)
}

// globalCut is the key of the cut of everyone.
func (n names) globalCut() string { return n.global() + ":n" }

// namedSignIn is the key of a provider's session, in whatever tenant, and person that of a provider's
// user. Each is a hash: cut, n how many owners there are, o1, o2, ... the sealed owners, and their names.
func (n names) namedSignIn(issuer, name string) string {
	return n.prefix + ":{n-" + n.digest("named sign-in", issuer, name) + "}"
}

func (n names) person(issuer string, u session.UserID) string {
	return n.prefix + ":{n-" + n.digest("person", issuer, u.String()) + "}"
}

// sessionKeys are the names of the keys of one session.
type sessionKeys struct {
	member  string // of the index
	record  string // hash: v version, d sealed record, i idle timeout in µs, x expiry in ms, g refresh steps, l link of a sign-in at a provider, see ending
	seen    string // µs of the last recorded use; ends with the idle timeout
	refresh string // hash: cur, prev, salt, at, by, which call made the last step, n steps as of na, behind since
}

func (k userKeys) session(id session.ID) sessionKeys {
	var room [memberBytes]byte
	return k.sessionKeys(k.appendMember(room[:0], id))
}

func (k userKeys) member(m string) sessionKeys { return k.sessionKeys([]byte(m)) }

func (k userKeys) sessionKeys(member []byte) sessionKeys {
	const letters = "sar"
	var room [len(letters) * 2 * shortName]byte
	b := room[:0]
	for _, letter := range []byte(letters) {
		b = append(append(append(b, k.base...), letter, ':'), member...)
	}
	all, each := string(b), len(k.base)+len("s:")+len(member)
	return sessionKeys{member: all[each-len(member) : each], record: all[:each], seen: all[each : 2*each], refresh: all[2*each:]}
}

// ofRecord returns the keys of the session whose record has that name.
func (n names) ofRecord(record string) (userKeys, sessionKeys) {
	base, member, _ := strings.Cut(record, "}:s:")
	user := n.userAt(base + "}:")
	return user, user.member(member)
}

func (n names) ref(r session.Ref) (userKeys, sessionKeys) {
	user := n.user(r.Tenant, r.User)
	return user, user.session(r.ID)
}
