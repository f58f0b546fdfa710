package tenant

import (
	"database/sql/driver"
	"fmt"
)

// Scan implements database/sql.Scanner with the rules of [Parse], for database/sql, pgx and all
// that stands on them. NULL is an error: a column that may be NULL is scanned into *ID or
// sql.Null[ID]. A value that is no text is an error too. After an error id is the zero ID, so that
// a row that failed never keeps the tenant of the row before.
func (id *ID) Scan(src any) error {
	*id = ID{}
	var text string
	switch src := src.(type) {
	case string:
		text = src
	case []byte:
		text = string(src)
	case nil:
		return fmt.Errorf("%w: NULL, scan a column that may be NULL into *tenant.ID or sql.Null[tenant.ID]", ErrInvalidID)
	default:
		return fmt.Errorf("%w: a column of text is needed, not %T", ErrInvalidID, src)
	}
	parsed, err := Parse(text)
	if err != nil {
		return err
	}
	*id = parsed
	return nil
}

// Value implements [driver.Valuer]. The zero ID is an error: written as an empty text it would
// be somebody to the next query. Where NULL is meant, bind a nil *ID.
func (id ID) Value() (driver.Value, error) {
	if id.IsZero() {
		return nil, fmt.Errorf("%w: empty, bind a nil *tenant.ID where NULL is meant", ErrInvalidID)
	}
	return id.name, nil
}
