package redisstore

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"hash"

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

// sealKey is derived from one key. The master is in a function, of which a printer shows no
// more than the address.
type sealKey struct {
	id  [keyIDBytes]byte
	mac func() hash.Hash // by the master
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
		s.keys = append(s.keys, sealKey{[keyIDBytes]byte(id), func() hash.Hash { return hmac.New(sha256.New, master) }})
	}
	return s, nil
}

// aead returns the cipher of one key name.
func (k sealKey) aead(name string) (cipher.AEAD, error) {
	mac := k.mac()
	mac.Write([]byte(name))
	block, err := aes.NewCipher(mac.Sum(nil))
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
	return aead.Seal(header, nil, plain, boundTo(header, name, version)), nil
}

// open returns what was sealed for name and version, or an error wrapping
// session.ErrCorrupt.
func (s sealer) open(name string, version uint64, sealed []byte) ([]byte, error) {
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
		plain, err := aead.Open(nil, nil, sealed[headerBytes:], boundTo(header, name, version))
		if err == nil {
			return plain, nil
		}
	}
	return nil, fmt.Errorf("%w: the record does not authenticate", session.ErrCorrupt)
}

// boundTo is the additional data: everything of fixed length, then the name.
func boundTo(header []byte, name string, version uint64) []byte {
	const what = "reeve session record\x00"
	aad := make([]byte, 0, len(what)+len(header)+8+len(name))
	aad = append(append(aad, what...), header...)
	return append(binary.BigEndian.AppendUint64(aad, version), name...)
}
