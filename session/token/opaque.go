package token

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/reevehq/reeve/internal/configerr"
	"github.com/reevehq/reeve/internal/nearcache"
)

// Limits and defaults of an [IntrospectorConfig].
const (
	defaultAtOnce    = 16
	defaultPerSecond = 50
	opaqueAge        = time.Minute
	opaqueTimeout    = 2 * time.Second
	maxAnswer        = 64 << 10
	shortestOpaque   = 16
)

// base62url is the alphabet of most opaque tokens.
const base62url = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"

// Form is the form of an issuer's opaque tokens. Texts of another form are never sent to it.
type Form struct {
	// Prefix begins each of them, such as "ory_at_". Default: none.
	Prefix string

	// MinLength and MaxLength are those of the whole text in bytes. Required: at least 16, at
	// most [MaxLength].
	MinLength, MaxLength int

	// Alphabet are the characters behind the prefix, printable ASCII without the space. Default:
	// letters, digits, '-' and '_'. With '.' it needs a Prefix that begins no JWT.
	Alphabet string

	// Encrypted says that the tokens are compact JWEs (RFC 7516), which only their issuer can
	// open: five parts, of which the first names how they are encrypted. It goes without Prefix and
	// Alphabet. Nothing in such a token is believed, or decrypted: the issuer is asked.
	Encrypted bool
}

// matches reports whether a text has the form.
func (f *Form) matches(raw string) bool {
	if len(raw) < f.MinLength || len(raw) > f.MaxLength || !strings.HasPrefix(raw, f.Prefix) {
		return false
	}
	if f.Encrypted {
		return isEncrypted(raw)
	}
	for _, c := range []byte(raw[len(f.Prefix):]) {
		if strings.IndexByte(f.Alphabet, c) < 0 {
			return false
		}
	}
	return true
}

// isEncrypted reports whether a text is a JWE in compact form. One with a direct key has no
// second part.
func isEncrypted(raw string) bool {
	parts := strings.Split(raw, ".")
	if len(parts) != 5 {
		return false
	}
	for n, part := range parts {
		if _, err := base64.RawURLEncoding.Strict().DecodeString(part); err != nil || part == "" && n != 1 {
			return false
		}
	}
	text, _ := base64.RawURLEncoding.Strict().DecodeString(parts[0])
	header, err := readTree(string(text))
	if err != nil {
		return false
	}
	for _, name := range []string{"alg", "enc"} {
		if value, _ := header[name].(string); value == "" {
			return false
		}
	}
	return true
}

func (f *Form) validate() (errs []error) {
	if f.MinLength < shortestOpaque || f.MaxLength > MaxLength || f.MaxLength < f.MinLength || len(f.Prefix) >= f.MinLength {
		errs = append(errs, fmt.Errorf("Form.MinLength, Form.MaxLength: %d and %d, from %d to %d and longer than the prefix are allowed", f.MinLength, f.MaxLength, shortestOpaque, MaxLength))
	}
	if f.Encrypted {
		if f.Prefix != "" || f.Alphabet != "" {
			errs = append(errs, errors.New("Form.Encrypted: beside Prefix or Alphabet: a JWE has its own"))
		}
		return errs
	}
	if f.Prefix != "" && !graphic(f.Prefix) {
		errs = append(errs, errors.New("Form.Prefix: not printable ASCII without spaces"))
	}
	if !graphic(f.Alphabet) {
		errs = append(errs, errors.New("Form.Alphabet: not printable ASCII without spaces"))
	}
	if strings.Contains(f.Alphabet, ".") && (f.Prefix == "" || strings.HasPrefix(f.Prefix, "e") || strings.Contains(f.Prefix, ".")) {
		errs = append(errs, errors.New("Form.Alphabet: with '.' a JWT has the form too: name a Prefix that begins none, so not with e"))
	}
	return errs
}

// overlaps reports whether a text may have both forms, or may seem to.
func (f *Form) overlaps(g *Form) bool {
	if f.Encrypted != g.Encrypted { // the others have no '.', or a Prefix that no JWE begins with
		return false
	}
	return (strings.HasPrefix(f.Prefix, g.Prefix) || strings.HasPrefix(g.Prefix, f.Prefix)) && f.MinLength <= g.MaxLength && g.MinLength <= f.MaxLength
}

// graphic reports whether s is printable ASCII without the space.
func graphic(s string) bool { return printable(s, maxText) && !strings.Contains(s, " ") }

