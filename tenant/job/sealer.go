package job

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/reevehq/reeve/internal/configerr"
	"github.com/reevehq/reeve/tenant"
)

// Config says for which queue a [Sealer] signs, and by which keys.
type Config struct {
	// Queue names the queue or the kind of job: an envelope of another one is refused, so that
	// the right to ask for a report is not one to delete. Required, at most 128 bytes.
	Queue string

	// Keys sign and open: the first signs, and all open. To change keys, first add the new one
	// behind the old, everywhere, then put it first, and take the old one away once what it has
	// signed is expired. Required; no id twice.
	Keys []Key

	// Lifetime is how long an envelope can be opened after it was sealed. From 1 s to
	// [MaxLifetime]. Default: one day.
	Lifetime time.Duration

	// Statuses tells whether the tenant of a job may be served. Required to open: a
	// session.Manager. A service that only seals may leave it out.
	Statuses tenant.Statuses
}

// Sealer signs jobs and opens what was signed. It is immutable and safe for concurrent use, and
// its keys are of one queue: those of another are derived from the same bytes.
type Sealer struct {
	queue    string
	keys     []Key // each for this queue alone
	lifetime time.Duration
	statuses tenant.Statuses
}

// NewSealer returns the Sealer that cfg describes, or an error that names every invalid field.
func NewSealer(cfg Config) (*Sealer, error) {
	if cfg.Lifetime == 0 {
		cfg.Lifetime = 24 * time.Hour
	}
	var problems configerr.Problems
	if cfg.Queue == "" || len(cfg.Queue) > 128 {
		problems.Add("Queue", "%d bytes, from 1 to 128 are needed", len(cfg.Queue))
	}
	if len(cfg.Keys) == 0 {
		problems.Add("Keys", "at least one is required, see NewKey")
	}
	s := &Sealer{queue: cfg.Queue, lifetime: cfg.Lifetime, statuses: cfg.Statuses}
	if configerr.IsNil(cfg.Statuses) {
		s.statuses = nil // one that is nil inside would panic in Open
	}
	for i, k := range cfg.Keys {
		field := fmt.Sprintf("Keys[%d]", i)
		switch {
		case k.IsZero():
			problems.Add(field, "no key")
			continue
		case slices.ContainsFunc(s.keys, func(other Key) bool { return other.id == k.id }):
			problems.Add(field, "the id %s is that of another key", k.id)
			continue
		}
		derived, err := NewKey(k.id, sign(k.bytes(), "reeve job key\x00"+cfg.Queue))
		if err != nil { // never
			problems.Add(field, "%w", err)
		}
		s.keys = append(s.keys, derived)
	}
	if cfg.Lifetime < time.Second || cfg.Lifetime > MaxLifetime {
		problems.Add("Lifetime", "%v is not between 1s and %v", cfg.Lifetime, MaxLifetime)
	}
	if err := problems.Err("job", nil); err != nil {
		return nil, err
	}
	return s, nil
}

// body is the signed part.
type body struct {
	ID       string `json:"id"`
	Tenant   string `json:"tenant"`
	Subject  string `json:"sub"`
	Queue    string `json:"aud"`
	Revision string `json:"rev,omitempty"`
	Issued   int64  `json:"iat"`
	Expires  int64  `json:"exp"`
	Payload  []byte `json:"payload,omitempty"`
}

// version begins every envelope: rj1.<id of the key>.<body>.<signature>
const version = "rj1"

