// Package introspect asks an issuer about opaque tokens (RFC 7662), for a token.Introspector:
//
//	client, err := introspect.NewClient(introspect.Config{
//		URL:      "https://id.example.com/oauth2/introspect",
//		ClientID: "billing",
//		Secret:   secret,
//	})
//	opaque, err := token.NewIntrospector(token.IntrospectorConfig{
//		Form: token.Form{Prefix: "ory_at_", MinLength: 40, MaxLength: 200},
//		Ask:  client.Ask,
//	})
//
// It sends what it is given to one URL, which the operator has configured, and decides nothing.
package introspect

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"strings"
	"time"

	"github.com/reevehq/reeve/internal/configerr"
	"github.com/reevehq/reeve/session"
)

// The limits of a query.
const (
	dialLimit = time.Second
	tlsLimit  = 2 * time.Second
	maxBody   = 64 << 10
	maxHeader = 64 << 10
	idle      = 16
	maxText   = 255
)

// Config says whom a [Client] asks.
type Config struct {
	// URL is that of the introspection endpoint. Required. https, or http to a loopback host;
	// without user information and fragment.
	URL string

	// ClientID and Secret are those of this service at the issuer, sent by HTTP Basic (RFC 6749
	// §2.3.1). Required.
	ClientID string
	Secret   session.SecretKey

	// RootCAs are the authorities that may certify the issuer. Default: the system's.
	RootCAs *x509.CertPool
}

// Client asks one issuer. It starts no goroutine of its own and is safe for concurrent use.
type Client struct {
	url       *url.URL
	id        string
	secret    session.SecretKey
	transport http.RoundTripper
}

// NewClient returns a client. All problems are reported joined, each beginning with its field.
func NewClient(cfg Config) (*Client, error) {
	var problems configerr.Problems
	u, err := parseURL(cfg.URL)
	if err != nil {
		problems.Add("URL", "%w", err)
	}
	if cfg.ClientID == "" || len(cfg.ClientID) > maxText {
		problems.Add("ClientID", "required, at most %d bytes", maxText)
	}
	if len(cfg.Secret.Bytes()) == 0 {
		problems.Add("Secret", "required")
	}
	if err := problems.Err("introspect", nil); err != nil {
		return nil, err
	}
	return &Client{url: u, id: cfg.ClientID, secret: cfg.Secret, transport: &http.Transport{
		Proxy:                  http.ProxyFromEnvironment,
		DialContext:            (&net.Dialer{Timeout: dialLimit}).DialContext,
		TLSClientConfig:        &tls.Config{MinVersion: tls.VersionTLS12, RootCAs: cfg.RootCAs},
		TLSHandshakeTimeout:    tlsLimit,
		MaxResponseHeaderBytes: maxHeader,
		MaxIdleConnsPerHost:    idle,
		IdleConnTimeout:        time.Minute,
		DisableCompression:     true, // a small body must not become a large one
		ForceAttemptHTTP2:      true,
	}}, nil
}

// Ask asks about one token and returns the JSON text of the answer. Every answer that is not
// one of RFC 7662 is an error, which repeats neither the token nor the secret; redirects are
// not followed.
func (c *Client) Ask(ctx context.Context, token string) ([]byte, error) {
	body := url.Values{"token": {token}, "token_type_hint": {"access_token"}}.Encode()
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, c.url.String(), strings.NewReader(body))
	if err != nil {
		return nil, errors.New("introspect: the request cannot be made")
	}
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	r.Header.Set("Accept", "application/json")
	r.Header.Set("User-Agent", "reeve")
	r.SetBasicAuth(url.QueryEscape(c.id), url.QueryEscape(string(c.secret.Bytes())))
	resp, err := c.transport.RoundTrip(r)
	if err != nil {
		if ctx.Err() != nil {
			return nil, errors.New("introspect: no answer in time")
		}
		return nil, errors.New("introspect: the connection failed, or what came was not HTTP")
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("introspect: status %d", resp.StatusCode)
	}
	answer, err := io.ReadAll(io.LimitReader(resp.Body, maxBody+1))
	switch {
	case err != nil:
		return nil, errors.New("introspect: the answer was cut short")
	case len(answer) > maxBody:
		return nil, errors.New("introspect: an answer of more than 64 KiB")
	}
	return answer, nil
}

func parseURL(s string) (*url.URL, error) {
	if s == "" {
		return nil, errors.New("required")
	}
	u, err := url.Parse(s)
	switch {
	case err != nil || u.Hostname() == "":
		return nil, errors.New("not an absolute URL")
	case u.User != nil || u.Fragment != "":
		return nil, errors.New("user information and fragment are not accepted")
	case u.Scheme == "https":
		return u, nil
	}
	addr, err := netip.ParseAddr(u.Hostname())
	if u.Scheme == "http" && (u.Hostname() == "localhost" || err == nil && addr.IsLoopback()) {
		return u, nil
	}
	return nil, errors.New("https is required, but for loopback hosts")
}
