package session

import (
	"encoding/json"
	"unique"
)

// Acting says as whom the user of a session acts, out of it, and why. Actings are comparable.
// The zero Acting is that of every other session.
type Acting struct{ handle unique.Handle[Actor] }

// NewActing returns the Acting of somebody who acts as user for a reason, or an error wrapping
// [ErrInvalid] as [NewActors] does.
func NewActing(user UserID, reason string) (Acting, error) {
	as := Actor{user, reason}
	if _, err := NewActors(as); err != nil {
		return Acting{}, err
	}
	return Acting{unique.Make(as)}, nil
}

// IsZero reports whether the user acts as nobody else.
func (a Acting) IsZero() bool { return a == Acting{} }

// User returns the user as whom somebody acts, zero for the zero Acting.
func (a Acting) User() UserID { return a.value().User }

// Reason returns why, "" for the zero Acting.
func (a Acting) Reason() string { return a.value().Reason }

func (a Acting) value() Actor {
	if a.IsZero() {
		return Actor{}
	}
	return a.handle.Value()
}

// actingJSON is an Acting as JSON has it.
type actingJSON struct {
	User   string `json:"user"`
	Reason string `json:"reason"`
}

// MarshalJSON implements [json.Marshaler]: an object of user and reason, or null.
func (a Acting) MarshalJSON() ([]byte, error) {
	if a.IsZero() {
		return []byte("null"), nil
	}
	return json.Marshal(actingJSON{a.User().String(), a.Reason()})
}

// UnmarshalJSON implements [json.Unmarshaler]. It refuses what [NewActing] refuses.
func (a *Acting) UnmarshalJSON(data []byte) error {
	var in *actingJSON
	if err := json.Unmarshal(data, &in); err != nil {
		return err
	}
	if in == nil {
		*a = Acting{}
		return nil
	}
	user, err := ParseUserID(in.User)
	if err != nil {
		return err
	}
	*a, err = NewActing(user, in.Reason)
	return err
}
