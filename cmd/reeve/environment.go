package main

import (
	"crypto/ed25519"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"errors"
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/reevehq/reeve/session"
)

// environmentFlags say where a verb that asks servers reads what it needs.
type environmentFlags struct {
	Env string `help:"A file of NAME=VALUE lines that is read in place of the environment." placeholder:"FILE"`
}

const environmentHelp = `Settings are read from the environment, or from the file of --env alone. A name with _FILE behind it names a file that holds the value, as in PUBLISH_KEY_FILE=/run/secrets/key.`

// environment is where settings are read from. No error of it holds a value.
type environment struct {
	get  func(string) string
	from string // "" for the environment of the process
}

func (f environmentFlags) open(a *app) (environment, error) {
	if f.Env == "" {
		return environment{get: a.env}, nil
	}
	text, err := readFile(f.Env)
	if err != nil {
		return environment{}, err
	}
	values, err := parseEnvironment(f.Env, text)
	if err != nil {
		return environment{}, &exitError{codeLoad, err}
	}
	return environment{get: func(name string) string { return values[name] }, from: f.Env}, nil
}

// parseEnvironment reads NAME=VALUE lines, as systemd and container engines do. A value may stand
// in quotes. Every line that is none is an error, with its position.
func parseEnvironment(name, text string) (map[string]string, error) {
	values := map[string]string{}
	var bad []error
	n := 0
	for line := range strings.Lines(text) {
		n++
		line = strings.TrimRight(line, "\r\n")
		say := func(col int, what string) { bad = append(bad, fmt.Errorf("%s:%d:%d: %s", name, n, col, what)) }
		if !utf8.ValidString(line) || strings.ContainsFunc(line, func(r rune) bool { return r == '\ufeff' || unicode.IsControl(r) && r != '\t' }) {
			say(1, "it is no text in UTF-8 without a byte order mark")
			break // the rest would say the same
		}
		trimmed := strings.TrimSpace(line)
		if trimmed == "" || trimmed[0] == '#' {
			continue
		}
		key, value, found := strings.Cut(strings.TrimPrefix(trimmed, "export "), "=")
		key, value = strings.TrimSpace(key), strings.TrimSpace(value)
		switch {
		case !found:
			say(1, "no = : write NAME=VALUE")
			continue
		case key == "" || strings.Trim(key, "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_") != "":
			say(1, "a name is of A to Z, 0 to 9 and _")
			continue
		}
		if value != "" && strings.ContainsRune(`'"`, rune(value[0])) {
			if len(value) < 2 || value[len(value)-1] != value[0] {
				say(strings.Index(line, "=")+2, "the quote is not closed")
				continue
			}
			value = value[1 : len(value)-1]
		}
		if _, twice := values[key]; twice {
			say(1, key+" is there twice")
		}
		values[key] = value
	}
	return values, errors.Join(bad...)
}

// value returns a setting, "" when there is none.
func (e environment) value(name string) (string, error) {
	value, file := e.get(name), e.get(name+"_FILE")
	switch {
	case file == "":
		return value, nil
	case value != "":
		return "", usage("%s and %s_FILE are both set", name, name)
	}
	text, err := readFile(file)
	if err != nil {
		return "", err
	}
	return strings.TrimSpace(text), nil
}

// require returns a setting that must be there.
func (e environment) require(name, what string) (string, error) {
	value, err := e.value(name)
	if err == nil && value == "" {
		where := "the environment"
		if e.from != "" {
			where = e.from
		}
		err = usage("%s is not set in %s: %s", name, where, what)
	}
	return value, err
}

func (e environment) bad(name string, err error) error {
	return &exitError{codeLoad, fmt.Errorf("%s: %w", name, err)}
}

// secret returns a key that must be there.
func (e environment) secret(name, what string) (session.SecretKey, error) {
	text, err := e.require(name, what)
	if err != nil {
		return session.SecretKey{}, err
	}
	key, err := session.ParseSecretKey(text)
	if err != nil {
		return session.SecretKey{}, e.bad(name, err)
	}
	return key, nil
}

// private returns an Ed25519 key that must be there, and its public half.
func (e environment) private(name string) (session.SecretKey, ed25519.PublicKey, error) {
	key, err := e.secret(name, "an Ed25519 key in PEM: openssl genpkey -algorithm ed25519")
	if err != nil {
		return key, nil, err
	}
	private, ok := key.Signer().(ed25519.PrivateKey)
	if !ok {
		return session.SecretKey{}, nil, e.bad(name, errors.New("no Ed25519 private key in PEM: openssl genpkey -algorithm ed25519"))
	}
	public, _ := private.Public().(ed25519.PublicKey)
	return key, public, nil
}

// public returns Ed25519 keys: PEM blocks, or the base64 of 32 bytes each with commas between.
func (e environment) public(name string) ([]ed25519.PublicKey, error) {
	text, err := e.value(name)
	if err != nil || text == "" {
		return nil, err
	}
	var keys []ed25519.PublicKey
	if strings.HasPrefix(text, "-----BEGIN ") {
		for rest := []byte(text); len(strings.TrimSpace(string(rest))) > 0; {
			var block *pem.Block
			if block, rest = pem.Decode(rest); block == nil || block.Type != "PUBLIC KEY" {
				return nil, e.bad(name, errors.New("the PEM holds something else than PUBLIC KEYs: openssl pkey -pubout"))
			}
			parsed, err := x509.ParsePKIXPublicKey(block.Bytes)
			key, ok := parsed.(ed25519.PublicKey)
			if err != nil || !ok {
				return nil, e.bad(name, errors.New("the PEM holds a key that is not of Ed25519"))
			}
			keys = append(keys, key)
		}
		return keys, nil
	}
	for part := range strings.SplitSeq(text, ",") {
		raw, err := base64.StdEncoding.DecodeString(strings.TrimSpace(part))
		if err != nil || len(raw) != ed25519.PublicKeySize {
			return nil, e.bad(name, errors.New("neither PUBLIC KEYs in PEM nor the base64 of 32 bytes each: openssl pkey -pubout"))
		}
		keys = append(keys, raw)
	}
	return keys, nil
}
