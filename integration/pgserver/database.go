//go:build unix

package pgserver

import (
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
)

// Database is an empty database of one test, with an owner and a role for the application
// that no other database knows. All three are removed when the test ends.
type Database struct {
	// Name is that of the database. OwnerRole owns it, may create whatever it likes in it and
	// is bound by row-level security like others where a table forces that. AppRole may log in
	// and connect, and has nothing else: no grant, and no right to create in any schema.
	Name, OwnerRole, AppRole string

	server *Server
	tb     testing.TB
}

var databases atomic.Int64

// Database creates a database.
func (s *Server) Database(tb testing.TB) *Database {
	tb.Helper()
	n := databases.Add(1)
	d := &Database{
		Name: fmt.Sprintf("test_%d", n), OwnerRole: fmt.Sprintf("owner_%d", n), AppRole: fmt.Sprintf("app_%d", n),
		server: s, tb: tb,
	}
	cluster := s.URL(superuser, "postgres")
	tb.Cleanup(func() {
		_, err := s.psql(cluster, fmt.Sprintf("DROP DATABASE IF EXISTS %s WITH (FORCE);\nDROP ROLE IF EXISTS %s, %s;", d.Name, d.OwnerRole, d.AppRole))
		if err != nil {
			tb.Errorf("pgserver: %v", err)
		}
	})
	d.Exec(cluster, fmt.Sprintf("CREATE ROLE %[2]s LOGIN;\nCREATE ROLE %[3]s LOGIN;\nCREATE DATABASE %[1]s OWNER %[2]s;", d.Name, d.OwnerRole, d.AppRole))
	return d
}

// Owner returns the address for the role that owns the database.
func (d *Database) Owner() string { return d.server.URL(d.OwnerRole, d.Name) }

// App returns the address for the role of the application.
func (d *Database) App() string { return d.server.URL(d.AppRole, d.Name) }

// Super returns the address for the superuser, for looking behind the back of what is tested.
func (d *Database) Super() string { return d.server.URL(superuser, d.Name) }

// URL returns the address for another role, which the test must have created.
func (d *Database) URL(role string) string { return d.server.URL(role, d.Name) }

// Exec runs statements by the role of an address, and ends the test at the first that fails.
// It returns the rows, columns joined by "|".
func (d *Database) Exec(url, statements string) string {
	d.tb.Helper()
	out, err := d.server.psql(url, statements)
	if err != nil {
		d.tb.Fatalf("pgserver: %v", err)
	}
	return out
}

// TryExec is Exec that returns the error: psql's words, which begin with "ERROR".
func (d *Database) TryExec(url, statements string) (string, error) {
	return d.server.psql(url, statements)
}

// psql runs statements one by one, each in a transaction of its own unless they say otherwise.
func (s *Server) psql(url, statements string) (string, error) {
	cmd := s.command(nil, "psql", "--no-psqlrc", "--quiet", "--tuples-only", "--no-align", "--set", "ON_ERROR_STOP=1", url)
	var stdout, stderr strings.Builder
	cmd.Stdin, cmd.Stdout, cmd.Stderr = strings.NewReader(statements), &stdout, &stderr
	if err := cmd.Run(); err != nil {
		return stdout.String(), fmt.Errorf("%s(%w)", stderr.String(), err)
	}
	return strings.TrimSuffix(stdout.String(), "\n"), nil
}
