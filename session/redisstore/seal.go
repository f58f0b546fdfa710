package redisstore

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"slices"
	"sync"

	"github.com/reevehq/reeve/session"
)

// sealFormat is the first byte of a sealed record.
const sealFormat = 1

// keyIDBytes is the length of the name of a seal key in a record. It only saves trying
// every key; the cipher decides.
const keyIDBytes = 4

// sealer encrypts and authenticates records with AES-256-GCM. A sealed record is
//
//	format (1 byte) | key id (4) | nonce (12) | ciphertext and tag
//
// and opens only under the name of the key and the version it was sealed for. Each name
// has a subkey of its own, so that random nonces stay far from repeating however many
// records a service writes under one key.
type sealer struct{ keys []sealKey }

// sealKey is derived from one key. The master is in a pool, of which a printer shows no more than
// the address.
type sealKey struct {
	id   [keyIDBytes]byte
	macs *sync.Pool // of *macer, by the master
}

func newSealer(keys ...session.SecretKey) (sealer, error) {
	var s sealer
	for _, configured := range keys {
		key := configured.Bytes()
		master, err := hkdf.Key(sha256.New, key, nil, "reeve redisstore seal v1", sha256.Size)
		if err != nil {
			return sealer{}, err
		}
		id, err := hkdf.Key(sha256.New, key, nil, "reeve redisstore seal key id v1", keyIDBytes)
		if err != nil {
			return sealer{}, err
		}
		s.keys = append(s.keys, sealKey{[keyIDBytes]byte(id), &sync.Pool{New: func() any { return &macer{mac: hmac.New(sha256.New, master)} }}})
	}
	return s, nil
}

// aead returns the cipher of one key name.
func (k sealKey) aead(name string) (cipher.AEAD, error) {
	m := k.macs.Get().(*macer)
	defer k.macs.Put(m)
	m.text = append(m.text[:0], name...)
	m.mac.Reset()
	m.mac.Write(m.text)
	block, err := aes.NewCipher(m.mac.Sum(m.sum[:0]))
	clear(m.sum[:]) // the key is not left behind
	if err != nil {
		return nil, err
	}
	return cipher.NewGCMWithRandomNonce(block)
}

func (s sealer) seal(name string, version uint64, plain []byte) ([]byte, error) {
	key := s.keys[0]
	aead, err := key.aead(name)
	if err != nil {
		return nil, err
	}
	header := append([]byte{sealFormat}, key.id[:]...)
	return aead.Seal(header, nil, plain, appendBound(nil, header, name, version)), nil
}

// open returns what was sealed for name and version, or an error wrapping
// session.ErrCorrupt.
func (s sealer) open(name string, version uint64, sealed []byte) ([]byte, error) {
	return s.openWith(&opening{}, name, version, sealed)
}

// opening is the memory that it takes to open a record.
type opening struct{ sealed, plain, bound []byte }

var openings = sync.Pool{New: func() any { return new(opening) }}

// maxOpening is how much memory is kept for the next opening.
const maxOpening = 1 << 13

// openRecord returns the record that was sealed for name and version, or an error wrapping
// session.ErrCorrupt.
func (s sealer) openRecord(name string, version uint64, sealed string) (record, error) {
	o := openings.Get().(*opening)
	defer o.done()
	o.sealed = append(o.sealed[:0], sealed...)
	plain, err := s.openWith(o, name, version, o.sealed)
	if err != nil {
		return record{}, err
	}
	return decodeRecord(plain) // which keeps none of it
}

// done gives o back, without what was read.
func (o *opening) done() {
	clear(o.plain)
	o.plain = o.plain[:0]
	if cap(o.sealed) <= maxOpening {
		openings.Put(o)
	}
}

// openWith is open in the memory of o.
func (s sealer) openWith(o *opening, name string, version uint64, sealed []byte) ([]byte, error) {
	const headerBytes = 1 + keyIDBytes
	if len(sealed) < headerBytes || sealed[0] != sealFormat {
		return nil, fmt.Errorf("%w: not a sealed record", session.ErrCorrupt)
	}
	header := sealed[:headerBytes]
	for _, key := range s.keys {
		if [keyIDBytes]byte(header[1:]) != key.id {
			continue
		}
		aead, err := key.aead(name)
		if err != nil {
			return nil, err
		}
		o.bound = appendBound(o.bound[:0], header, name, version)
		plain, err := aead.Open(o.plain[:0], nil, sealed[headerBytes:], o.bound)
		if err == nil {
			o.plain = plain
			return plain, nil
		}
	}
	return nil, fmt.Errorf("%w: the record does not authenticate", session.ErrCorrupt)
}

// appendBound appends the additional data: everything of fixed length, then the name.
func appendBound(aad, header []byte, name string, version uint64) []byte {
	const what = "reeve session record\x00"
	aad = slices.Grow(aad, len(what)+len(header)+8+len(name))
	aad = append(append(aad, what...), header...)
	return append(binary.BigEndian.AppendUint64(aad, version), name...)
}