// Seal returns the envelope of a job of the tenant that ctx is bound to: of a request its
// caller's. Without one it is [tenant.ErrNoScope]. It is text without spaces.
func (s *Sealer) Seal(ctx context.Context, n New) (string, error) {
	id, err := tenant.Require(ctx)
	if err != nil {
		return "", err
	}
	if len(s.keys) == 0 {
		return "", fmt.Errorf("%w: the Sealer is not made by NewSealer", ErrInvalid)
	}
	switch {
	case n.Subject == "" || len(n.Subject) > MaxSubjectLength:
		return "", fmt.Errorf("%w: Subject: %d bytes, from 1 to %d are needed", ErrInvalid, len(n.Subject), MaxSubjectLength)
	case len(n.Revision) > MaxRevisionLength:
		return "", fmt.Errorf("%w: Revision: %d bytes, at most %d are allowed", ErrInvalid, len(n.Revision), MaxRevisionLength)
	case len(n.Payload) > MaxPayload:
		return "", fmt.Errorf("%w: Payload: %d bytes, at most %d are allowed", ErrInvalid, len(n.Payload), MaxPayload)
	case strings.ToValidUTF8(n.Subject+n.Revision, "") != n.Subject+n.Revision:
		return "", fmt.Errorf("%w: Subject or Revision is not UTF-8", ErrInvalid)
	}
	now := time.Now()
	b := body{
		ID: rand.Text(), Tenant: id.String(), Subject: n.Subject, Queue: s.queue, Revision: n.Revision,
		Issued: now.Unix(), Expires: now.Add(s.lifetime).Unix(), Payload: n.Payload,
	}
	text, err := json.Marshal(b)
	if err != nil {
		return "", fmt.Errorf("%w: %w", ErrInvalid, err)
	}
	key := s.keys[0]
	signed := version + "." + key.id + "." + encoding.EncodeToString(text)
	return signed + "." + encoding.EncodeToString(sign(key.bytes(), signed)), nil
}

// Open returns what an envelope says, and a context below ctx that is bound to its tenant. The
// errors are those of this package, of [tenant.Bind] and of ctx: [DispositionOf] says what to do
// with the job. A context that is bound to another tenant is [tenant.ErrMismatch].
func (s *Sealer) Open(ctx context.Context, sealed string) (context.Context, Job, error) {
	b, err := s.verify(sealed)
	if err != nil {
		return nil, Job{}, err
	}
	if s.statuses == nil {
		return nil, Job{}, fmt.Errorf("%w: Config.Statuses is required to open", ErrInvalid)
	}
	id, err := tenant.Parse(b.Tenant)
	if err != nil { // signed, and so by a version that knew other ids
		return nil, Job{}, fmt.Errorf("%w: %w", ErrForged, err)
	}
	now, issued, expires := time.Now(), time.Unix(b.Issued, 0), time.Unix(b.Expires, 0)
	if !now.Before(expires) || issued.After(now.Add(skew)) || expires.Sub(issued) > MaxLifetime+time.Second {
		return nil, Job{}, fmt.Errorf("%w: issued %s, expires %s", ErrExpired, issued.UTC().Format(time.RFC3339), expires.UTC().Format(time.RFC3339))
	}
	bound, err := tenant.Bind(ctx, id, s.statuses)
	if err != nil {
		return nil, Job{}, err
	}
	return bound, Job{ID: b.ID, Tenant: id, Subject: b.Subject, Revision: b.Revision, Issued: issued, Expires: expires, Payload: b.Payload}, nil
}

// verify returns what one of the keys has signed for this queue. Nothing is read before that.
func (s *Sealer) verify(sealed string) (b body, err error) {
	dot := strings.LastIndexByte(sealed, '.')
	if dot < 0 || len(sealed) > 2*MaxPayload {
		return body{}, ErrForged
	}
	signed := sealed[:dot]
	parts := strings.Split(signed, ".")
	if len(parts) != 3 || parts[0] != version {
		return body{}, ErrForged
	}
	at := slices.IndexFunc(s.keys, func(k Key) bool { return k.id == parts[1] })
	if at < 0 {
		return body{}, ErrForged
	}
	// The texts are compared, of which there is one: a decoder would skip line breaks.
	if mac := encoding.EncodeToString(sign(s.keys[at].bytes(), signed)); !hmac.Equal([]byte(sealed[dot+1:]), []byte(mac)) {
		return body{}, ErrForged
	}
	text, err := encoding.DecodeString(parts[2])
	if err != nil {
		return body{}, ErrForged
	}
	d := json.NewDecoder(bytes.NewReader(text))
	d.DisallowUnknownFields() // a newer version may mean more than is read here
	if err := d.Decode(&b); err != nil || b.Queue != s.queue || b.ID == "" || b.Subject == "" {
		return body{}, ErrForged
	}
	return b, nil
}

var encoding = base64.RawURLEncoding

func sign(key []byte, text string) []byte {
	h := hmac.New(sha256.New, key)
	h.Write([]byte(text))
	return h.Sum(nil)
}
