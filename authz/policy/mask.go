package policy

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"reflect"
	"slices"

	"github.com/reevehq/reeve/authz/policy/condition"
)

// ErrField means that a client sent a field that the caller may not write, or that is none. A
// handler hands it on: the middleware answers it 403.
var ErrField = errors.New("policy: a field that is not the caller's to write")

// Mask is the fields of a type's objects that a caller may do an action to. The zero Mask has no
// field. It is one answer for the columns of a query, for JSON that goes out and for JSON that comes
// in.
//
// A rule names a field as an object of the type "field", whose id is the type and the field, and *
// for all of them. It is asked with the action on the object:
//
//	p, role:employee, *, field:employee/name,   read,   true,      allow
//	p, role:hr,       *, field:employee/*,      *,      true,      allow
//	p, role:hr,       *, field:employee/salary, update, !r.env.mfa, deny
//
// So [Engine.Decide] answers for a single field as the Mask does. A field is the same for every
// object: its conditions ask of the caller and the environment, and r.obj.id is the field's name.
// Which objects these are is the business of [Engine.Filter] and Decide.
type Mask struct {
	request  Request
	kind     string
	form     condition.Form
	revision string
}

// Fields returns the [Mask] of r.Object.Type for the subject and the action. r is as in
// [Engine.Filter], but the type need not be listed. A policy that names no field is a mistake for
// whoever asks: [ErrMisused].
func (e *Engine) Fields(ctx context.Context, r Request) (Mask, error) {
	if r.Object.ID != "" || r.Object.Route != "" || r.Object.Attributes != nil {
		return Mask{}, fmt.Errorf("%w: a mask is about a type, and not about one object", ErrMisused)
	}
	if r.Tenant.IsZero() {
		return Mask{}, fmt.Errorf("%w: a mask without a tenant", ErrRequest)
	}
	kind := r.Object.Type
	if _, err := e.prepare(ctx, &r, new(query)); err != nil { // the type is known, and the action a word
		return Mask{}, err
	}
	r.Object.Type = fieldType
	s, q, err := e.prepareAll(ctx, &r)
	if err != nil {
		return Mask{}, err
	}
	id := s.schema.Object(fieldType, "id")
	if id == nil || id.Kind != KindString {
		return Mask{}, fmt.Errorf("%w: the id of the type field is a string", ErrMisused)
	}
	form, err := s.filter(&r, &q, id)
	if err != nil {
		return Mask{}, err
	}
	return Mask{Request{Tenant: r.Tenant, Object: Object{Type: fieldType, Tenant: r.Tenant}}, kind, form, s.revision}, nil
}

// None reports whether no rule lets a field of any name be in the mask.
func (m Mask) None() bool { return m.form.Kind() == condition.FormNever }

// Revision returns the revision of the policy that made the Mask, "" of the zero Mask.
func (m Mask) Revision() string { return m.revision }

// Has reports whether a field is in the mask.
func (m Mask) Has(field string) bool {
	if m.None() || field == "" {
		return false
	}
	r := m.request
	r.Object.ID = m.kind + "/" + field
	if r.Object.validateTyped("has") != nil {
		return false
	}
	return m.form.Holds(r.values()) && r.misfit.of == nil
}

// Only returns those of the fields that are in the mask, in their order: the columns to select.
func (m Mask) Only(fields ...string) []string {
	var kept []string
	for _, f := range fields {
		if m.Has(f) {
			kept = append(kept, f)
		}
	}
	return kept
}

// JSON returns v as JSON with the fields that are in the mask. V is written as an object, as a list
// of them, or null; anything else is an error.
func (m Mask) JSON(v any) ([]byte, error) {
	text, err := json.Marshal(v)
	if err != nil {
		return nil, fmt.Errorf("policy: %w", err)
	}
	switch {
	case bytes.Equal(text, []byte("null")):
		return text, nil
	case text[0] == '[':
		var list []json.RawMessage
		if err := json.Unmarshal(text, &list); err != nil {
			return nil, fmt.Errorf("policy: %w", err)
		}
		for i := range list {
			if list[i], err = m.object(list[i]); err != nil {
				return nil, err
			}
		}
		return json.Marshal(list)
	}
	return m.object(text)
}

func (m Mask) object(text []byte) (json.RawMessage, error) {
	var fields map[string]json.RawMessage
	if err := json.Unmarshal(text, &fields); err != nil {
		return nil, errors.New("policy: a mask is of objects, and this is none")
	}
	for name := range fields {
		if !m.Has(name) {
			delete(fields, name)
		}
	}
	return json.Marshal(fields)
}

// Bind reads a client's JSON object into the struct that v points to. An object within is one
// field. A field that is not in the mask is an error that wraps [ErrField], and so is one that
// stands twice, or whose name is not that of a field of v in every letter: package json would take
// "Owner" for "owner". Of embedded structs that have a field of one name package json sets neither,
// and neither is one of v. Beside an error v is as it was.
func (m Mask) Bind(data []byte, v any) error {
	to := reflect.ValueOf(v)
	if to.Kind() != reflect.Pointer || to.IsNil() || to.Elem().Kind() != reflect.Struct {
		return errors.New("policy: fields are bound to a pointer to a struct")
	}
	names := jsonFields(to.Elem().Type())
	given, err := keysOf(data)
	if err != nil {
		return err
	}
	for i, name := range given {
		if !names[name] || !m.Has(name) || slices.Contains(given[:i], name) {
			return fmt.Errorf("%w: %s of %s", ErrField, shown(quote(name)), m.kind)
		}
	}
	if err := json.Unmarshal(data, reflect.New(to.Elem().Type()).Interface()); err != nil {
		return fmt.Errorf("policy: %w", err)
	}
	return json.Unmarshal(data, v)
}

// keysOf returns the names of a JSON object's fields, in their order.
func keysOf(data []byte) ([]string, error) {
	d := json.NewDecoder(bytes.NewReader(data))
	bad := errors.New("policy: the fields are no JSON object")
	if t, err := d.Token(); err != nil || t != json.Delim('{') {
		return nil, bad
	}
	var names []string
	for d.More() {
		t, err := d.Token()
		if err != nil {
			return nil, bad
		}
		names = append(names, t.(string))
		var value json.RawMessage
		if err := d.Decode(&value); err != nil {
			return nil, bad
		}
	}
	if _, err := d.Token(); err != nil {
		return nil, bad
	}
	if _, err := d.Token(); err != io.EOF {
		return nil, bad
	}
	return names, nil
}
