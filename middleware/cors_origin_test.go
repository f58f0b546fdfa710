package middleware_test

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/reevehq/reeve/middleware"
)

// appOrigins are the origins that web views and extensions send.
var appOrigins = []string{
	"tauri://localhost", "capacitor://localhost", "ionic://localhost", "app://obsidian.md", "app://-", "app://.",
	"chrome-extension://nngceckbapebfimnlniiiahkandclblb", "moz-extension://6f1c2a1e-8a57-4c0b-9f4e-0a3b7a4d5c21",
	"safari-web-extension://2F4E4D25-9A3A-4E7C-9C5A-0D6B1E8F7A30", "safari-web-extension://2f4e4d25-9a3a-4e7c-9c5a-0d6b1e8f7a30",
	"vscode-webview://1b3jd0c8v4", "electron://altair", "ms-appx-web://f5e10e9a", "tauri://localhost:1420", "web+app.x-1://a_b~c",
	"http://tauri.localhost", "https://localhost", "http://127.0.0.1:3000", "http://[::1]:3000", "https://[2001:db8::1]", "https://xn--bcher-kva.test", "https://app.test.", "https://a_b.test:8443",
}

func TestOriginsOfWebViewsAndExtensionsAreComparedExactly(t *testing.T) {
	for _, origin := range appOrigins {
		c := &middleware.CORS{Origins: []string{"https://first.test", origin}, Credentials: true}
		if err := c.Validate(); err != nil {
			t.Errorf("%s: %v", origin, err)
			continue
		}
		allowed := func(sent ...string) bool {
			r := httptest.NewRequest("GET", "/x", nil)
			r.Header["Origin"] = sent
			h := http.Header{}
			c.SetHeaders(h, r)
			return h.Get("Access-Control-Allow-Origin") != ""
		}
		if !allowed(origin) {
			t.Errorf("%s is listed and not allowed", origin)
		}
		scheme, rest, _ := strings.Cut(origin, "://")
		for _, other := range []string{
			origin + "/", origin + ".", origin + ":443", origin + " ", " " + origin, origin + ".evil.test", origin + "@evil.test", "x" + origin, scheme + "://x" + rest,
			scheme + "://" + rest[:len(rest)-1], strings.ToUpper(scheme) + "://" + rest, scheme + "s://" + rest, scheme + ":" + rest, scheme + "://", scheme, rest,
			scheme + "://evil", "https://" + rest + ".evil.test", "null", "*", "", scheme + "://*", origin + "\x00", origin + "," + origin,
		} {
			if other != origin && allowed(other) {
				t.Errorf("%q is allowed where %s is listed", other, origin)
			}
		}
		if swapped := swapCase(rest); swapped != rest && allowed(scheme+"://"+swapped) {
			t.Errorf("%s is allowed in another case", origin)
		}
		if allowed(origin, origin) {
			t.Errorf("%s twice is allowed", origin)
		}
	}
}

func swapCase(s string) string {
	if upper := strings.ToUpper(s); upper != s {
		return upper
	}
	return strings.ToLower(s)
}

// An origin that no browser sends would never match: it is refused with what is wrong.
func TestAnOriginThatNoBrowserSendsIsRefusedWithTheReason(t *testing.T) {
	for origin, why := range map[string]string{
		"*": "every site", "null": "sandboxed frame", "": "scheme, ://", "app.test": "scheme, ://", "//app.test": "scheme, ://", "://x": "scheme, ://",
		"tauri:localhost": "scheme, ://", "tauri:/localhost": "scheme, ://", "1x://a": "scheme, ://", "a b://c": "scheme, ://", "ключ://a": "scheme, ://",
		"TAURI://localhost": "scheme not in lower case", "Chrome-Extension://abc": "scheme not in lower case", "HTTPS://app.test": "scheme not in lower case",
		"tauri://LOCALHOST": "host of a-z", "app://Obsidian.md": "host of a-z", "https://APP.test": "not in lower case",
		"moz-extension://6F1C2A1E-8a57-4c0b-9f4e-0a3b7a4d5c21": "host of a-z", "https://2F4E4D25-9A3A-4E7C-9C5A-0D6B1E8F7A30": "not in lower case",
		"tauri://localhost/": "a path", "tauri://localhost/index.html": "a path", "tauri://localhost?x": "a path", "tauri://localhost#x": "a path", `tauri://a\b`: "a path",
		"https://app.test/": "a path", "tauri://": "host", "tauri://:1": "host", "tauri://local host": "host", "tauri://bücher": "host", "tauri://a%20b": "host", "tauri://a,tauri://b": "a path",
		"tauri://u@localhost": "user information", "https://u:p@app.test": "user information",
		"chrome-extension://*": "a pattern", "https://*.app.test": "a pattern", "moz-extension://*/": "a pattern",
		"https://app.test:443": "own port", "http://app.test:80": "own port", "tauri://a:": "a port", "tauri://a:0": "a port", "tauri://a:65536": "a port", "https://a.test:08443": "a port", "https://a.test:x": "a port", "https://a.test:+1": "a port",
		"file://": "null for files", "file:///home/x": "a path", "file://host": "null for files", "data://x": "never sent", "blob://x": "never sent", "ws://app.test": "http:// origin", "wss://app.test": "https:// origin", "ftp://app.test": "never sent",
		"http://[::1": "host", "http://[::0001]": "IPv6", "http://[::1%25eth0]": "IPv6", "http://[FE80::1]": "IPv6", "http://[1.2.3.4]": "IPv6", "https://a..b": "host", "https://.a": "host", "https://bücher.test": "xn--",
		"https://app.test\n": "host", "https://app.test ": "host",
	} {
		err := (&middleware.CORS{Origins: []string{app, origin}}).Validate()
		if err == nil || !strings.Contains(err.Error(), "Origins[1]: ") || !strings.Contains(err.Error(), why) {
			t.Errorf("%q: got %v, want %q in it", origin, err, why)
		}
	}
}
