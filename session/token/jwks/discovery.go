package jwks

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/go-json-experiment/json"
)

// wellKnown is where an issuer has its metadata (OpenID Connect Discovery 1.0 §4, RFC 8414 §5).
const wellKnown = "/.well-known/openid-configuration"

// rediscover is how long the place of the keys is taken from metadata that were read before.
const rediscover = 24 * time.Hour

// metadataURL returns where the metadata of an issuer are.
func metadataURL(issuer string) (*url.URL, error) {
	u, err := parseURL(issuer)
	switch {
	case err != nil:
		return nil, err
	case u.RawQuery != "" || u.ForceQuery:
		return nil, errors.New("a query is not accepted")
	case strings.ContainsAny(issuer, "{}"):
		return nil, errors.New("a template has no metadata of its own: name the URL of the keys")
	}
	return parseURL(strings.TrimSuffix(issuer, "/") + wellKnown)
}

// where returns the URL of a source's keys, and whether it is another than that of the last
// answer. Metadata are read when there are none yet, when they are a day old, and when the last
// fetch brought nothing: a provider may have moved its keys.
func (f *Fetcher) where(ctx context.Context, s *Source, end context.CancelFunc) (keys *url.URL, moved bool, err error) {
	if !s.discover {
		return s.url, false, nil
	}
	f.mu.Lock()
	held, good := s.found, s.tries <= 1 && f.now()-s.foundAt < rediscover
	f.mu.Unlock()
	if held != nil && good {
		return held, false, nil
	}
	keys, err = f.metadata(ctx, s, end)
	if err != nil {
		return nil, false, fmt.Errorf("metadata: %w", err)
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, other := range f.sources {
		if other != s && other.at(canonicalURL(keys)) {
			return nil, false, errors.New("metadata: jwks_uri: that of another issuer")
		}
	}
	moved = s.found == nil || canonicalURL(s.found) != canonicalURL(keys)
	s.found, s.foundAt = keys, f.now()
	return keys, moved, nil
}

// at reports whether a source has its keys at a place. The mutex of the fetcher is held.
func (s *Source) at(where string) bool {
	return canonicalURL(s.url) == where || s.found != nil && canonicalURL(s.found) == where
}

// metadata asks an issuer where its keys are. The issuer that the answer names has to be the
// one that was asked, letter for letter (OpenID Connect Discovery 1.0 §4.3), and the URL of the
// keys is held to what is asked of one that is configured.
func (f *Fetcher) metadata(ctx context.Context, s *Source, end context.CancelFunc) (*url.URL, error) {
	resp, err := f.transport.RoundTrip(request(ctx, s.url))
	if err != nil {
		return nil, transportError(err)
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return nil, refusedStatus(resp.StatusCode)
	}
	body, err := f.bodies.read(resp.Body, end)
	if err != nil {
		return nil, err
	}
	var said struct {
		Issuer string `json:"issuer"`
		Keys   string `json:"jwks_uri"`
	}
	if err := json.Unmarshal(body, &said); err != nil {
		return nil, errors.New("not a JSON object of texts, or a name occurs twice")
	}
	if said.Issuer != s.issuer {
		return nil, errors.New("they are another issuer's")
	}
	u, err := parseURL(said.Keys)
	if err != nil {
		return nil, fmt.Errorf("jwks_uri: %w", err)
	}
	return u, nil
}

// request returns a request for a document.
func request(ctx context.Context, u *url.URL) *http.Request {
	return (&http.Request{
		Method: http.MethodGet, URL: u, Host: u.Host, Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
		Header: http.Header{"Accept": {acceptTypes}, "User-Agent": {"reeve"}},
	}).WithContext(ctx)
}

// refusedStatus is the error of a status that is not 200.
func refusedStatus(status int) error {
	if status >= 300 && status < 400 {
		return fmt.Errorf("status %d: redirects are refused", status)
	}
	return fmt.Errorf("status %d", status)
}
