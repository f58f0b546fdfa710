package policy

import (
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"time"

	"github.com/reevehq/reeve/tenant"
)

// Mapper makes the objects of one type from rows of a database, so that a column which a query did
// not select, or which is NULL, is a missing attribute and never one that is false, 0 or "". It is
// made once, immutable and safe for concurrent use.
type Mapper[T any] struct {
	kind string // the type of the objects
	rowType
}

// rowType is how rows of one struct are read.
type rowType struct {
	row            string // the name of the struct
	id, tenant     *mapped
	attributes     []*mapped
	withoutColumns error // why a row needs its columns, nil where it does not
	isParent       bool  // whose own parents no condition asks for
}

// mapped is one field of a row.
type mapped struct {
	name   string // of the attribute
	field  string // in Go
	column string
	index  []int
	value  valueOf

	selected bool // whether every query selects the column
}

// The names in a tag that are not those of attributes, and the options of one.
const (
	tagKey      = "authz"
	tagID       = "id"
	tagTenant   = "tenant"
	tagSelected = "selected"
	tagMicros   = "micros"
)

// NewMapper returns the [Mapper] of the objects of type objectType, whose rows are scanned into
// a T. Its fields have tags, which name the object's id and tenant, and attributes as
// attributes.csv does:
//
//	type Task struct {
//		ID      int64      `authz:"id"`
//		Org     tenant.ID  `authz:"tenant"`
//		Owner   *string    `authz:"owner"`
//		Private *bool      `authz:"private"`
//		Due     *time.Time `authz:"due"`
//		Labels  []string   `authz:"labels"`
//		Title   string     // is no attribute
//	}
//
//	var tasks = authz.Must(policy.NewMapper[Task]("task"))
//
//	_, err := authz.Check(ctx, "update", tasks.Object(&row))
//
// A nil pointer or slice, a sql.Null, and every [database/sql/driver.Valuer] that says NULL, is
// an attribute that is missing. A field that cannot say it, such as a bool, is false for a column
// that was not selected as for one that is: its tag is `authz:"private,selected"`, by which the
// service promises that every query which fills a T selects it, or [Mapper.Object] is given the
// columns that were. A zero [time.Time] in a field that cannot say NULL is missing too. To an
// attribute to which NULL is a value, as attributes.csv says, NULL is one where the column is known
// to be selected, by either.
//
// Texts of any Go type, whole numbers and booleans are what they are, a Valuer is what it writes, an
// array that prints itself, as a UUID, its String, [16]byte the text of a UUID, and a list is one of
// texts. A time is a time to an attribute of kind time, and its Unix seconds to others; infinity is one
// after the year 9999. SQLite keeps times as microseconds: the tag of such a whole number is
// `authz:"due,micros"`. A struct, or a pointer to one, whose fields have tags themselves is the row of
// a parent: it is missing where it has no id, and where it is of another tenant. A list that holds NULL
// is missing. Other types are an error: bytes, maps, and lists of anything else.
//
// The column of a field is named by its tag `db:"…"`, and otherwise like the attribute. Fields of
// embedded structs count, but not of an embedded pointer, which is an error where they have tags.
// The error names every field that cannot be mapped.
func NewMapper[T any](objectType string) (*Mapper[T], error) {
	row := reflect.TypeFor[T]()
	m := &Mapper[T]{kind: objectType, rowType: rowType{row: row.String()}}
	var problems []error
	if !validWord(objectType) {
		problems = append(problems, fmt.Errorf("%s is no object type: a type is a word in lower case, as the policy has it", shown(quote(objectType))))
	}
	if row.Kind() != reflect.Struct {
		return nil, errors.Join(append(problems, fmt.Errorf("policy: mapper: %s is no struct", row))...)
	}
	problems = append(problems, m.compile(row)...)
	if len(problems) > 0 {
		return nil, fmt.Errorf("policy: mapper of %s: %w", row, errors.Join(problems...))
	}
	return m, nil
}

// compile maps a struct, which has to have an id and a tenant.
func (m *rowType) compile(row reflect.Type) (problems []error) {
	problems = m.fields(row, nil)
	switch {
	case m.id == nil:
		problems = append(problems, fmt.Errorf("no field has the tag `authz:%q`", tagID))
	case m.tenant == nil:
		problems = append(problems, fmt.Errorf("no field has the tag `authz:%q`: it is the tenant that is stored with the row", tagTenant))
	}
	return problems
}