// IntrospectorConfig says how an [Introspector] asks.
type IntrospectorConfig struct {
	// Form is that of the tokens. Required.
	Form Form

	// Ask sends one token to the issuer (RFC 7662) and returns the JSON text of its answer, at
	// most 64 KiB. Required; method Ask of package introspect's Client is one. An error means that the
	// issuer could not be asked, which is an outage. It returns when ctx is done.
	Ask func(ctx context.Context, token string) (answer []byte, err error)

	// MaxAtOnce and PerSecond bound the queries, so that a client which makes up tokens floods
	// nobody: beyond them a token that is not known yet is answered with [ErrUnavailable]. Defaults
	// 16 and 50.
	MaxAtOnce, PerSecond int

	// CacheSize is how many answers are remembered, each for 60 s at most and none for longer
	// than the token lives. Default 10,000.
	CacheSize int
}

// Introspector verifies opaque tokens of one issuer by asking it (RFC 7662): for [Issuer.Opaque]. A
// token that was revoked at the issuer is accepted for up to 60 s more. It is safe for concurrent
// use, and redacts itself in every printer. An issuer's entry with the zero Introspector is
// refused.
type Introspector struct {
	redact
	sealed[introspection]
}

// introspection is the content of an Introspector.
type introspection struct {
	form    Form
	ask     func(ctx context.Context, token string) ([]byte, error)
	slots   chan struct{}
	answers nearcache.Cache[digest, *answer]

	mu      sync.Mutex
	queries map[digest]*query
	budget  float64 // queries that may be made now
	last    time.Time
	rate    float64 // a second
}

// answer is an issuer's answer about a token, under an entry.
type answer struct {
	issuer   *Issuer
	verified *Verified // nil: refused
	err      error
	times    times
	until    time.Time
}

// query is one that is under way.
type query struct {
	done chan struct{}
	said *answer
	err  error // why there is none
}

// NewIntrospector returns an introspector. All problems are reported joined, each beginning
// with its field.
func NewIntrospector(cfg IntrospectorConfig) (*Introspector, error) {
	if cfg.Form.Alphabet == "" && !cfg.Form.Encrypted {
		cfg.Form.Alphabet = base62url
	}
	errs := cfg.Form.validate()
	if cfg.Ask == nil {
		errs = append(errs, errors.New("Ask: required"))
	}
	for _, n := range []struct {
		field  string
		value  *int
		preset int
	}{{"MaxAtOnce", &cfg.MaxAtOnce, defaultAtOnce}, {"PerSecond", &cfg.PerSecond, defaultPerSecond}, {"CacheSize", &cfg.CacheSize, defaultCacheSize}} {
		if *n.value < 0 {
			errs = append(errs, fmt.Errorf("%s: %d is less than 0", n.field, *n.value))
		}
		if *n.value == 0 {
			*n.value = n.preset
		}
	}
	var problems configerr.Problems
	problems.Append(errs...)
	if err := problems.Err("token", nil); err != nil {
		return nil, err
	}
	return &Introspector{sealed: seal(&introspection{
		form: cfg.Form, ask: cfg.Ask, slots: make(chan struct{}, cfg.MaxAtOnce), queries: map[digest]*query{},
		budget: float64(cfg.PerSecond), rate: float64(cfg.PerSecond), last: time.Now(),
		answers: nearcache.New[digest, *answer](cfg.CacheSize),
	})}, nil
}

// asks reports whether the issuer is asked about opaque tokens.
func (i *Issuer) asks() bool { return i.Opaque != nil && i.Opaque.get() != nil }

// validateOpaque reports every problem of an entry with Opaque.
func (i *Issuer) validateOpaque() (errs []error) {
	switch {
	case i.Opaque == nil:
		return nil
	case i.Opaque.get() == nil:
		return []error{errors.New("Opaque: NewIntrospector makes one")}
	case i.Foreign == nil:
		return []error{errors.New("Opaque: only an issuer with Foreign has one")}
	}
	if len(i.Foreign.Kind) == 0 {
		errs = append(errs, errors.New("Foreign.Kind: required with Opaque: an issuer calls its refresh tokens active too"))
	}
	if i.Foreign.IDTokens {
		errs = append(errs, errors.New("Foreign.IDTokens: beside Opaque: an ID token is no opaque one"))
	}
	if i.isTemplate() {
		errs = append(errs, errors.New("Opaque: beside a template: one issuer has to be asked"))
	}
	for name := range i.Foreign.Kind {
		if strings.HasPrefix(name, headerMember) {
			errs = append(errs, fmt.Errorf("Foreign.Kind: %s: opaque tokens have no header", quote(name)))
		}
	}
	return errs
}

// opaqueOf returns the issuer whose opaque tokens have the form of a text, nil for none.
func (t *trusted) opaqueOf(raw string) *Issuer {
	if t == nil {
		return nil
	}
	for _, i := range t.opaque {
		if i.Opaque.get().form.matches(raw) {
			return i
		}
	}
	return nil
}

