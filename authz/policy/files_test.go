package policy_test

import (
	"os"
	"path/filepath"
	"testing"
)

const viewersRead = "p, role:viewer, *, doc, read, true, allow\n"

// fill makes a folder with a policy.
func fill(t *testing.T, dir, rows string) {
	t.Helper()
	if err := os.MkdirAll(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	write(t, filepath.Join(dir, "model.conf"), string(folder(nil)["model.conf"].Data))
	write(t, filepath.Join(dir, "policy.csv"), rows)
}

func write(t *testing.T, path, content string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
}
