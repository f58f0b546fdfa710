package session

import (
	"database/sql/driver"
	"fmt"
)

// Scan implements database/sql.Scanner with the rules of [ParseUserID], for database/sql, pgx and
// all that stands on them. NULL is an error: a column that may be NULL is scanned into *UserID or
// sql.Null[UserID]. A value that is no text is an error too. After an error u is the zero UserID,
// so that a row that failed never keeps the user of the row before.
func (u *UserID) Scan(src any) error {
	*u = UserID{}
	var text string
	switch src := src.(type) {
	case string:
		text = src
	case []byte:
		text = string(src)
	case nil:
		return fmt.Errorf("%w: user: NULL, scan a column that may be NULL into *session.UserID or sql.Null[session.UserID]", ErrInvalidID)
	default:
		return fmt.Errorf("%w: user: a column of text is needed, not %T", ErrInvalidID, src)
	}
	parsed, err := ParseUserID(text)
	if err != nil {
		return err
	}
	*u = parsed
	return nil
}

// Value implements [driver.Valuer]. The zero UserID is an error: written as an empty text it
// would be somebody to the next query. Where NULL is meant, bind a nil *UserID.
func (u UserID) Value() (driver.Value, error) {
	if u.IsZero() {
		return nil, fmt.Errorf("%w: user: empty, bind a nil *session.UserID where NULL is meant", ErrInvalidID)
	}
	return u.name, nil
}
