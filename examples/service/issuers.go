package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"sync"
	"time"

	"github.com/fsnotify/fsnotify"
	"github.com/goccy/go-yaml"
	yamltoken "github.com/goccy/go-yaml/token"

	"github.com/reevehq/reeve/examples/service/config"
	"github.com/reevehq/reeve/session/token"
	"github.com/reevehq/reeve/session/token/jwks"
	"github.com/reevehq/reeve/tenant"
)

// maxIssuers is how large a file of issuers may be, in bytes.
const maxIssuers = 1 << 20

// issuer is an identity provider that a customer brings along: its access tokens (RFC 9068) let in
// users of one tenant, with the roles that it names.
type issuer struct {
	Name       string            `yaml:"name"`        // iss of its tokens
	Audience   string            `yaml:"audience"`    // aud of its tokens
	Algorithms []token.Algorithm `yaml:"algorithms"`  // such as ES256
	KeysURL    string            `yaml:"keys_url"`    // "": the metadata at the name tell it
	Tenant     string            `yaml:"tenant"`      // whose users they are
	UserPrefix string            `yaml:"user_prefix"` // begins their ids, so that none is another's
	RolesClaim string            `yaml:"roles_claim"` // path of the roles
	Roles      map[string]string `yaml:"roles"`       // the provider's → the policy's
}

// parseIssuers reads a file of issuers. Its error names the file and the line.
func parseIssuers(file string, text []byte) ([]issuer, error) {
	var all []issuer
	text = bytes.TrimPrefix(text, []byte(config.ByteOrderMark))
	if err := yaml.NewDecoder(bytes.NewReader(text), yaml.Strict()).Decode(&all); err != nil && len(bytes.TrimSpace(text)) > 0 {
		var placed interface {
			GetToken() *yamltoken.Token
			GetMessage() string
		}
		if errors.As(err, &placed) && placed.GetToken() != nil {
			return nil, fmt.Errorf("%s:%d: %s", file, placed.GetToken().Position.Line, placed.GetMessage())
		}
		return nil, fmt.Errorf("%s:1: it is no list of issuers", file)
	}
	named := map[string]bool{}
	for n, i := range all {
		if named[i.Name] {
			return nil, fmt.Errorf("%s: issuer %d: %q is there twice", file, n+1, i.Name)
		}
		named[i.Name] = true
		if _, err := i.trusted(noKeys{}); err != nil {
			return nil, fmt.Errorf("%s: issuer %d: %w", file, n+1, err)
		}
	}
	return all, nil
}

// noKeys stands for the keys of an issuer that is only looked at.
type noKeys struct{ token.KeySource }

// trusted returns the issuer as the verifier trusts it.
func (i issuer) trusted(keys token.KeySource) (token.Issuer, error) {
	id, err := tenant.Parse(i.Tenant)
	if err != nil {
		return token.Issuer{}, fmt.Errorf("tenant: %w", err)
	}
	if i.UserPrefix == "" {
		return token.Issuer{}, errors.New("user_prefix is missing: a user of the provider would be one of ours by the same name")
	}
	t := token.Issuer{
		Name: i.Name, Audience: i.Audience, Algorithms: i.Algorithms, Keys: keys, Tenant: id, UserPrefix: i.UserPrefix,
		Foreign: &token.Foreign{Roles: i.RolesClaim, RoleNames: i.Roles, Session: "sid", AuthTime: "auth_time"},
	}
	_, err = token.NewVerifier(t)
	return t, err
}

// issuers keeps a verifier at what a file says, while requests are served.
type issuers struct {
	file   string
	poll   time.Duration
	notify bool // changes are told by the system; a test has them missed
	logger *slog.Logger
	keys   *jwks.Fetcher

	cancel context.CancelFunc
	work   sync.WaitGroup

	mu       sync.Mutex
	verifier *token.Verifier
	current  map[string]issuer
	failed   error // of the last look
}

// newIssuers reads the file, so that a wrong one is a mistake of the configuration.
func newIssuers(file string, poll time.Duration, logger *slog.Logger) (*issuers, error) {
	s := &issuers{file: file, poll: poll, notify: true, logger: logger, current: map[string]issuer{}}
	if file == "" {
		return s, nil
	}
	if _, err := s.read(); err != nil {
		return nil, err
	}
	var err error
	s.keys, err = jwks.New(jwks.Config{Logger: logger})
	return s, err
}

