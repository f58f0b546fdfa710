package sqlitescope

import "testing"

// The letter of a drive of Windows, which SQLite would take for a host, and a character of URIs are parts of
// the path.
func TestAPathOfWindowsIsNoHost(t *testing.T) {
	for path, want := range map[string]string{
		"/data/t-acme.db": "file:///data/t-acme.db", "C:/rt/data/t-acme.db": "file:///C:/rt/data/t-acme.db",
		"C:/a?b#c%20/t-acme.db": "file:///C:/a%3Fb%23c%2520/t-acme.db", "//host/share/t-acme.db": "file:////host/share/t-acme.db",
	} {
		if got := uri(path); got != want {
			t.Errorf("%s is %s, want %s", path, got, want)
		}
	}
}
