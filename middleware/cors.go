package middleware

import (
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/reevehq/reeve/internal/configerr"
)

// maxPreflightAge is the longest that any browser keeps the answer to a preflight.
const maxPreflightAge = 24 * time.Hour

// CORS says which other origins' scripts may use the service. nil and the zero value allow no
// other origin. There is no wildcard and no pattern: every origin is spelled out, because
// a pattern that is a little too wide shows one site's data to another.
type CORS struct {
	// Origins are the allowed origins as browsers send them, "https://app.example.com":
	// scheme and host in lower case, the port when it is not the scheme's own, and no
	// slash at the end. Compared byte by byte. Any scheme is accepted that a web view or an
	// extension has, "tauri://localhost" or "chrome-extension://" and the extension's id. "*"
	// and "null" are errors: the first is everybody, and so is the second, the origin of every
	// sandboxed frame and file.
	Origins []string

	// Methods are those a script may use beside GET, HEAD and POST, which browsers always
	// send. In upper case.
	Methods []string

	// Headers are the request headers a script may set, such as "Authorization" and
	// "Content-Type". "*" is an error.
	Headers []string

	// Expose are the response headers a script may read beside those that browsers always
	// show and Reeve's own, WWW-Authenticate, Retry-After and DPoP-Nonce.
	Expose []string

	// MaxAge is how long a browser may keep the answer to a preflight, in whole seconds,
	// at most 24 h. Default 0: the browser's own, which is 5 s.
	MaxAge time.Duration

	// Credentials lets scripts of the allowed origins send the cookie and read the answer.
	// Requests of these origins that carry a cookie then count as made by the site itself,
	// see [CheckOrigin]; so list only origins that are as trusted as the site. Bearer tokens
	// do not need it.
	Credentials bool
}

// IsPreflight reports whether r is a CORS preflight as Fetch §3.3 defines it: OPTIONS with one
// Origin and one Access-Control-Request-Method. A request that only resembles one is a request like
// any other. A preflight has no body.
func IsPreflight(r *http.Request) bool {
	origin, method := r.Header["Origin"], r.Header["Access-Control-Request-Method"]
	return r.Method == http.MethodOptions && r.ContentLength == 0 &&
		len(origin) == 1 && origin[0] != "" && len(method) == 1 && method[0] != ""
}

// SetPreflightHeaders sets the headers of the answer to a preflight. Where the origin, the method or
// one of the headers is not allowed it sets none that allows anything.
func (c *CORS) SetPreflightHeaders(h http.Header, r *http.Request) {
	h.Add("Vary", "Origin, Access-Control-Request-Method, Access-Control-Request-Headers")
	if !c.allows(r) || !c.allowsMethod(r.Header.Get("Access-Control-Request-Method")) ||
		!c.allowsHeaders(r.Header.Values("Access-Control-Request-Headers")) {
		return
	}
	c.allow(h, r)
	if len(c.Methods) > 0 {
		h.Set("Access-Control-Allow-Methods", strings.Join(c.Methods, ", "))
	}
	if len(c.Headers) > 0 {
		h.Set("Access-Control-Allow-Headers", strings.Join(c.Headers, ", "))
	}
	if c.MaxAge > 0 {
		h.Set("Access-Control-Max-Age", strconv.FormatInt(int64(c.MaxAge/time.Second), 10))
	}
}

// SetHeaders sets the headers of the answer to any other request: they let the scripts of an
// allowed origin read it, a refusal too.
func (c *CORS) SetHeaders(h http.Header, r *http.Request) {
	if c == nil {
		return
	}
	h.Add("Vary", "Origin")
	if c.allows(r) {
		c.allow(h, r)
		h.Set("Access-Control-Expose-Headers", strings.Join(append([]string{"WWW-Authenticate, Retry-After, DPoP-Nonce"}, c.Expose...), ", "))
	}
}

func (c *CORS) allow(h http.Header, r *http.Request) {
	h.Set("Access-Control-Allow-Origin", r.Header.Get("Origin"))
	if c.Credentials {
		h.Set("Access-Control-Allow-Credentials", "true")
	}
}

// allows reports whether r comes from exactly one origin, and that one is listed.
func (c *CORS) allows(r *http.Request) bool {
	origin := r.Header["Origin"]
	return c != nil && len(origin) == 1 && origin[0] != "null" && slices.Contains(c.Origins, origin[0])
}

// trusts reports whether r may carry a cookie although it comes from another origin.
func (c *CORS) trusts(r *http.Request) bool {
	_, err := once(r, "Sec-Fetch-Site")
	return err == nil && c != nil && c.Credentials && c.allows(r)
}

func (c *CORS) allowsMethod(method string) bool {
	switch method {
	case http.MethodGet, http.MethodHead, http.MethodPost:
		return true
	}
	return slices.Contains(c.Methods, method)
}

func (c *CORS) allowsHeaders(lists []string) bool {
	for _, list := range lists {
		for name := range strings.SplitSeq(list, ",") {
			name = strings.Trim(name, " \t")
			if name != "" && !slices.ContainsFunc(c.Headers, func(h string) bool { return strings.EqualFold(h, name) }) {
				return false
			}
		}
	}
	return true
}

// Validate returns nil for a CORS that can be used, and otherwise an error with every problem,
// each beginning with the name of its field.
func (c *CORS) Validate() error {
	if c == nil {
		return nil
	}
	var problems configerr.Problems
	if len(c.Origins) == 0 {
		problems.Add("Origins", "none; without CORS leave the whole config nil")
	}
	for i, origin := range c.Origins {
		if err := originProblem(origin); err != nil {
			problems.Add(fmt.Sprintf("Origins[%d]", i), "%q %w", origin, err)
		}
	}
	for i, method := range c.Methods {
		if !isToken(method) || method != strings.ToUpper(method) {
			problems.Add(fmt.Sprintf("Methods[%d]", i), "%q is not a method in upper case", method)
		}
	}
	headers := func(field string, names []string) {
		for i, name := range names {
			if !isToken(name) {
				problems.Add(fmt.Sprintf("%s[%d]", field, i), "%q is not the name of a header", name)
			}
		}
	}
	headers("Headers", c.Headers)
	headers("Expose", c.Expose)
	if c.MaxAge < 0 || c.MaxAge > maxPreflightAge || c.MaxAge%time.Second != 0 {
		problems.Add("MaxAge", "%v is not whole seconds from 0 to %v", c.MaxAge, maxPreflightAge)
	}
	return problems.Err("middleware", nil)
}

// clone returns a copy that shares nothing with c, nil for nil.
func (c *CORS) clone() *CORS {
	if c == nil {
		return nil
	}
	d := *c
	d.Origins, d.Methods = slices.Clone(c.Origins), slices.Clone(c.Methods)
	d.Headers, d.Expose = slices.Clone(c.Headers), slices.Clone(c.Expose)
	return &d
}

// isToken reports whether s is a token of RFC 9110 §5.6.2 other than "*", which lists of
// CORS take for everything.
func isToken(s string) bool {
	return s != "" && s != "*" && !strings.ContainsFunc(s, func(r rune) bool {
		return r >= 0x7f || !('a' <= r && r <= 'z' || 'A' <= r && r <= 'Z' || '0' <= r && r <= '9' || strings.ContainsRune("!#$%&'*+-.^_`|~", r))
	})
}