func (s *issuers) read() ([]issuer, error) {
	info, err := os.Stat(s.file)
	if err == nil && (!info.Mode().IsRegular() || info.Size() > maxIssuers) {
		err = fmt.Errorf("it is no file of at most %d bytes", maxIssuers)
	}
	var text []byte
	if err == nil {
		text, err = os.ReadFile(s.file)
	}
	if err != nil {
		return nil, fmt.Errorf("%s:1: it cannot be read: %w", s.file, err)
	}
	return parseIssuers(s.file, text)
}

// open trusts the issuers and follows the file.
func (s *issuers) open(ctx context.Context, v *token.Verifier) error {
	if s.file == "" {
		return nil
	}
	s.mu.Lock()
	s.verifier = v
	s.mu.Unlock()
	ctx, s.cancel = context.WithCancel(context.WithoutCancel(ctx))
	if err := s.keys.Start(ctx); err != nil {
		return err
	}
	if err := s.sync(); err != nil {
		return errors.Join(err, s.close(ctx))
	}
	s.work.Go(func() { s.follow(ctx) })
	return nil
}

// follow looks at the file when a change of it is told, and from time to time, since not every change
// is.
func (s *issuers) follow(ctx context.Context) {
	var told chan fsnotify.Event
	if s.notify {
		// The folder, since files are replaced as often as they are written.
		if watcher, err := fsnotify.NewWatcher(); err == nil {
			defer watcher.Close()
			if err := watcher.Add(filepath.Dir(s.file)); err == nil {
				told = watcher.Events
			}
		}
	}
	ticks := time.NewTicker(s.poll)
	defer ticks.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-told:
		case <-ticks.C:
		}
		_ = s.sync() // kept for the check
	}
}

// sync makes the verifier trust what the file says, and no other issuer. A file that is wrong changes
// nothing.
func (s *issuers) sync() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.verifier == nil {
		return nil // it is not open
	}
	listed, err := s.read()
	if err == nil {
		err = s.apply(listed)
	}
	if err != nil && (s.failed == nil || s.failed.Error() != err.Error()) {
		s.logger.Error("issuers: the file is not in effect", slog.String("error", err.Error()))
	}
	s.failed = err
	return err
}

// apply removes before it adds: an issuer whose entry was changed is another, with keys of its own.
func (s *issuers) apply(listed []issuer) error {
	next := map[string]issuer{}
	for _, i := range listed {
		next[i.Name] = i
	}
	for name, old := range s.current {
		if !reflect.DeepEqual(next[name], old) {
			s.verifier.Remove(name)
			s.keys.Remove(name)
			delete(s.current, name)
			s.logger.Info("issuers: removed", slog.String("issuer", name))
		}
	}
	var problems []error
	for _, i := range listed {
		if _, there := s.current[i.Name]; there {
			continue
		}
		if err := s.add(i); err != nil {
			problems = append(problems, fmt.Errorf("%s: %s: %w", s.file, i.Name, err))
			continue
		}
		s.current[i.Name] = i
		s.logger.Info("issuers: added", slog.String("issuer", i.Name), slog.String("tenant", i.Tenant))
	}
	return errors.Join(problems...)
}

func (s *issuers) add(i issuer) error {
	source, err := s.keys.Add(jwks.Endpoint{Issuer: i.Name, URL: i.KeysURL, Discover: i.KeysURL == ""})
	if err != nil {
		return err
	}
	trusted, err := i.trusted(source)
	if err == nil {
		err = s.verifier.Add(trusted)
	}
	if err != nil {
		s.keys.Remove(i.Name)
	}
	return err
}

// close ends the following. A reload that comes later finds nothing to bring up to date.
func (s *issuers) close(context.Context) error {
	if s.cancel == nil {
		return nil
	}
	s.cancel()
	s.mu.Lock()
	s.verifier = nil
	s.mu.Unlock()
	s.work.Wait()
	return s.keys.Close()
}

// Err says why the file is not in effect, or of which issuer no keys could be fetched.
func (s *issuers) Err() error {
	if s.file == "" {
		return nil
	}
	s.mu.Lock()
	failed := s.failed
	s.mu.Unlock()
	if failed != nil {
		return failed
	}
	var without []string
	for _, k := range s.keys.Stats() {
		if !k.Ready {
			without = append(without, k.Issuer)
		}
	}
	if len(without) > 0 {
		return fmt.Errorf("no keys of %s", strings.Join(without, ", "))
	}
	return nil
}
