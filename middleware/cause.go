package middleware

import "errors"

// Cause returns the error by which the table answers err: the one of Reeve's exported
// errors that decides the answer, without what was wrapped around it. It is nil when
// [FromError] knows no answer.
func Cause(err error) error {
	if err == nil {
		return nil
	}
	for _, row := range table {
		if errors.Is(err, row.err) {
			return row.err
		}
	}
	return nil
}
