package jwks

import (
	"errors"
	"net"
	"net/netip"
	"net/url"
	"strings"
	"time"
)

// Endpoint is where an issuer publishes its keys.
type Endpoint struct {
	// Issuer is the name of the issuer, its iss claim. Required. Printable ASCII of at most
	// 255 bytes.
	Issuer string

	// URL is that of the key set. Required without Discover. https, or http to a loopback host; without user
	// information and fragment.
	URL string

	// Discover reads the URL of the keys from the issuer's metadata (OpenID Connect Discovery
	// 1.0), at the name of the issuer, which is a URL then, and /.well-known/openid-configuration.
	// The issuer in the metadata has to be its name, letter for letter, and the address of the keys in it
	// is held to the rules of URL. The metadata is read before the first fetch, once a day, and after a
	// fetch that failed, so that a provider is asked for two documents where it is asked for one otherwise.
	Discover bool

	// MaxAge is the longest time until keys are fetched again, and so, but for DropKey, how
	// long a key may serve that the provider has withdrawn. The provider may ask for less;
	// without a word from it, it is 10 minutes. Default 24 h, from 30 s, which are kept to
	// within 5 s, to 24 h.
	MaxAge time.Duration

	// Dropped are thumbprints of keys that are never accepted, whatever the provider says:
	// those that [Source.DropKey] returned, to outlast a restart.
	Dropped []string
}

func parseURL(s string) (*url.URL, error) {
	if s == "" {
		return nil, errors.New("required")
	}
	u, err := url.Parse(s)
	switch {
	case err != nil || u.Host == "" || u.Hostname() == "":
		return nil, errors.New("not an absolute URL")
	case u.User != nil || u.Fragment != "" || u.RawFragment != "":
		return nil, errors.New("user information and fragment are not accepted")
	case u.Scheme == "https":
		return u, nil
	case u.Scheme == "http" && loopback(u.Hostname()):
		return u, nil
	}
	return nil, errors.New("https is required, but for loopback hosts")
}

// canonicalURL is one spelling of a URL, by which two that lead to one key set are known (RFC 3986
// §6.2.2 and §6.2.3).
func canonicalURL(u *url.URL) string {
	host, port, path := strings.TrimSuffix(strings.ToLower(u.Hostname()), "."), u.Port(), u.EscapedPath()
	if port == "" {
		port = map[string]string{"https": "443", "http": "80"}[u.Scheme]
	}
	if path == "" {
		path = "/"
	}
	return u.Scheme + "://" + net.JoinHostPort(host, port) + path + "?" + u.RawQuery
}

func loopback(host string) bool {
	addr, err := netip.ParseAddr(host)
	return host == "localhost" || err == nil && addr.IsLoopback()
}
