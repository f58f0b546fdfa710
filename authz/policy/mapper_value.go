package policy

import (
	"database/sql/driver"
	"errors"
	"fmt"
	"reflect"
	"time"

	"github.com/reevehq/reeve/authz/policy/condition"
	"github.com/reevehq/reeve/authz/policy/internal/sqltext"
	"github.com/reevehq/reeve/tenant"
)

// valueOf returns what conditions see of a field, rowNull for NULL, and nil where it has no value.
type valueOf func(v reflect.Value) (any, error)

// rowNull is the value of a field that is NULL, or that nothing was scanned into.
type rowNull struct{}

var (
	valuerType   = reflect.TypeFor[driver.Valuer]()
	stringerType = reflect.TypeFor[fmt.Stringer]()
	timeType     = reflect.TypeFor[time.Time]()
	bytesOfUUID  = reflect.TypeFor[[16]byte]()
)

// validAttribute reports whether a tag names an attribute, the id among them.
func validAttribute(name string) bool { return condition.IsName(name) }

// valueOfType returns how a field of a type is read, and whether it is plain: unable to say that
// it has no value.
func valueOfType(t reflect.Type) (read valueOf, plain bool, err error) {
	if of, ok := nullType(t); ok {
		inner, err := selectedType(of)
		return func(v reflect.Value) (any, error) {
			if !v.Field(1).Bool() {
				return rowNull{}, nil
			}
			return inner(v.Field(0))
		}, false, err
	}
	switch {
	case t.Kind() == reflect.Pointer:
		inner, err := selectedType(t.Elem())
		return func(v reflect.Value) (any, error) {
			if v.IsNil() {
				return rowNull{}, nil
			}
			return inner(v.Elem())
		}, false, err
	case t == timeType:
		return func(v reflect.Value) (any, error) {
			at := v.Interface().(time.Time)
			if at.IsZero() {
				return nil, nil
			}
			return at, nil
		}, false, nil
	case t.Kind() == reflect.Slice && t.Elem().Kind() != reflect.Uint8:
		read, err = listOf(t)
		return read, false, err
	case isParentType(t):
		read, err = parentOfType(t)
		return read, false, err
	case isMoment(t):
		return readMoment, false, nil
	case t.Implements(valuerType):
		return readValuer, isPlain(t, readValuer), nil
	case reflect.PointerTo(t).Implements(valuerType):
		read = func(v reflect.Value) (any, error) {
			p := reflect.New(t)
			p.Elem().Set(v)
			return readValuer(p)
		}
		return read, isPlain(t, read), nil
	}
	read, err = basic(t)
	return read, true, err
}

// selectedType is valueOfType for what stands in a field that says itself when it is NULL: there the
// zero time is one that was read.
func selectedType(t reflect.Type) (valueOf, error) {
	if t == timeType {
		return func(v reflect.Value) (any, error) { return v.Interface(), nil }, nil
	}
	read, _, err := valueOfType(t)
	return read, err
}

// nullType returns V for sql.Null[V].
func nullType(t reflect.Type) (reflect.Type, bool) {
	if t.Kind() != reflect.Struct || t.PkgPath() != "database/sql" || t.NumField() != 2 {
		return nil, false
	}
	if t.Field(0).Name != "V" || t.Field(1).Name != "Valid" || t.Field(1).Type.Kind() != reflect.Bool {
		return nil, false
	}
	return t.Field(0).Type, true
}

// mappedParent is the row of a parent.
type mappedParent struct {
	tenant tenant.ID
	mappedValues
}

// isParentType reports whether a type is a row with tags of its own, or a pointer to one.
func isParentType(t reflect.Type) bool {
	if t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	return hasTags(t) && !t.Implements(valuerType)
}

// parentOfType reads the row of a parent. A parent that a query did not join has no id.
func parentOfType(t reflect.Type) (valueOf, error) {
	m := &rowType{row: t.String(), isParent: true}
	if problems := m.compile(t); len(problems) > 0 {
		return nil, fmt.Errorf("the parent %s: %w", t, errors.Join(problems...))
	}
	if m.withoutColumns != nil {
		return nil, fmt.Errorf("the parent %s: %w", t, m.withoutColumns)
	}
	return func(v reflect.Value) (any, error) {
		if v.FieldByIndex(m.id.index).IsZero() {
			return nil, nil
		}
		p := mappedParent{}
		id, err := m.id.value(v.FieldByIndex(m.id.index))
		if !hasValue(id) || err != nil {
			return nil, err
		}
		if p.tenant, err = m.tenantOf(v, nil); err != nil {
			return nil, err
		}
		if p.mappedValues, err = m.values(v, p.tenant, nil); err != nil {
			return nil, err
		}
		p.mappedValues = append(p.mappedValues, mappedValue{tagID, id})
		return p, nil
	}, nil
}

// isMoment reports whether a type is a time of PostgreSQL, as those of pgx: a Valuer around a
// [time.Time] which may be infinite, and is then a text.
func isMoment(t reflect.Type) bool {
	if t.Kind() != reflect.Struct || !t.Implements(valuerType) {
		return false
	}
	f, ok := t.FieldByName("Time")
	_, infinite := t.FieldByName("InfinityModifier")
	return ok && infinite && f.Type == timeType
}

