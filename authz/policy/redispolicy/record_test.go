package redispolicy

import (
	"crypto/ed25519"
	"errors"
	"strings"
	"testing"
	"time"
)

func key(seed byte) ed25519.PrivateKey {
	return ed25519.NewKeyFromSeed([]byte(strings.Repeat(string(rune('a'+seed)), ed25519.SeedSize)))
}

func signed(name string, r Publication, key ed25519.PrivateKey) record {
	signed, err := sign(name, r, key)
	if err != nil {
		panic(err)
	}
	return signed
}

func public(keys ...ed25519.PrivateKey) (out []ed25519.PublicKey) {
	for _, k := range keys {
		out = append(out, k.Public().(ed25519.PublicKey))
	}
	return out
}

func revision() Publication {
	return Publication{
		Sequence: 1795384800123, ID: strings.Repeat("0a", 16), Hash: strings.Repeat("1b", 32), Size: 4096,
		PublishedAt: time.UnixMilli(1795384800123),
	}
}

func TestARecordIsWhatWasSigned(t *testing.T) {
	want := signed("billing", revision(), key(0))
	for name, keys := range map[string][]ed25519.PublicKey{"its key": public(key(0)), "its key among others": public(key(1), key(0))} {
		got, err := parseRecord("billing", want.text, keys)
		if err != nil || got != want {
			t.Errorf("%s: %+v %v", name, got, err)
		}
	}
}

func TestARecordThatIsNotGenuineIsUntrusted(t *testing.T) {
	genuine := signed("billing", revision(), key(0)).text
	refused := func(what, text string) {
		t.Helper()
		if r, err := parseRecord("billing", text, public(key(0))); !errors.Is(err, ErrUntrusted) || r != (record{}) {
			t.Errorf("%s: %+v %v", what, r, err)
		}
	}
	refused("another key's", signed("billing", revision(), key(1)).text)
	refused("another policy's", signed("staging", revision(), key(0)).text)
	refused("nothing", "")
	refused("a space before", " "+genuine)
	refused("a line after", genuine+"\n")
	refused("a word more", genuine+" x")
	words := strings.Split(genuine, " ")
	for i := range words {
		refused("a word less", strings.Join(append(append([]string{}, words[:i]...), words[i+1:]...), " "))
	}
	for i := range len(genuine) {
		for _, b := range []byte{genuine[i] ^ 1, '0', 'A', ' '} {
			if b != genuine[i] {
				refused("byte "+string(rune('0'+i%10)), genuine[:i]+string(b)+genuine[i+1:])
			}
		}
	}
	if _, err := parseRecord("billing", genuine, nil); !errors.Is(err, ErrUntrusted) {
		t.Errorf("without keys: %v", err)
	}
}
