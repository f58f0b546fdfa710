package insecureedge

import (
	"archive/zip"
	"bytes"
	"fmt"
	"slices"
	"time"

	"github.com/reevehq/reeve/authz/policy"
	"github.com/reevehq/reeve/session"
)

// policyText is the signed text of a policy.
type policyText struct {
	Revision string    `json:"revision"`
	Issued   time.Time `json:"issued"`
	Expires  time.Time `json:"expires"`
	Files    []byte    `json:"files"` // a zip archive
}

// SignPolicy returns a policy bundle that nodes accept until it expires, [MaxPolicyLifetime] from
// now at most. A policy that does not load is an error.
func SignPolicy(key session.SecretKey, b *policy.Bundle, lifetime time.Duration) ([]byte, error) {
	if err := validKey(key); err != nil {
		return nil, fmt.Errorf("insecureedge: SignPolicy: key: %w", err)
	}
	if lifetime <= 0 || lifetime > MaxPolicyLifetime {
		return nil, fmt.Errorf("insecureedge: SignPolicy: lifetime: %v is not more than 0 and at most %v", lifetime, MaxPolicyLifetime)
	}
	if _, err := policy.LoadBundle(b, policy.Options{}); err != nil {
		return nil, fmt.Errorf("insecureedge: SignPolicy: %w", err)
	}
	var files bytes.Buffer
	archive := zip.NewWriter(&files)
	names := b.Files()
	slices.Sort(names)
	for _, name := range names {
		content, _ := b.Content(name)
		w, err := archive.Create(name)
		if err == nil {
			_, err = w.Write([]byte(content))
		}
		if err != nil {
			return nil, fmt.Errorf("insecureedge: SignPolicy: %w", err)
		}
	}
	if err := archive.Close(); err != nil {
		return nil, fmt.Errorf("insecureedge: SignPolicy: %w", err)
	}
	now := time.Now().UTC()
	return sign(key, kindPolicy, policyText{b.Revision(), now, now.Add(lifetime), files.Bytes()})
}

// heldPolicy is a policy that a node has accepted.
type heldPolicy struct {
	engine  *policy.Engine
	issued  time.Time
	expires time.Time
	at      instant
}

// AcceptPolicy takes a signed policy bundle in place of the one before. A bundle that is refused
// changes nothing.
func (n *Node) AcceptPolicy(signed []byte) error {
	var text policyText
	if err := open(n.cfg.Keys, kindPolicy, signed, &text); err != nil {
		return err
	}
	now := n.clock()
	if err := text.validAt(now.wall); err != nil {
		return err
	}
	archive, err := zip.NewReader(bytes.NewReader(text.Files), int64(len(text.Files)))
	if err != nil {
		return fmt.Errorf("%w: the files", ErrInvalid)
	}
	b, err := policy.ReadBundle(archive)
	if err != nil {
		return fmt.Errorf("%w: %w", ErrInvalid, err)
	}
	engine, err := policy.LoadBundle(b, policy.Options{})
	if err != nil {
		return fmt.Errorf("%w: %w", ErrInvalid, err)
	}
	if engine.Revision() != text.Revision {
		return fmt.Errorf("%w: the revision is another", ErrInvalid)
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.policy != nil && !text.Issued.After(n.policy.issued) {
		return ErrOlder
	}
	n.policy = &heldPolicy{engine, text.Issued, text.Expires, now}
	return nil
}

func (t policyText) validAt(now time.Time) error {
	if t.Issued.After(now.Add(clockSkew)) || !now.Before(t.Expires) || t.Expires.Sub(t.Issued) > MaxPolicyLifetime {
		return ErrExpired
	}
	return nil
}

// goodAt reports whether the policy may decide.
func (p *heldPolicy) goodAt(now instant) bool {
	return p != nil && now.wall.Before(p.expires) && p.at.steady(now) && now.since(p.at) < p.expires.Sub(p.at.wall)
}
