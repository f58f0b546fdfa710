package config

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"log/slog"
	"path/filepath"
	"strings"

	"github.com/knadh/koanf/v2"

	"github.com/reevehq/reeve/session"
)

// Secret is a text that no printer shows, such as a URL with a password.
type Secret string

// hidden stands for a secret.
const hidden = "(secret)"

// Reveal returns the text.
func (s Secret) Reveal() string { return string(s) }

// String returns "(secret)", or "" for none.
func (s Secret) String() string {
	if s == "" {
		return ""
	}
	return hidden
}

// GoString is String.
func (s Secret) GoString() string { return s.String() }

// Format is String, whatever the verb.
func (s Secret) Format(f fmt.State, _ rune) { _, _ = f.Write([]byte(s.String())) }

// LogValue is String.
func (s Secret) LogValue() slog.Value { return slog.StringValue(s.String()) }

// MarshalText is String.
func (s Secret) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// fileMark begins a secret that is in a file.
const fileMark = "file:"

// readSecrets reads the secrets that are in files, and the keys.
func (c *Config) readSecrets(merged *koanf.Koanf, positions map[string]string, folder string) error {
	var problems []error
	c.secrets = map[string][sha256.Size]byte{}
	text := func(path string) string {
		value, err := secret(merged.String(path), folder)
		c.secrets[path] = sha256.Sum256([]byte(value))
		if err != nil {
			problems = append(problems, errors.New(at(path, positions, err.Error())))
		}
		return value
	}
	key := func(path string) session.SecretKey {
		value := text(path)
		if value == "" {
			return session.SecretKey{}
		}
		k, err := session.ParseSecretKey(value)
		if err != nil {
			problems = append(problems, errors.New(at(path, positions, err.Error())))
		}
		return k
	}
	c.Redis.URL, c.Database.URL, c.Database.OwnerURL = Secret(text("redis.url")), Secret(text("database.url")), Secret(text("database.owner_url"))
	if c.Redis.URL != "" {
		c.Keys = Keys{key("keys.session"), key("keys.signing"), key("keys.redis_name"), key("keys.redis_seal")}
	}
	c.Traces.URL, c.Traces.Authorization = Secret(text("traces.url")), Secret(text("traces.authorization"))
	if c.Policy.Redis != "" {
		if value := text("policy.keys"); value != "" {
			keys, err := publicKeys(value)
			if err != nil {
				problems = append(problems, errors.New(at("policy.keys", positions, err.Error())))
			}
			c.Publishers = keys
		}
	}
	if c.Database.URL != "" {
		c.TenantKey = key("database.tenant_key")
	}
	return errors.Join(problems...)
}

// secret returns what a setting says, or the content of the file that it names.
func secret(value, folder string) (string, error) {
	name, is := strings.CutPrefix(value, fileMark)
	if !is {
		return value, nil
	}
	if !filepath.IsAbs(name) {
		if folder == "" {
			return "", fmt.Errorf("%s is relative to the folder of credentials, and there is none", value)
		}
		name = filepath.Join(folder, name)
	}
	text, err := readRegular(name)
	switch {
	case errors.Is(err, errNoFile):
		return "", fmt.Errorf("%s is %w", name, err)
	case err != nil:
		return "", fmt.Errorf("%s cannot be read: %w", name, err)
	}
	value = strings.TrimSpace(strings.TrimPrefix(string(text), ByteOrderMark))
	if value == "" {
		return "", fmt.Errorf("%s is empty", name)
	}
	return value, nil
}
