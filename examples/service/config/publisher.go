package config

import (
	"crypto/ed25519"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"errors"
	"strings"
)

var errPublicKeys = errors.New("neither PUBLIC KEYs of Ed25519 in PEM nor the base64 of 32 bytes each, with commas between")

// publicKeys reads Ed25519 keys as reeve does: in PEM, or the base64 of 32 bytes each.
func publicKeys(text string) (keys []ed25519.PublicKey, err error) {
	if !strings.HasPrefix(text, "-----BEGIN ") {
		for part := range strings.SplitSeq(text, ",") {
			raw, err := base64.StdEncoding.DecodeString(strings.TrimSpace(part))
			if err != nil || len(raw) != ed25519.PublicKeySize {
				return nil, errPublicKeys
			}
			keys = append(keys, raw)
		}
		return keys, nil
	}
	for rest := []byte(text); len(strings.TrimSpace(string(rest))) > 0; {
		var block *pem.Block
		if block, rest = pem.Decode(rest); block == nil {
			return nil, errPublicKeys
		}
		parsed, err := x509.ParsePKIXPublicKey(block.Bytes)
		key, is := parsed.(ed25519.PublicKey)
		if err != nil || !is {
			return nil, errPublicKeys
		}
		keys = append(keys, key)
	}
	return keys, nil
}
