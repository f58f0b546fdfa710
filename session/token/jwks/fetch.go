package jwks

import (
	"context"
	"crypto/tls"
	"errors"
	"net"
	"net/http"
	"strings"
	"time"

	"github.com/reevehq/reeve/session/token"
)

// ContentType is the media type of a key set (RFC 7517 §8.5.2), for the handler that serves
// what [token.Signer.JWKS] returns.
const ContentType = "application/jwk-set+json"

// The limits of a fetch.
const (
	dialLimit   = time.Second
	tlsLimit    = 2 * time.Second
	maxHeader   = 64 << 10
	readBuffer  = 2 << 10 // small, since every provider may hang at once
	writeBuffer = 1 << 10
	maxETag     = 256
	maxError    = 256
	acceptTypes = ContentType + ", application/json"
)

// newTransport makes the transport of all fetches. A connection serves one fetch: they are
// minutes apart, and an idle connection costs two goroutines for each issuer.
func newTransport(cfg Config) *http.Transport {
	dialer := &net.Dialer{Timeout: dialLimit}
	t := &http.Transport{
		Proxy:                  http.ProxyFromEnvironment,
		TLSClientConfig:        &tls.Config{MinVersion: tls.VersionTLS12, RootCAs: cfg.RootCAs},
		TLSHandshakeTimeout:    tlsLimit,
		MaxResponseHeaderBytes: maxHeader,
		ReadBufferSize:         readBuffer,
		WriteBufferSize:        writeBuffer,
		DisableKeepAlives:      true,
		DisableCompression:     true, // a small body must not become a large one
	}
	if cfg.PublicOnly {
		t.Proxy = nil // it would connect for us, to wherever it likes
		dialer.Control = refusePrivate
	}
	t.DialContext = dialer.DialContext
	return t
}

// answer is the result of a good fetch.
type answer struct {
	set  *token.KeySet // nil when the provider said that nothing changed
	etag string
	life time.Duration
}

// get makes one request, after one for metadata where the place of the keys is not known. It
// calls the transport itself, without a client that would
// follow redirects or keep cookies. fresh asks the caches on the way to pass it on.
func (f *Fetcher) get(ctx context.Context, s *Source, etag string, fresh bool) (answer, error) {
	ctx, end := context.WithCancel(ctx)
	defer end()
	u, moved, err := f.where(ctx, s, end)
	if err != nil {
		return answer{}, err
	}
	if moved {
		etag = "" // it was the answer of another place
	}
	r := request(ctx, u)
	if etag != "" {
		r.Header.Set("If-None-Match", etag)
	}
	if fresh {
		r.Header.Set("Cache-Control", "no-cache")
	}
	resp, err := f.transport.RoundTrip(r)
	if err != nil {
		return answer{}, transportError(err)
	}
	defer resp.Body.Close()
	life := lifetime(resp.Header, s.maxAge)
	switch {
	case resp.StatusCode == http.StatusNotModified && etag != "":
		return answer{life: life}, nil
	case resp.StatusCode != http.StatusOK:
		return answer{}, refusedStatus(resp.StatusCode)
	}
	body, err := f.bodies.read(resp.Body, end)
	if err != nil {
		return answer{}, err
	}
	set, err := token.ParseJWKS(body)
	if err != nil {
		return answer{}, err
	}
	tag := resp.Header.Get("ETag")
	if len(tag) > maxETag {
		tag = ""
	}
	return answer{set: set, etag: tag, life: life}, nil
}

// transportError passes on the errors that are known to repeat neither the URL nor a
// proxy's password.
func transportError(err error) error {
	if e, ok := errors.AsType[*net.OpError](err); ok {
		return e
	}
	if e, ok := errors.AsType[*tls.CertificateVerificationError](err); ok {
		return e
	}
	return errors.New("the connection failed, or what came was not HTTP")
}

// clean makes text that a stranger may have had a part in fit for a log line.
func clean(s string) string {
	return strings.Map(func(r rune) rune {
		if r < ' ' || r > '~' {
			return '?'
		}
		return r
	}, s[:min(len(s), maxError)])
}
