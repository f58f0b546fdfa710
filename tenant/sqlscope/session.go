package sqlscope

import (
	"context"
	"database/sql/driver"
	"errors"
	"fmt"
	"strings"
)

// enter sets a setting until the transaction ends, and tells what the session has from an earlier one:
//
//   - a cursor WITH HOLD, or temporary objects, of which tables and types hide those of the service;
//   - whether functions among them may have replaced a statement that the driver keeps prepared;
//   - settings that change what statements mean.
//
// Operators are the system's, as functions are: a tenant's path may lead to others.
var enter = `SELECT pg_catalog.set_config($1, $2, true),
	EXISTS (SELECT FROM pg_catalog.pg_cursors WHERE is_holdable)
	OR (pg_catalog.pg_my_temp_schema() OPERATOR(pg_catalog.<>) 0::pg_catalog.oid AND EXISTS (SELECT FROM pg_catalog.pg_depend
		WHERE refclassid OPERATOR(pg_catalog.=) 'pg_catalog.pg_namespace'::pg_catalog.regclass::pg_catalog.oid AND refobjid OPERATOR(pg_catalog.=) pg_catalog.pg_my_temp_schema())),
	pg_catalog.pg_my_temp_schema() OPERATOR(pg_catalog.<>) 0::pg_catalog.oid AND EXISTS (SELECT FROM pg_catalog.pg_prepared_statements WHERE from_sql),
	pg_catalog.concat_ws('|', pg_catalog.current_setting('` + strings.Join(settings, "', true), pg_catalog.current_setting('") + `', true))`

// settings are those of a session that change what the statements of the next tenant mean, or whether
// they are run. Others are no matter of this package.
var settings = []string{
	"search_path", "role", "standard_conforming_strings", "backslash_quote", "client_encoding", "DateStyle", "IntervalStyle", "TimeZone", "array_nulls",
	"transform_null_equals", "bytea_output", "xmloption", "default_text_search_config", "lc_monetary", "lc_numeric", "lc_time", "row_security", "session_replication_role",
	"default_transaction_read_only", "default_transaction_isolation", "statement_timeout", "lock_timeout", "idle_in_transaction_session_timeout",
}

// leavings are the statements that are sent to a session with such leftovers.
var leavings = []string{"CLOSE ALL", "DISCARD TEMP"}

// errReset says that the settings of the session were reset, and that the transaction began under
// others: it is to be committed, and another one begun. Behind a pooler a closed connection would leave
// them to whoever has the server's next.
var errReset = errors.New("sqlscope: the session was reset")

// enter sends the scope, and what cleans the session of an earlier one. The error is errReset where
// settings were reset, and otherwise one after which the transaction is none.
func (c *conn) enter(ctx context.Context, s scope) error {
	left, err := c.look(ctx, s)
	switch {
	case err != nil:
		return fmt.Errorf("sqlscope: set the tenant: %w", err)
	case left.replaced:
		c.bad = true
		return driver.ErrBadConn // database/sql takes another connection
	case left.settings != c.settings:
		if err := c.send(ctx, "RESET ALL"); err != nil {
			return fmt.Errorf("sqlscope: clean the session: %w", err)
		}
		return errReset
	case !left.objects:
		return nil
	}
	for _, text := range leavings {
		if err := c.send(ctx, text); err != nil {
			return fmt.Errorf("sqlscope: clean the session: %w", err)
		}
	}
	return nil
}

// leftover holds what a session has from before.
type leftover struct {
	objects, replaced bool
	settings          driver.Value
}

// look sets the tenant and sees what is left. The first settings of a connection, before any
// statement of a tenant, are the service's.
func (c *conn) look(ctx context.Context, s scope) (left leftover, err error) {
	row, err := c.row(ctx, enter, s.name, s.value)
	if err != nil {
		return left, err
	}
	if len(row) != 4 || !is(row[0], s.value) {
		return left, errors.New("the tenant is not what was set")
	}
	objects, ok := row[1].(bool)
	replaced, also := row[2].(bool)
	if !ok || !also {
		return left, fmt.Errorf("the driver has %T and %T for booleans", row[1], row[2])
	}
	if c.settings == nil {
		c.settings = row[3]
	}
	return leftover{objects, replaced, row[3]}, nil
}
