package tenanttest

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"html"
	"net/http"
	"net/http/httptest"
	"net/url"
	"regexp"
	"slices"
	"sort"
	"strconv"
	"strings"
)

// answer is the answer to a request.
type answer struct {
	status int
	header http.Header
	body   []byte
}

func (a answer) ok() bool { return a.status >= 200 && a.status < 300 }

// text is all that a client can read, also in what is packed.
func (a answer) text() string {
	var b strings.Builder
	for _, name := range sortedNames(a.header) {
		for _, value := range a.header[name] {
			fmt.Fprintf(&b, "%s: %s\n", name, value)
		}
	}
	return b.String() + "\n" + string(a.body) + string(unpacked(encoding(a.header), a.body))
}

func sortedNames(h http.Header) []string {
	names := make([]string, 0, len(h))
	for name := range h {
		names = append(names, name)
	}
	sort.Strings(names)
	return names
}

// forms are the texts by which a client can read a secret: as it is, as encoders of JSON, HTML
// and URLs write it, in hexadecimal, and what base64 of either alphabet makes of it wherever it stands
// in a text.
func forms(secret string) []string {
	quoted, _ := json.Marshal(secret)
	all := []string{secret, string(quoted[1 : len(quoted)-1]), url.QueryEscape(secret), url.PathEscape(secret),
		html.EscapeString(secret), strings.Trim(strconv.QuoteToASCII(secret), `"`),
		hex.EncodeToString([]byte(secret)), strings.ToUpper(hex.EncodeToString([]byte(secret)))}
	for shift := range 3 {
		shifted := append(bytes.Repeat([]byte{0}, shift), secret...)
		if skip, end := (shift*8+5)/6, (shift+len(secret))*8/6; end-skip >= 8 {
			all = append(all, base64.StdEncoding.EncodeToString(shifted)[skip:end], base64.URLEncoding.EncodeToString(shifted)[skip:end])
		}
	}
	slices.Sort(all)
	return slices.Compact(all)
}

// normal is the answer as text in which what may differ between two equal answers is gone:
// ignored headers and members, and the values that were sent.
func (a answer) normal(ignore []string, sent ...string) string {
	h := a.header.Clone()
	for _, name := range append([]string{"Date", "X-Request-Id", "Content-Length"}, ignore...) {
		h.Del(name)
	}
	body := string(a.body)
	var value any
	if json.Unmarshal(a.body, &value) == nil {
		strip(value, ignore)
		plain, _ := json.Marshal(value)
		body = string(plain)
	}
	text := answer{header: h, body: []byte(body)}.text()
	slices.SortFunc(sent, func(x, y string) int { return len(y) - len(x) })
	for _, s := range sent {
		for _, form := range []string{s, url.QueryEscape(s), url.PathEscape(s)} {
			text = regexp.MustCompile(`(^|[^0-9A-Za-z])`+regexp.QuoteMeta(form)+`([^0-9A-Za-z]|$)`).ReplaceAllString(text, "${1}\x00${2}")
		}
	}
	return strconv.Itoa(a.status) + "\n" + text
}

// strip removes members from a JSON value, at any depth.
func strip(value any, names []string) {
	switch v := value.(type) {
	case map[string]any:
		for name, inner := range v {
			if slices.Contains(names, name) {
				delete(v, name)
				continue
			}
			strip(inner, names)
		}
	case []any:
		for _, inner := range v {
			strip(inner, names)
		}
	}
}

// send sends a request with values in its places.
func send(h http.Handler, r Request, values map[string]string, change ...func(*http.Request)) answer {
	path, body := r.Path, r.Body
	for name, value := range values {
		path = strings.ReplaceAll(path, "{"+name+"}", url.QueryEscape(value))
		inText, _ := json.Marshal(value)
		body = strings.ReplaceAll(body, `"{`+name+`}"`, string(inText))
		body = strings.ReplaceAll(body, "{"+name+"}", value)
	}
	before, query, _ := strings.Cut(path, "?")
	path = strings.ReplaceAll(before, "+", "%20")
	if query != "" {
		path += "?" + query
	}
	req := httptest.NewRequest(r.Method, path, strings.NewReader(body))
	if body == "" {
		req = httptest.NewRequest(r.Method, path, nil)
	}
	for name, v := range r.Header {
		req.Header[http.CanonicalHeaderKey(name)] = slices.Clone(v)
	}
	if body != "" && req.Header.Get("Content-Type") == "" {
		req.Header.Set("Content-Type", "application/json")
	}
	for _, c := range change {
		if c != nil {
			c(req)
		}
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, req)
	return answer{status: w.Code, header: w.Header(), body: w.Body.Bytes()}
}
