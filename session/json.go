package session

import (
	"encoding/json"
	"fmt"
	"math"
	"strconv"
	"strings"
)

// The sets of this package are lists in JSON, and the values that a constructor refuses are
// refused when they are read, with an error wrapping [ErrInvalid] or [ErrInvalidID]. null is the
// empty set.

// MarshalText implements [encoding.TextMarshaler]. The zero UserID is an error: it must not be
// stored as if it were a user.
func (u UserID) MarshalText() ([]byte, error) {
	if u.IsZero() {
		return nil, fmt.Errorf("%w: user: empty", ErrInvalidID)
	}
	return []byte(u.name), nil
}

// UnmarshalText implements [encoding.TextUnmarshaler] with the rules of [ParseUserID].
func (u *UserID) UnmarshalText(text []byte) error {
	parsed, err := ParseUserID(string(text))
	if err != nil {
		return err
	}
	*u = parsed
	return nil
}

// MarshalJSON implements [json.Marshaler]: a list of names in sorted order.
func (r Roles) MarshalJSON() ([]byte, error) { return json.Marshal(r.Names()) }

// UnmarshalJSON implements [json.Unmarshaler] with the rules of [NewRoles].
func (r *Roles) UnmarshalJSON(data []byte) error {
	names, err := decodeList[string]("roles", data)
	if err != nil {
		return err
	}
	set, err := NewRoles(names...)
	if err != nil {
		return err
	}
	*r = set
	return nil
}

// MarshalJSON implements [json.Marshaler]: a list of names in sorted order.
func (m Methods) MarshalJSON() ([]byte, error) { return json.Marshal(m.Names()) }

// UnmarshalJSON implements [json.Unmarshaler] with the rules of [NewMethods].
func (m *Methods) UnmarshalJSON(data []byte) error {
	names, err := decodeList[string]("methods", data)
	if err != nil {
		return err
	}
	set, err := NewMethods(names...)
	if err != nil {
		return err
	}
	*m = set
	return nil
}

// MarshalJSON implements [json.Marshaler]: a list, the current actor first.
func (a Actors) MarshalJSON() ([]byte, error) { return json.Marshal(append([]Actor{}, a.list()...)) }

// UnmarshalJSON implements [json.Unmarshaler] with the rules of [NewActors].
func (a *Actors) UnmarshalJSON(data []byte) error {
	chain, err := decodeList[Actor]("actors", data)
	if err != nil {
		return err
	}
	actors, err := NewActors(chain...)
	if err != nil {
		return err
	}
	*a = actors
	return nil
}

// MarshalJSON implements [json.Marshaler]: an object. A float64 is written with a point or an
// exponent, and is read back as one.
func (a Attributes) MarshalJSON() ([]byte, error) {
	values := make(map[string]any, len(a.values))
	for name, v := range a.values {
		if f, ok := v.(float64); ok {
			v = exactFloat(f)
		}
		values[name] = v
	}
	return json.Marshal(values)
}

// UnmarshalJSON implements [json.Unmarshaler] with the rules of [NewAttributes]. A number
// without point and exponent is an int64.
func (a *Attributes) UnmarshalJSON(data []byte) error {
	var raw map[string]json.RawMessage
	if err := json.Unmarshal(data, &raw); err != nil {
		return fmt.Errorf("%w: attributes: not a JSON object", ErrInvalid)
	}
	values := make(map[string]any, len(raw))
	for name, text := range raw {
		v, err := decodeValue(text)
		if err != nil {
			return fmt.Errorf("%w: attribute %q: %s", ErrInvalid, name, err)
		}
		values[name] = v
	}
	set, err := NewAttributes(values)
	if err != nil {
		return err
	}
	*a = set
	return nil
}

// exactFloat is a finite number that no reader takes for an integer.
type exactFloat float64

func (f exactFloat) MarshalJSON() ([]byte, error) {
	text := strconv.FormatFloat(float64(f), 'g', -1, 64)
	if !strings.ContainsAny(text, ".e") {
		text += ".0"
	}
	return []byte(text), nil
}

func decodeValue(text json.RawMessage) (any, error) {
	switch text[0] {
	case '"':
		var s string
		err := json.Unmarshal(text, &s)
		return s, err
	case 't', 'f':
		return text[0] == 't', nil
	case '[':
		list, err := decodeList[string]("", text)
		if err != nil {
			return nil, fmt.Errorf("a list is of strings")
		}
		return list, nil
	case '{', 'n':
		return nil, fmt.Errorf("not a string, a bool, a number or a list of strings")
	}
	if strings.ContainsAny(string(text), ".eE") {
		f, err := strconv.ParseFloat(string(text), 64)
		if err != nil || math.IsInf(f, 0) {
			return nil, fmt.Errorf("the number is out of range")
		}
		return f, nil
	}
	n, err := strconv.ParseInt(string(text), 10, 64)
	if err != nil {
		return nil, fmt.Errorf("the number is out of range")
	}
	return n, nil
}

// decodeList reads a list, of which no element is null.
func decodeList[T any](what string, data []byte) ([]T, error) {
	var elements []*T
	if err := json.Unmarshal(data, &elements); err != nil {
		return nil, fmt.Errorf("%w: %s: not a JSON list of its kind", ErrInvalid, what)
	}
	list := make([]T, len(elements))
	for i, e := range elements {
		if e == nil {
			return nil, fmt.Errorf("%w: %s: element %d is null", ErrInvalid, what, i)
		}
		list[i] = *e
	}
	return list, nil
}
