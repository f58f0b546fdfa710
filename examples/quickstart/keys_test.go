package main

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestInstancesThatStartAtOnceShareOneSetOfKeys(t *testing.T) {
	dir := t.TempDir()
	got := make([]keys, 16)
	var wait sync.WaitGroup
	for i := range got {
		wait.Go(func() {
			var err error
			if got[i], err = loadKeys(dir); err != nil {
				t.Error(err)
			}
		})
	}
	wait.Wait()
	for _, k := range got[1:] {
		if !cmp.Equal(k, got[0]) {
			t.Fatal("two sets of keys")
		}
	}
	again, err := loadKeys(dir)
	if err != nil || !cmp.Equal(again, got[0]) {
		t.Errorf("a later instance has other keys, %v", err)
	}
	files, err := os.ReadDir(dir)
	if err != nil || len(files) != 1 || files[0].Name() != keysFile {
		t.Errorf("files %v, %v", files, err)
	}
}

// The second instance found no keys, and was slower than the first to make some.
func TestTheSlowerOfTwoInstancesTakesTheKeysOfTheFirst(t *testing.T) {
	dir := t.TempDir()
	first, err := makeKeys(dir)
	if err != nil {
		t.Fatal(err)
	}
	second, err := makeKeys(dir)
	if err != nil || !cmp.Equal(second, first) {
		t.Errorf("two sets of keys, %v", err)
	}
}

func TestKeysAreForTheirOwnerAlone(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("no such modes")
	}
	dir := t.TempDir()
	if _, err := loadKeys(dir); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(dir, keysFile)
	info, err := os.Stat(path)
	if err != nil || info.Mode() != 0o600 {
		t.Errorf("mode %v, %v", info.Mode(), err)
	}
	if err := os.Chmod(path, 0o644); err != nil {
		t.Fatal(err)
	}
	if _, err := loadKeys(dir); err == nil || !strings.Contains(err.Error(), "chmod 600") {
		t.Errorf("a file that others can read: %v", err)
	}
}

func TestKeysAreDistinctAndRedacted(t *testing.T) {
	k := newKeys()
	seen := map[string]bool{}
	for _, key := range k.all() {
		raw := string(key.Bytes())
		if len(raw) != 32 || seen[raw] {
			t.Error("a key is short or there twice")
		}
		seen[raw] = true
	}
	for _, format := range []string{"%v", "%+v", "%s", "%#v"} {
		if got := fmt.Sprintf(format, k); strings.Count(got, "[redacted]") != 4 {
			t.Errorf("%s prints %s", format, got)
		}
	}
}

func TestABrokenFileOfKeysIsRefusedWithoutItsContent(t *testing.T) {
	file := func(change func(map[string][]byte)) map[string][]byte {
		secrets := map[string][]byte{}
		for name, key := range newKeys().all() {
			secrets[name] = key.Bytes()
		}
		change(secrets)
		return secrets
	}
	short := file(func(m map[string][]byte) { m["session_key"] = m["session_key"][:31] })
	missing := file(func(m map[string][]byte) { delete(m, "redis_seal_key") })
	for name, value := range map[string]any{"a short key": short, "a missing key": missing, "text": "c2VjcmV0", "an object": map[string]int{"signing_seed": 1}} {
		dir := t.TempDir()
		text, err := json.Marshal(value)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, keysFile), text, 0o600); err != nil {
			t.Fatal(err)
		}
		_, err = loadKeys(dir)
		if err == nil || !strings.HasSuffix(err.Error(), "is not a file of keys") {
			t.Errorf("%s: %v", name, err)
		}
		kept, readErr := os.ReadFile(filepath.Join(dir, keysFile))
		if readErr != nil || string(kept) != string(text) {
			t.Errorf("%s: the file was replaced", name)
		}
	}
}