// readMoment is readValuer for what isMoment is about. Infinity is a time beyond all that conditions
// compare, on its side.
func readMoment(v reflect.Value) (any, error) {
	x, err := readValuer(v)
	switch x {
	case "infinity":
		return sqltext.Infinity, err
	case "-infinity":
		return sqltext.MinusInfinity, err
	}
	return x, err
}

// isPlain reports whether the zero of a Valuer's type is a value like others. An error of it, as
// that of the zero tenant.ID, says that it is none.
func isPlain(t reflect.Type, read valueOf) bool {
	x, err := read(reflect.Zero(t))
	return err == nil && hasValue(x)
}

// hasValue reports whether what a field says is a value.
func hasValue(x any) bool { return x != nil && x != rowNull{} }

// readValuer returns what a Valuer writes. The zero of a type whose zero cannot be written has
// no value.
func readValuer(v reflect.Value) (x any, err error) {
	written, err := value(v)
	if err != nil {
		if reflect.Indirect(v).IsZero() {
			return nil, nil
		}
		return nil, err
	}
	if _, is := written.(time.Time); is && reflect.Indirect(v).IsZero() {
		return nil, nil
	}
	return driven(written)
}

// value is Value, of whose zero some panic.
func value(v reflect.Value) (x driver.Value, err error) {
	defer func() {
		if r := recover(); r != nil {
			x, err = nil, fmt.Errorf("its Value panicked: %v", r)
		}
	}()
	return v.Interface().(driver.Valuer).Value()
}

// driven returns what a driver would write.
func driven(x any) (any, error) {
	switch x := x.(type) {
	case nil:
		return rowNull{}, nil
	case string, int64, float64, bool, time.Time:
		return x, nil
	}
	return nil, fmt.Errorf("its Value is %T, which no attribute can be", x)
}

// basic reads a type that says nothing of itself.
func basic(t reflect.Type) (valueOf, error) {
	switch t.Kind() {
	case reflect.String:
		return func(v reflect.Value) (any, error) { return v.String(), nil }, nil
	case reflect.Bool:
		return func(v reflect.Value) (any, error) { return v.Bool(), nil }, nil
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		return func(v reflect.Value) (any, error) { return v.Int(), nil }, nil
	case reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
		return func(v reflect.Value) (any, error) { return v.Uint(), nil }, nil
	case reflect.Float32, reflect.Float64:
		return func(v reflect.Value) (any, error) { return v.Float(), nil }, nil
	case reflect.Array:
		switch {
		case t.Implements(stringerType):
			return func(v reflect.Value) (any, error) { return v.Interface().(fmt.Stringer).String(), nil }, nil
		case t.ConvertibleTo(bytesOfUUID):
			return func(v reflect.Value) (any, error) {
				uuid, _ := condition.ValueOf(KindUUID, v.Convert(bytesOfUUID).Interface())
				return uuid.Text(), nil
			}, nil
		}
	}
	return nil, fmt.Errorf("no attribute can be %s: make it a text, a number, a bool, a time, a list of texts or a driver.Valuer", t)
}

// ofMicros reads a whole number as the time that it is in SQLite, which has no type for times.
func ofMicros(t reflect.Type, read valueOf) (valueOf, error) {
	if x, err := read(example(t)); err == nil && hasValue(x) {
		if _, whole := x.(int64); !whole {
			return nil, fmt.Errorf("microseconds are an int64, and %s is none", t)
		}
	}
	return func(v reflect.Value) (any, error) {
		x, err := read(v)
		if !hasValue(x) || err != nil {
			return x, err
		}
		micros, whole := x.(int64)
		if !whole {
			return nil, fmt.Errorf("microseconds are an int64, and %T is none", x)
		}
		return time.UnixMicro(micros).UTC(), nil
	}, nil
}

// errNoText is that of a list of anything but texts.
var errNoText = errors.New("a list has texts alone")

// listOf reads a list of texts. One that holds NULL has no value: nobody knows what is in it.
func listOf(t reflect.Type) (valueOf, error) {
	read, _, err := valueOfType(t.Elem())
	if err != nil {
		return nil, err
	}
	if x, err := read(example(t.Elem())); err == nil && hasValue(x) {
		if _, text := x.(string); !text {
			return nil, fmt.Errorf("%w, and %s is none", errNoText, t.Elem())
		}
	}
	return func(v reflect.Value) (any, error) {
		if v.IsNil() {
			return rowNull{}, nil
		}
		list := make([]string, v.Len())
		for i := range list {
			x, err := read(v.Index(i))
			if !hasValue(x) || err != nil {
				return nil, err
			}
			text, ok := x.(string)
			if !ok {
				return nil, fmt.Errorf("%w, and %T is none", errNoText, x)
			}
			list[i] = text
		}
		return list, nil
	}, nil
}

// example is a value of a type that is no nil pointer.
func example(t reflect.Type) reflect.Value {
	if t.Kind() == reflect.Pointer {
		return reflect.New(t.Elem())
	}
	return reflect.Zero(t)
}
