package session

import (
	"crypto/hkdf"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
)

const (
	keyIDBytes = 8
	macBytes   = sha256.Size
)

// refreshKey is one key of [Config], split by use, so that no use says anything about
// another.
type refreshKey struct {
	id         [keyIDBytes]byte // finds the key again; public
	forMAC     []byte
	forSecrets []byte
}

func newRefreshKey(key []byte) (*refreshKey, error) {
	k := &refreshKey{}
	id, err := hkdf.Key(sha256.New, key, nil, "reeve refresh key id v1", keyIDBytes)
	if err != nil {
		return nil, fmt.Errorf("session: key: %w", err)
	}
	k.id = [keyIDBytes]byte(id)
	if k.forMAC, err = hkdf.Key(sha256.New, key, nil, "reeve refresh mac v1", sha256.Size); err != nil {
		return nil, fmt.Errorf("session: key: %w", err)
	}
	if k.forSecrets, err = hkdf.Key(sha256.New, key, nil, "reeve refresh secret v1", sha256.Size); err != nil {
		return nil, fmt.Errorf("session: key: %w", err)
	}
	return k, nil
}

func newRefreshKeys(opts Config) ([]*refreshKey, error) {
	var keys []*refreshKey
	for _, key := range append([]SecretKey{opts.Key}, opts.PreviousKeys...) {
		k, err := newRefreshKey(key.Bytes())
		if err != nil {
			return nil, err
		}
		keys = append(keys, k)
	}
	return keys, nil
}

func findKey(keys []*refreshKey, id [keyIDBytes]byte) *refreshKey {
	for _, k := range keys {
		if k.id == id {
			return k
		}
	}
	return nil
}

// mac authenticates the payload of a refresh token.
func (k *refreshKey) mac(payload []byte) []byte {
	h := hmac.New(sha256.New, k.forMAC)
	h.Write([]byte(refreshPrefix))
	h.Write(payload)
	return h.Sum(nil)
}

// successor returns the claims that follow c in the step that salt names. The key is the
// one that c was sealed with, on whatever instance: the same step then has the same
// successor, and the store, which knows salts and digests, can compute none.
func (k *refreshKey) successor(c refreshClaims, salt [32]byte) refreshClaims {
	c.generation++
	h := hmac.New(sha256.New, k.forSecrets)
	h.Write(c.ref.ID.Bytes())
	h.Write(binary.BigEndian.AppendUint64(nil, c.generation))
	h.Write(salt[:])
	h.Write(c.secret[:])
	c.secret = [secretBytes]byte(h.Sum(nil))
	return c
}

// newSalt returns a fresh salt for a step whose successor k seals. It begins with the id
// of k: an instance that repeats the step while the keys are being changed seals with the same.
func (k *refreshKey) newSalt() [32]byte {
	salt := random32()
	copy(salt[:], k.id[:])
	return salt
}

// sealer returns the key that newSalt named, or nil.
func sealer(keys []*refreshKey, salt [32]byte) *refreshKey {
	return findKey(keys, [keyIDBytes]byte(salt[:]))
}

// firstClaims starts a refresh family.
func firstClaims(ref Ref) refreshClaims {
	return refreshClaims{ref: ref, secret: random32()}
}

// digest returns the digest of the claims' secret, which the store keeps.
func (c refreshClaims) digest() Digest {
	return sha256.Sum256(append([]byte("reeve refresh digest\x00"), c.secret[:]...))
}

func random32() [32]byte {
	var b [32]byte
	rand.Read(b[:]) // never fails, see NewID
	return b
}
