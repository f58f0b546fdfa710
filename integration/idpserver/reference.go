package idpserver

import (
	"crypto/rand"
	"sync"
)

// references makes the opaque texts of the provider, codes and access tokens; it is an op.Crypto.
// The one of op itself makes encrypted JWTs: see Config.EncryptedTokens.
type references struct {
	mu    sync.Mutex
	texts map[string]string
}

func (r *references) Encrypt(text string) (string, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	name := opaquePrefix + rand.Text() + rand.Text()
	r.texts[name] = text
	return name, nil
}

func (r *references) Decrypt(name string) (string, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if text, ok := r.texts[name]; ok {
		return text, nil
	}
	return "", errUnknown
}
