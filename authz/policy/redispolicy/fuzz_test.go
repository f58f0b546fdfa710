package redispolicy

import (
	"testing"

	"github.com/reevehq/reeve/authz/policy"
)

// FuzzRecord: no text is a record but one that was signed.
func FuzzRecord(f *testing.F) {
	genuine := signed("billing", revision(), key(0)).text
	f.Add(genuine)
	f.Add(signed("staging", revision(), key(0)).text)
	f.Add(signed("billing", revision(), key(1)).text)
	f.Add("")
	f.Fuzz(func(t *testing.T, text string) {
		if r, err := parseRecord("billing", text, public(key(0))); err == nil && (text != genuine || r.Publication != revision()) {
			t.Fatalf("%q is believed", text)
		}
	})
}

// FuzzBundle: whatever the bytes are, they load or are refused, and nothing panics.
func FuzzBundle(f *testing.F) {
	data, _, err := pack(policyOf(f))
	if err != nil {
		f.Fatal(err)
	}
	f.Add(data)
	f.Add(data[:len(data)/2])
	f.Add([]byte("PK\x05\x06"))
	f.Fuzz(func(t *testing.T, data []byte) {
		fsys, err := unpack(data)
		if err != nil {
			return
		}
		if engine, err := policy.Load(fsys, policy.Options{}); err == nil && engine.Revision() == "" {
			t.Fatal("it loads as nothing")
		}
	})
}