// fields maps the fields of a struct.
func (m *rowType) fields(row reflect.Type, above []int) (problems []error) {
	for i := range row.NumField() {
		f := row.Field(i)
		index := append(slices.Clone(above), i)
		tag, tagged := f.Tag.Lookup(tagKey)
		if !tagged {
			switch {
			case !f.Anonymous:
			case f.Type.Kind() == reflect.Struct:
				problems = append(problems, m.fields(f.Type, index)...)
			case f.Type.Kind() == reflect.Pointer && hasTags(f.Type.Elem()):
				problems = append(problems, fmt.Errorf("field %s: it is an embedded pointer, and its fields have tags: embed %s", f.Name, f.Type.Elem()))
			}
			continue
		}
		if err := m.add(f, index, tag); err != nil {
			problems = append(problems, fmt.Errorf("field %s: %w", f.Name, err))
		}
	}
	return problems
}

// hasTags reports whether a struct has fields with tags, those of the structs that it embeds too.
func hasTags(t reflect.Type) bool {
	if t.Kind() != reflect.Struct {
		return false
	}
	for i := range t.NumField() {
		f := t.Field(i)
		if _, tagged := f.Tag.Lookup(tagKey); tagged || f.Anonymous && f.Type.Kind() == reflect.Struct && hasTags(f.Type) {
			return true
		}
	}
	return false
}

// add maps one field.
func (m *rowType) add(f reflect.StructField, index []int, tag string) error {
	name, options, _ := strings.Cut(tag, ",")
	switch {
	case !f.IsExported():
		return errors.New("it is not exported")
	case name != tagTenant && !validAttribute(name):
		return fmt.Errorf("%q cannot name an attribute", name)
	}
	if m.isParent && isParentType(f.Type) {
		return nil
	}
	value, plain, err := valueOfType(f.Type)
	if err != nil {
		return err
	}
	selected := false
	for option := range strings.SplitSeq(options, ",") {
		switch option {
		case "":
		case tagSelected:
			selected = true
		case tagMicros:
			if value, err = ofMicros(f.Type, value); err != nil {
				return err
			}
		default:
			return fmt.Errorf("the option %q of its tag is neither %q nor %q", option, tagSelected, tagMicros)
		}
	}
	column, _, _ := strings.Cut(f.Tag.Get("db"), ",")
	if column == "" {
		column = name
	}
	field := &mapped{name: name, field: f.Name, column: column, index: index, value: value, selected: selected}
	slot := &m.id
	switch name {
	case tagTenant:
		slot = &m.tenant
	case tagID:
	default:
		if slices.ContainsFunc(m.attributes, func(other *mapped) bool { return other.name == name }) {
			return fmt.Errorf("the attribute %s has two fields", name)
		}
		m.attributes = append(m.attributes, field)
		if plain && !selected && m.withoutColumns == nil {
			m.withoutColumns = fmt.Errorf("field %s of %s cannot tell a column that was not selected from a zero: make it a pointer, give Object the columns of the row, or write `authz:\"%s,%s\"` where every query selects it",
				f.Name, m.row, name, tagSelected)
		}
		return nil
	}
	if *slot != nil {
		return fmt.Errorf("two fields have the tag `authz:%q`", name)
	}
	*slot = field
	return nil
}

// Object returns the object of a row: a copy, which does not change when the row does. columns
// are those that the query selected, by name; without any, every field counts that can say itself
// whether it has a value, or whose tag says that it is always selected.
//
// A row that cannot be one object, because its id or tenant is missing, it is nil, or it has a
// field of which nobody knows whether it was selected, gives an object about which every decision
// is an error wrapping [ErrMisused]: see [Object.Err].
func (m *Mapper[T]) Object(row *T, columns ...string) Object {
	o, err := m.object(row, columns)
	if err != nil {
		return Object{Type: m.kind, Attributes: unmapped{fmt.Errorf("%w: %w", ErrMisused, err)}}
	}
	return o
}

