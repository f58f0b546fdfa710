package session

import (
	"fmt"
	"maps"
)

// KeyAttribute is the attribute that names the key which a session is bound to (RFC 9449 §5):
// without the holder of that key its refresh tokens are refused. Once set it cannot be changed or
// left out, also not by a service that replaces all attributes and forgot it: a binding that can be
// lost in passing would protect nobody.
const KeyAttribute = "dpop_key"

// BoundKey returns the RFC 7638 thumbprint of the key that the session is bound to, and ""
// for a session without one. An attribute that is no thumbprint gives "?", which is that of no
// key, so that such a session is bound to a key that nobody holds.
func (s Session) BoundKey() string {
	value, bound := s.Attributes.Get(KeyAttribute)
	thumbprint, ok := value.(string)
	if bound && (!ok || thumbprint == "") {
		return "?"
	}
	return thumbprint
}

var errKeyLost = fmt.Errorf("%w: a change keeps the attribute %s, the key that the session is bound to", ErrInvalid, KeyAttribute)

func dropsBinding(before, after Attributes) bool {
	old, bound := before.Get(KeyAttribute)
	if !bound {
		return false
	}
	was, ok := old.(string)
	is, kept := after.values[KeyAttribute].(string)
	return !ok || !kept || is != was
}

// keepKey returns the attributes of a session that is made of one with the attributes before:
// bound to the same key. An error when after names another one.
func keepKey(before, after Attributes) (Attributes, error) {
	key, bound := before.Get(KeyAttribute)
	if !bound {
		return after, nil
	}
	if _, named := after.Get(KeyAttribute); !named {
		values := maps.Clone(after.values)
		if values == nil {
			values = map[string]any{}
		}
		values[KeyAttribute] = key
		var err error
		if after, err = NewAttributes(values); err != nil {
			return Attributes{}, err
		}
	}
	if dropsBinding(before, after) {
		return Attributes{}, errKeyLost
	}
	return after, nil
}
