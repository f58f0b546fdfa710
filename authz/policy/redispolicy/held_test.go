package redispolicy

import (
	"archive/zip"
	"bytes"
	"crypto/ed25519"
	"crypto/sha256"
	"errors"
	"io/fs"
	"log/slog"
	"maps"
	"slices"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/reevehq/reeve/authz/policy"
)

// zipped is a bundle of any files: what another version of this program may have published.
func zipped(t *testing.T, fsys fstest.MapFS) []byte {
	t.Helper()
	var b bytes.Buffer
	w := zip.NewWriter(&b)
	for _, name := range slices.Sorted(maps.Keys(fsys)) {
		f, err := w.CreateHeader(&zip.FileHeader{Name: name, Method: zip.Store})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := f.Write(fsys[name].Data); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// published is a follower, and a function that answers it as Redis would once files are
// published.
func published(t *testing.T, before fs.FS, log *bytes.Buffer) (*Follower, func(sequence uint64, files fstest.MapFS) error) {
	t.Helper()
	public, private, err := ed25519.GenerateKey(nil)
	if err != nil {
		t.Fatal(err)
	}
	engine, err := policy.Load(before, policy.Options{})
	if err != nil {
		t.Fatal(err)
	}
	f := &Follower{engine: engine, config: FollowerConfig{Name: "p", Keys: []ed25519.PublicKey{public}, MaxSize: defaultMaxSize, Logger: slog.New(slog.NewTextHandler(log, nil))}}
	return f, func(sequence uint64, files fstest.MapFS) error {
		data := zipped(t, files)
		r := signed("p", Publication{Sequence: sequence, ID: strings.Repeat("0", 32), Hash: hexadecimal(sha256.Sum256(data)), Size: len(data), PublishedAt: time.UnixMilli(1)}, private)
		a := answer{head: r.text, bundle: string(data), size: int64(len(data))}
		if f.holds.text == r.text {
			a.bundle = "" // Redis sends only what is new
		}
		return f.heed(a, nil)
	}
}

func TestAPublishedTenantsBadFileHoldsThatTenantUntilItIsMended(t *testing.T) {
	var log bytes.Buffer
	f, publish := published(t, policyOf(t), &log)
	bad := policyOf(t)
	bad["tenants/acme.csv"] = &fstest.MapFile{Data: []byte("p, role:viewer, acme, invoice, print, true, alow\n")}
	for range 3 {
		if err := publish(1, bad); !errors.Is(err, policy.ErrTenantHeld) {
			t.Errorf("got %v", err)
		}
	}
	s := f.Stats()
	if held := f.engine.Stats().Held; len(held) != 1 || held[0].Closed {
		t.Errorf("held are %+v", held)
	}
	if !errors.Is(s.Err, policy.ErrTenantHeld) || s.Reloads != 1 || s.Refused != 0 || s.Sequence != 1 || s.Revision != f.engine.Revision() || s.Checks != 3 {
		t.Errorf("%+v", s)
	}
	if strings.Contains(log.String(), "well again") || strings.Contains(log.String(), "refused") {
		t.Errorf("the log says %s", &log)
	}
	if err := publish(2, policyOf(t)); err != nil {
		t.Error(err)
	}
	if s := f.Stats(); s.Err != nil || s.Reloads != 2 || s.Sequence != 2 || len(f.engine.Stats().Held) != 0 {
		t.Errorf("%+v", s)
	}
}

// A bundle that some other program has signed may hold more than this one reads.
func TestABundleWithAFileThatIsNotReadIsRefused(t *testing.T) {
	var log bytes.Buffer
	f, publish := published(t, policyOf(t), &log)
	before := f.engine.Revision()
	for n, name := range []string{"policy-extra.csv", "tenant/acme.csv", "tenants/Acme.csv", "tenants/sub/acme.csv", "Model.conf"} {
		files := policyOf(t)
		files[name] = &fstest.MapFile{Data: []byte("p, role:viewer, *, invoice, read, true, deny\n")}
		if err := publish(uint64(n+1), files); !errors.Is(err, policy.ErrInvalid) || errors.Is(err, policy.ErrTenantHeld) || f.engine.Revision() != before {
			t.Errorf("%s: %v", name, err)
		}
		if _, _, err := pack(files); !errors.Is(err, policy.ErrInvalid) {
			t.Errorf("%s is published: %v", name, err)
		}
	}
	if s := f.Stats(); s.Refused != 5 || s.Reloads != 0 || s.Err == nil {
		t.Errorf("%+v", s)
	}
}
