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

// enter sends the scope, and what cleans the session of an earlier one. A session that cannot be
// cleaned is one to close, and database/sql takes another.
func (c *conn) enter(ctx context.Context, s scope) error {
	row, err := c.row(ctx, enter, s.name, s.value)
	if err != nil {
		return fmt.Errorf("sqlscope: set the tenant: %w", err)
	}
	if len(row) != 4 || !is(row[0], s.value) {
		return errors.New("sqlscope: the tenant is not what was set")
	}
	left, ok := row[1].(bool)
	replaced, also := row[2].(bool)
	if !ok || !also {
		return fmt.Errorf("sqlscope: the driver has %T and %T for booleans", row[1], row[2])
	}
	if c.settings == nil { // nobody's statement came before
		c.settings = row[3]
	}
	if replaced || c.settings != row[3] {
		c.bad = true
		return driver.ErrBadConn
	}
	if !left {
		return nil
	}
	for _, text := range leavings {
		if err := c.send(ctx, text); err != nil {
			return fmt.Errorf("sqlscope: clean the session: %w", err)
		}
	}
	return nil
}