// verify returns what the issuer says of a token, on the terms of Verifier.Verify.
func (o *introspection) verify(ctx context.Context, i *Issuer, from, raw string) (*Verified, error) {
	if i.Header != from {
		return nil, elsewhere
	}
	d := (&cache{}).digest(raw)
	for {
		now := time.Now()
		if said := o.known(i, d, now); said != nil {
			return said.verified, said.refusal(i, now)
		}
		fl, err := o.startQuery(ctx, i, d, raw, now)
		if err != nil {
			return nil, err
		}
		select {
		case <-fl.done:
		case <-ctx.Done():
			return nil, fmt.Errorf("%w: issuer %s is being asked", ErrUnavailable, quote(i.Name))
		}
		if fl.err != nil {
			return nil, fl.err
		}
		if fl.said.issuer == i { // and not what another entry made of it, which was replaced
			if err := fl.said.refusal(i, time.Now()); err != nil {
				return nil, err
			}
			return fl.said.verified, nil
		}
	}
}

// refusal returns why a token is not accepted now.
func (s *answer) refusal(i *Issuer, now time.Time) error {
	if s.err != nil {
		return s.err
	}
	return s.times.check(i.Leeway, i.ahead(), now)
}

// known returns an answer that still counts.
func (o *introspection) known(i *Issuer, d digest, now time.Time) *answer {
	said, _ := o.answers.GetIfPresent(d)
	if said == nil || said.issuer != i || !now.Before(said.until) {
		return nil
	}
	if said.verified != nil && said.refusal(i, now) != nil {
		return &answer{issuer: i, err: said.refusal(i, now)}
	}
	return said
}

// cached returns a token that was accepted before and is remembered.
func (o *introspection) cached(i *Issuer, from, raw string, now time.Time) (*Verified, bool) {
	if i.Header != from {
		return nil, false
	}
	said := o.known(i, (&cache{}).digest(raw), now)
	if said == nil || said.verified == nil {
		return nil, false
	}
	return said.verified, true
}

// startQuery joins the query about a token, or begins one where that is allowed now.
func (o *introspection) startQuery(ctx context.Context, i *Issuer, d digest, raw string, now time.Time) (*query, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if fl := o.queries[d]; fl != nil {
		return fl, nil
	}
	o.budget = min(o.rate, o.budget+max(0, now.Sub(o.last).Seconds())*o.rate)
	o.last = now
	if o.budget < 1 {
		return nil, fmt.Errorf("%w: issuer %s: as many tokens were asked about as a second allows", ErrUnavailable, quote(i.Name))
	}
	select {
	case o.slots <- struct{}{}:
	default:
		return nil, fmt.Errorf("%w: issuer %s: too many tokens are asked about", ErrUnavailable, quote(i.Name))
	}
	o.budget--
	fl := &query{done: make(chan struct{})}
	o.queries[d] = fl
	own, cancel := context.WithTimeout(context.WithoutCancel(ctx), opaqueTimeout)
	go func() {
		defer cancel()
		fl.said, fl.err = o.query(own, i, raw)
		if fl.said != nil {
			o.answers.Set(d, fl.said)
		}
		o.mu.Lock()
		delete(o.queries, d)
		o.mu.Unlock()
		<-o.slots
		close(fl.done)
	}()
	return fl, nil
}

// query asks the issuer about one token.
func (o *introspection) query(ctx context.Context, i *Issuer, raw string) (said *answer, err error) {
	outage := func(cause any) error {
		return fmt.Errorf("%w: issuer %s: %v", ErrUnavailable, quote(i.Name), cause)
	}
	defer func() {
		if p := recover(); p != nil {
			said, err = nil, outage(fmt.Sprint("Ask panicked: ", p))
		}
	}()
	text, err := o.ask(ctx, raw)
	switch {
	case err != nil:
		return nil, outage(err)
	case len(text) > maxAnswer:
		return nil, outage("an answer of more than 64 KiB")
	}
	members, err := readTree(string(text))
	if err != nil {
		return nil, outage("the answer: " + err.Error())
	}
	active, ok := members["active"].(bool)
	if !ok {
		return nil, outage("the answer does not say whether the token is active")
	}
	now := time.Now()
	said = &answer{issuer: i, until: now.Add(opaqueAge)}
	if !active {
		said.err = refusal("not active")
		return said, nil
	}
	if iss, named := members["iss"]; named && iss != i.Name {
		said.err = refusal("claims: iss is not the issuer that was asked")
		return said, nil
	}
	c := foreignClaimsOf{issuer: i, claims: members}
	if said.verified, said.times, said.err = c.accept(i.Name, header{}, now); slices.Contains(early, said.err) {
		said.until = now // it is asked about again
	}
	if said.err == nil {
		if expires := time.Unix(said.times.expires, 0); expires.Before(said.until) {
			said.until = expires.Add(max(i.Leeway, 0))
			said.until = minTime(said.until, now.Add(opaqueAge))
		}
	}
	return said, nil
}

func minTime(a, b time.Time) time.Time {
	if a.Before(b) {
		return a
	}
	return b
}
