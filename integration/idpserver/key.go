package idpserver

import (
	"crypto/ed25519"
	"crypto/rand"

	"github.com/go-jose/go-jose/v4"
)

// key is a key of the provider; it is an op.SigningKey.
type key struct {
	id      string
	private ed25519.PrivateKey
}

func newKey() *key {
	_, private, _ := ed25519.GenerateKey(nil)
	return &key{id: rand.Text(), private: private}
}

func (k *key) SignatureAlgorithm() jose.SignatureAlgorithm { return jose.EdDSA }
func (k *key) Key() any                                    { return k.private }
func (k *key) ID() string                                  { return k.id }

// published is the public half of a key; it is an op.Key.
type published struct{ *key }

func (p published) Algorithm() jose.SignatureAlgorithm { return jose.EdDSA }
func (p published) Use() string                        { return "sig" }
func (p published) Key() any                           { return p.private.Public() }
