package main

import (
	"encoding/json"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	ext_authzv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/http/ext_authz/v3"
	matcherv3 "github.com/envoyproxy/go-control-plane/envoy/type/matcher/v3"
	"github.com/goccy/go-yaml"
	"google.golang.org/protobuf/encoding/protojson"

	"github.com/reevehq/reeve/authz/forwardauth"
)

// TestEnvoysFilesAreOfItsTypes reads the files as Envoy does, unknown fields refused.
func TestEnvoysFilesAreOfItsTypes(t *testing.T) {
	for _, name := range []string{"envoy/ext_authz_grpc.yaml", "envoy/ext_authz_http.yaml"} {
		text, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		fields := map[string]any{}
		if err := yaml.Unmarshal(text, &fields); err != nil {
			t.Fatal(err)
		}
		delete(fields, "@type")
		asJSON, err := json.Marshal(fields)
		if err != nil {
			t.Fatal(err)
		}
		var filter ext_authzv3.ExtAuthz
		if err := protojson.Unmarshal(asJSON, &filter); err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if err := filter.ValidateAll(); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if filter.GetAllowedHeaders() != nil {
			sendsWhatIsRead(t, filter.GetAllowedHeaders())
		}
		if filter.GetFailureModeAllow() || filter.GetStatusOnError().GetCode() != 503 {
			t.Errorf("%s: a failure is not 503", name)
		}
	}
}

// sendsWhatIsRead: by HTTP, Envoy asks with the headers that its file allows. One that is left out is not
// decided on, and reaches the program all the same.
func sendsWhatIsRead(t *testing.T, allowed *matcherv3.ListStringMatcher) {
	t.Helper()
	sent := func(name string) bool {
		return slices.ContainsFunc(allowed.GetPatterns(), func(p *matcherv3.StringMatcher) bool {
			if text := p.GetSafeRegex().GetRegex(); text != "" {
				return regexp.MustCompile("^(?:" + text + ")$").MatchString(name) // of the whole, as Envoy does
			}
			return p.GetExact() == name
		})
	}
	names := []string{
		"authorization", "cookie", "dpop", "origin", "sec-fetch-site", "upgrade", "http2-settings", "sec-websocket-key", "sec-websocket-version", "x-forwarded-for",
		"x-http-method-override", "x-http-method", "x-method-override", "x-original-url", "x-rewrite-url", "x_http_method_override", "x.original.url",
	}
	for _, name := range forwardauth.Headers() {
		for _, separator := range []string{"-", "_", "."} {
			names = append(names, strings.ReplaceAll(strings.ToLower(name), "-", separator))
		}
	}
	for _, name := range names {
		if !sent(name) {
			t.Errorf("%s is not sent", name)
		}
	}
	if sent("x-forwarded-uri") || sent("x-original-method") {
		t.Error("headers of another proxy are sent")
	}
}
