package idpserver

import (
	"crypto"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/rsa"

	"github.com/go-jose/go-jose/v4"
)

// key is a key of the provider; it is an op.SigningKey.
type key struct {
	id        string
	algorithm jose.SignatureAlgorithm
	private   crypto.Signer
}

// algorithm is that of the provider's signatures.
func (c Config) algorithm() jose.SignatureAlgorithm {
	if c.Realm {
		return jose.RS256
	}
	return jose.EdDSA
}

func newKey(algorithm jose.SignatureAlgorithm) *key {
	k := &key{id: rand.Text(), algorithm: algorithm}
	if algorithm == jose.RS256 {
		k.private, _ = rsa.GenerateKey(rand.Reader, 2048)
	} else {
		_, k.private, _ = ed25519.GenerateKey(nil)
	}
	return k
}

func (k *key) SignatureAlgorithm() jose.SignatureAlgorithm { return k.algorithm }
func (k *key) Key() any                                    { return k.private }
func (k *key) ID() string                                  { return k.id }

// published is the public half of a key; it is an op.Key.
type published struct{ *key }

func (p published) Algorithm() jose.SignatureAlgorithm { return p.algorithm }
func (p published) Use() string                        { return "sig" }
func (p published) Key() any                           { return p.private.Public() }
