package middleware_test

import (
	"errors"
	"net/http/httptest"
	"testing"

	"github.com/reevehq/reeve/middleware"
)

func TestCheckOrigin(t *testing.T) {
	for name, tt := range map[string]struct {
		method, origin, site string
		ok                   bool
	}{
		"the site itself may post":                      {"POST", "https://api.test", "same-origin", true},
		"an old browser on the site may post":           {"POST", "https://api.test", "", true},
		"a user's own navigation may post":              {"POST", "", "none", true},
		"http is accepted where TLS ends elsewhere":     {"POST", "http://api.test", "same-origin", true},
		"another site may not post":                     {"POST", "https://evil.test", "cross-site", false},
		"another site of the family may not post":       {"POST", "https://x.api.test", "same-site", false},
		"another site may not post through old browser": {"POST", "https://evil.test", "", false},
		"a null origin may not post":                    {"POST", "null", "", false},
		"a host behind user info is not this host":      {"POST", "http://evil@api.test", "", false},
		"another port is not this host":                 {"POST", "https://api.test:444", "", false},
		"garbage in Sec-Fetch-Site is refused":          {"POST", "", "garbage", false},
		"same-origin does not excuse a foreign origin":  {"POST", "https://evil.test", "same-origin", false},
		"neither header is refused":                     {"POST", "", "", false},
		"neither header is refused for DELETE":          {"DELETE", "", "", false},
		"an unknown method is not safe":                 {"get", "", "", false},
		"TRACE is not safe":                             {"TRACE", "https://evil.test", "cross-site", false},
		"another site may link here":                    {"GET", "", "cross-site", true},
	} {
		t.Run(name, func(t *testing.T) {
			r := httptest.NewRequest(tt.method, "http://api.test/x", nil)
			if tt.origin != "" {
				r.Header.Set("Origin", tt.origin)
			}
			if tt.site != "" {
				r.Header.Set("Sec-Fetch-Site", tt.site)
			}
			err := middleware.CheckOrigin(r)
			if tt.ok && err != nil || !tt.ok && !errors.Is(err, middleware.ErrCrossOrigin) {
				t.Errorf("got %v", err)
			}
		})
	}
}
