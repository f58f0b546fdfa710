//go:build unix

package pgserver

import (
	"context"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/jackc/pgx/v5/pgconn"
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
		_, err := s.run(cluster, fmt.Sprintf("DROP DATABASE IF EXISTS %s WITH (FORCE)", d.Name), fmt.Sprintf("DROP ROLE IF EXISTS %s, %s", d.OwnerRole, d.AppRole))
		if err != nil {
			tb.Errorf("pgserver: %v", err)
		}
	})
	d.Exec(cluster, fmt.Sprintf("CREATE ROLE %s LOGIN;\nCREATE ROLE %s LOGIN", d.OwnerRole, d.AppRole))
	d.Exec(cluster, fmt.Sprintf("CREATE DATABASE %s OWNER %s", d.Name, d.OwnerRole))
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

// Exec runs statements by the role of an address, all or none, and ends the test when one
// fails. It returns the rows, columns joined by "|".
func (d *Database) Exec(url, statements string) string {
	d.tb.Helper()
	out, err := d.server.run(url, statements)
	if err != nil {
		d.tb.Fatalf("pgserver: %v", err)
	}
	return out
}

// TryExec is Exec that returns the error: the server's words, which begin with "ERROR".
func (d *Database) TryExec(url, statements string) (string, error) {
	return d.server.run(url, statements)
}

// run runs statements on a connection of their own, in one transaction unless they say
// otherwise. No program is started for them: tests run thousands.
func (s *Server) run(url string, statements ...string) (string, error) {
	ctx, cancel := context.WithTimeout(context.Background(), startTimeout)
	defer cancel()
	conn, err := pgconn.Connect(ctx, url)
	if err != nil {
		return "", err
	}
	defer conn.Close(ctx)
	var lines []string
	for _, text := range statements {
		results, err := conn.Exec(ctx, text).ReadAll()
		if err != nil {
			return "", err
		}
		for _, r := range results {
			for _, row := range r.Rows {
				cells := make([]string, len(row))
				for i, cell := range row {
					cells[i] = string(cell)
				}
				lines = append(lines, strings.Join(cells, "|"))
			}
		}
	}
	return strings.Join(lines, "\n"), nil
}
