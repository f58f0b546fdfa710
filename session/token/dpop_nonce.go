package token

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"time"
)

// nonceWindow is how long one nonce is given out. It is accepted during the next window
// too, and during the one before for an instance whose clock is behind.
const nonceWindow = 150 * time.Second

const nonceTag = 16 // bytes

// nonces makes the nonces of RFC 9449 §8 from the time and a key, so that every instance
// knows those of every other and none is stored. A nonce is the number of its window and
// a MAC of that. It only has to be unknown beforehand.
type nonces struct{ key [sha256.Size]byte }

func newNonces(key []byte) *nonces {
	mac := hmac.New(sha256.New, key)
	mac.Write([]byte("reeve dpop nonce v1"))
	return &nonces{[sha256.Size]byte(mac.Sum(nil))}
}

func windowOf(t time.Time) uint64 { return uint64(max(t.Unix(), 0)) / uint64(nonceWindow/time.Second) }

func (n *nonces) at(t time.Time) string { return n.of(windowOf(t)) }

func (n *nonces) of(window uint64) string {
	text := binary.BigEndian.AppendUint64(nil, window)
	mac := hmac.New(sha256.New, n.key[:])
	mac.Write(text)
	return base64.RawURLEncoding.EncodeToString(append(text, mac.Sum(nil)[:nonceTag]...))
}

// accepts reports whether a nonce is good now, and whether it is the one given out now.
func (n *nonces) accepts(nonce string, t time.Time) (accepted, current bool) {
	now := windowOf(t)
	for _, window := range []uint64{now, now - 1, now + 1} {
		if hmac.Equal([]byte(nonce), []byte(n.of(window))) {
			return true, window == now
		}
	}
	return false, false
}
