package main

import (
	"errors"
	"strings"

	"github.com/jackc/pgx/v5/pgconn"
)

// comesBack reports whether an error is of a PostgreSQL that may answer soon: one that nobody reaches, that
// starts or stops (class 57P), or that has too many connections (53300). A wrong password and a
// database that there is not do not mend themselves.
func comesBack(err error) bool {
	if answer := (*pgconn.PgError)(nil); errors.As(err, &answer) {
		return strings.HasPrefix(answer.Code, "57P") || answer.Code == "53300"
	}
	return errors.As(err, new(*pgconn.ConnectError))
}