func (m *Mapper[T]) object(row *T, columns []string) (Object, error) {
	if row == nil {
		return Object{}, fmt.Errorf("there is no row of %s", m.row)
	}
	if len(columns) == 0 && m.withoutColumns != nil {
		return Object{}, m.withoutColumns
	}
	o := Object{Type: m.kind}
	v := reflect.ValueOf(row).Elem()
	var err error
	if o.ID, err = m.identity(v, m.id, columns); err != nil {
		return Object{}, err
	}
	if o.Tenant, err = m.tenantOf(v, columns); err != nil {
		return Object{}, err
	}
	values, err := m.values(v, o.Tenant, columns)
	if err != nil {
		return Object{}, err
	}
	o.Attributes = values
	return o, nil
}

// tenantOf returns the tenant of a row.
func (m *rowType) tenantOf(row reflect.Value, columns []string) (tenant.ID, error) {
	text, err := m.identity(row, m.tenant, columns)
	if err != nil {
		return tenant.ID{}, err
	}
	id, err := tenant.Parse(text)
	if err != nil {
		return tenant.ID{}, fmt.Errorf("field %s of %s: %w", m.tenant.field, m.row, err)
	}
	return id, nil
}

// values returns the attributes of a row of a tenant.
func (m *rowType) values(row reflect.Value, in tenant.ID, columns []string) (mappedValues, error) {
	values := make(mappedValues, 0, len(m.attributes))
	for _, f := range m.attributes {
		if len(columns) > 0 && !slices.Contains(columns, f.column) {
			continue
		}
		x, err := f.value(row.FieldByIndex(f.index))
		if err != nil {
			return nil, fmt.Errorf("field %s of %s: %w", f.field, m.row, err)
		}
		if above, is := x.(mappedParent); is {
			if above.tenant == in {
				values = append(values, mappedValue{f.name, above.mappedValues})
			}
			continue
		}
		switch {
		case hasValue(x):
			values = append(values, mappedValue{f.name, x})
		case x != nil && (f.selected || len(columns) > 0):
			values = append(values, mappedValue{f.name, nil})
		}
	}
	return values, nil
}

// identity returns the text of an id. No row has the id 0, or none.
func (m *rowType) identity(row reflect.Value, f *mapped, columns []string) (string, error) {
	field := row.FieldByIndex(f.index)
	if len(columns) > 0 && !slices.Contains(columns, f.column) || field.IsZero() {
		return "", fmt.Errorf("field %s of %s has no value: select the column %s", f.field, m.row, f.column)
	}
	x, err := f.value(field)
	if err != nil {
		return "", fmt.Errorf("field %s of %s: %w", f.field, m.row, err)
	}
	switch x := x.(type) {
	case string:
		if x != "" {
			return x, nil
		}
	case int64, uint64:
		if text := fmt.Sprint(x); text != "0" {
			return text, nil
		}
	case nil, rowNull:
	default:
		return "", fmt.Errorf("field %s of %s is %T: an id is a text, a whole number or a UUID", f.field, m.row, x)
	}
	return "", fmt.Errorf("field %s of %s has no value: select the column %s", f.field, m.row, f.column)
}

// mappedValue is one attribute of an object, nil for NULL, and mappedValues are all that it has.
type (
	mappedValue struct {
		name  string
		value any
	}
	mappedValues []mappedValue
)

// Get implements [AttributeSource]. A time is its Unix seconds, since Get does not know for which
// kind it is asked.
func (v mappedValues) Get(name string) (any, bool) { return v.of(name, KindInt) }

// of is Get for an attribute of a kind.
func (v mappedValues) of(name string, k AttributeKind) (any, bool) {
	for _, x := range v {
		if x.name != name {
			continue
		}
		if at, is := x.value.(time.Time); is && k != KindTime {
			return at.Unix(), true
		}
		return x.value, true
	}
	return nil, false
}

// attributeOf returns what a source has for an attribute of a kind.
func attributeOf(from AttributeSource, name string, k AttributeKind) (any, bool) {
	if row, ok := from.(mappedValues); ok {
		return row.of(name, k)
	}
	return from.Get(name)
}

// unmapped are the attributes of an object that a row could not make.
type unmapped struct{ error }

// Get implements [AttributeSource].
func (unmapped) Get(string) (any, bool) { return nil, false }

// Err returns why a [Mapper] could make no object of a row, an error wrapping [ErrMisused], and
// nil for every other object.
func (o Object) Err() error {
	if u, is := o.Attributes.(unmapped); is {
		return u.error
	}
	return nil
}
