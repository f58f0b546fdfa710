package main

import (
	"encoding/json"
	"os"
	"testing"

	ext_authzv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/http/ext_authz/v3"
	"github.com/goccy/go-yaml"
	"google.golang.org/protobuf/encoding/protojson"
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
		if filter.GetFailureModeAllow() || filter.GetStatusOnError().GetCode() != 503 {
			t.Errorf("%s: a failure is not 503", name)
		}
	}
}
