package main

import (
	"crypto/ed25519"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"

	"github.com/reevehq/reeve/session"
)

const keysFile = "keys.json"

// keys are the secrets of the service. All instances that share Redis share them.
type keys struct {
	Signing   session.SecretKey `json:"signing_seed"`   // Ed25519 seed: signs access tokens
	Session   session.SecretKey `json:"session_key"`    // authenticates refresh tokens
	RedisName session.SecretKey `json:"redis_name_key"` // hides tenants and users in Redis key names
	RedisSeal session.SecretKey `json:"redis_seal_key"` // encrypts session records in Redis
}

// all are the keys by their names in the file.
func (k keys) all() map[string]session.SecretKey {
	return map[string]session.SecretKey{
		"signing_seed": k.Signing, "session_key": k.Session, "redis_name_key": k.RedisName, "redis_seal_key": k.RedisSeal,
	}
}

// signing returns the private key that signs access tokens, and its id, which depends on
// nothing but the key.
func (k keys) signing() (key session.SecretKey, id string) {
	private := ed25519.NewKeyFromSeed(k.Signing.Bytes())
	sum := sha256.Sum256(private[ed25519.SeedSize:]) // the public half
	return session.NewPrivateKey(private), hex.EncodeToString(sum[:8])
}

func newKeys() keys {
	random := func() session.SecretKey {
		b := make([]byte, 32)
		rand.Read(b) // never fails (Go 1.24)
		return session.NewSecretKey(b)
	}
	return keys{Signing: random(), Session: random(), RedisName: random(), RedisSeal: random()}
}

// loadKeys reads the keys of dir, and makes them when there are none.
func loadKeys(dir string) (keys, error) {
	k, err := readKeys(filepath.Join(dir, keysFile))
	if errors.Is(err, fs.ErrNotExist) {
		return makeKeys(dir)
	}
	return k, err
}

// makeKeys makes new keys and returns those that dir has then. Instances that start at
// once agree on one set: each writes its own to a temporary file, and the first to link
// it under the real name wins.
func makeKeys(dir string) (keys, error) {
	tmp, err := writeKeys(dir, newKeys())
	if err != nil {
		return keys{}, fmt.Errorf("keys: %w", err)
	}
	defer os.Remove(tmp)
	path := filepath.Join(dir, keysFile)
	if err := os.Link(tmp, path); err != nil && !errors.Is(err, fs.ErrExist) {
		return keys{}, fmt.Errorf("keys: %w", err)
	}
	return readKeys(path)
}

// writeKeys writes a complete file that only its owner can read, and returns its name.
func writeKeys(dir string, k keys) (string, error) {
	secrets := map[string][]byte{}
	for name, key := range k.all() {
		secrets[name] = key.Bytes()
	}
	text, err := json.MarshalIndent(secrets, "", "  ")
	if err != nil {
		return "", err
	}
	f, err := os.CreateTemp(dir, ".keys-*") // mode 0600
	if err != nil {
		return "", err
	}
	_, err = f.Write(append(text, '\n'))
	err = errors.Join(err, f.Sync(), f.Close())
	if err != nil {
		return "", errors.Join(err, os.Remove(f.Name()))
	}
	return f.Name(), nil
}

// readKeys reads a file of keys. Its errors contain no part of one.
func readKeys(path string) (keys, error) {
	info, err := os.Stat(path)
	if err != nil {
		return keys{}, fmt.Errorf("keys: %w", err)
	}
	if runtime.GOOS != "windows" && info.Mode().Perm()&0o077 != 0 {
		return keys{}, fmt.Errorf("keys: %s can be read by others (mode %#o); chmod 600 it", path, info.Mode().Perm())
	}
	text, err := os.ReadFile(path)
	if err != nil {
		return keys{}, fmt.Errorf("keys: %w", err)
	}
	var k keys
	if err := json.Unmarshal(text, &k); err != nil {
		return keys{}, fmt.Errorf("keys: %s is not a file of keys", path)
	}
	for _, key := range k.all() {
		if len(key.Bytes()) != 32 {
			return keys{}, fmt.Errorf("keys: %s is not a file of keys", path)
		}
	}
	return k, nil
}
