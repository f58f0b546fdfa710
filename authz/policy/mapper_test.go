package policy_test

import (
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"math"
	"reflect"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/reevehq/reeve/authz/policy"
	"github.com/reevehq/reeve/tenant"
)

// uuid is as packages of UUIDs have it, of which some write themselves and some only print.
type uuid [16]byte

func (u uuid) String() string { return fmt.Sprintf("%x-%x", u[:4], u[4:]) }

// state is a text of the service's own.
type state string

// money writes itself as whole cents, and its zero is a value.
type money struct{ units, cents int64 }

func (m money) Value() (driver.Value, error) { return m.units*100 + m.cents, nil }

// maybe is as those of pgtype: it says NULL when it is not valid.
type maybe struct {
	Text  string
	Valid bool
}

func (m maybe) Value() (driver.Value, error) {
	if !m.Valid {
		return nil, nil
	}
	return m.Text, nil
}

// byPointer has the method on its pointer alone.
type byPointer struct{ text string }

func (p *byPointer) Value() (driver.Value, error) { return p.text, nil }

type Base struct {
	ID  int64     `authz:"id"`
	Org tenant.ID `authz:"tenant" db:"org_id"`
}

type everyForm struct {
	Base
	Owner    *string             `authz:"owner"`
	State    *state              `authz:"state"`
	Private  *bool               `authz:"private"`
	Rank     *int32              `authz:"rank"`
	Big      *uint64             `authz:"big"`
	Share    *float32            `authz:"share"`
	Due      time.Time           `authz:"due"`
	DueOr    *time.Time          `authz:"due_or"`
	NullText sql.NullString      `authz:"null_text"`
	NullInt  sql.NullInt64       `authz:"null_int"`
	NullTime sql.NullTime        `authz:"null_time"`
	Generic  sql.Null[state]     `authz:"generic"`
	Lists    sql.Null[[]string]  `authz:"lists"`
	Labels   []string            `authz:"labels"`
	States   []state             `authz:"states"`
	Tenants  []tenant.ID         `authz:"tenants"`
	Holes    []*string           `authz:"holes"`
	Maybes   []maybe             `authz:"maybes"`
	UUID     *uuid               `authz:"uuid"`
	Price    *money              `authz:"price"`
	Maybe    maybe               `authz:"maybe"`
	Other    tenant.ID           `authz:"other"`
	Pointer  **string            `authz:"pointer"`
	NullUUID sql.Null[uuid]      `authz:"null_uuid"`
	NullID   sql.Null[tenant.ID] `authz:"null_id"`
	Title    string
}

// byHand is the object as somebody writes it who forgets nothing.
func (r *everyForm) byHand() policy.Object {
	v := policy.Values{}
	text := func(name string, p *string) {
		if p != nil {
			v[name] = *p
		}
	}
	text("owner", r.Owner)
	text("state", (*string)(r.State))
	if r.Private != nil {
		v["private"] = *r.Private
	}
	if r.Rank != nil {
		v["rank"] = int64(*r.Rank)
	}
	if r.Big != nil {
		v["big"] = *r.Big
	}
	if r.Share != nil {
		v["share"] = float64(*r.Share)
	}
	if !r.Due.IsZero() {
		v["due"] = r.Due.Unix()
	}
	if r.DueOr != nil {
		v["due_or"] = r.DueOr.Unix()
	}
	if r.NullText.Valid {
		v["null_text"] = r.NullText.String
	}
	if r.NullInt.Valid {
		v["null_int"] = r.NullInt.Int64
	}
	if r.NullTime.Valid {
		v["null_time"] = r.NullTime.Time.Unix()
	}
	if r.Generic.Valid {
		v["generic"] = string(r.Generic.V)
	}
	if r.Lists.Valid && r.Lists.V != nil {
		v["lists"] = r.Lists.V
	}
	if r.Labels != nil {
		v["labels"] = r.Labels
	}
	if r.States != nil {
		list := []string{}
		for _, s := range r.States {
			list = append(list, string(s))
		}
		v["states"] = list
	}
	if r.Tenants != nil {
		list, whole := []string{}, true
		for _, t := range r.Tenants {
			list, whole = append(list, t.String()), whole && !t.IsZero()
		}
		if whole {
			v["tenants"] = list
		}
	}
	if r.Holes != nil {
		list, whole := []string{}, true
		for _, s := range r.Holes {
			if whole = whole && s != nil; whole {
				list = append(list, *s)
			}
		}
		if whole {
			v["holes"] = list
		}
	}
	if r.Maybes != nil {
		list, whole := []string{}, true
		for _, m := range r.Maybes {
			list, whole = append(list, m.Text), whole && m.Valid
		}
		if whole {
			v["maybes"] = list
		}
	}
	if r.UUID != nil {
		v["uuid"] = r.UUID.String()
	}
	if r.Price != nil {
		v["price"] = r.Price.units*100 + r.Price.cents
	}
	if r.Maybe.Valid {
		v["maybe"] = r.Maybe.Text
	}
	if !r.Other.IsZero() {
		v["other"] = r.Other.String()
	}
	if r.Pointer != nil {
		text("pointer", *r.Pointer)
	}
	if r.NullUUID.Valid {
		v["null_uuid"] = r.NullUUID.V.String()
	}
	if r.NullID.Valid && !r.NullID.V.IsZero() {
		v["null_id"] = r.NullID.V.String()
	}
	return policy.Object{Type: "task", ID: fmt.Sprint(r.ID), Tenant: r.Org, Attributes: v}
}

func drawRow(t *rapid.T) everyForm {
	texts := rapid.SampledFrom([]string{"", "a", "b", "é"})
	times := rapid.SampledFrom([]time.Time{{}, time.Unix(0, 0), time.Unix(1e9, 5).In(time.FixedZone("x", 3600)), time.Unix(-5, 1)})
	ids := rapid.SampledFrom([]tenant.ID{{}, tenant.MustParse("acme"), tenant.MustParse("globex")})
	maybes := rapid.Custom(func(t *rapid.T) maybe { return maybe{texts.Draw(t, "text"), rapid.Bool().Draw(t, "valid")} })
	uuids := rapid.Custom(func(t *rapid.T) uuid { return uuid{rapid.Byte().Draw(t, "byte")} })
	states := rapid.Custom(func(t *rapid.T) state { return state(texts.Draw(t, "state")) })
	row := everyForm{
		Base:     Base{rapid.Int64Range(1, math.MaxInt64).Draw(t, "id"), tenant.MustParse("acme")},
		Owner:    rapid.Ptr(texts, true).Draw(t, "owner"),
		State:    rapid.Ptr(states, true).Draw(t, "state"),
		Private:  rapid.Ptr(rapid.Bool(), true).Draw(t, "private"),
		Rank:     rapid.Ptr(rapid.Int32(), true).Draw(t, "rank"),
		Big:      rapid.Ptr(rapid.Uint64(), true).Draw(t, "big"),
		Share:    rapid.Ptr(rapid.Float32(), true).Draw(t, "share"),
		Due:      times.Draw(t, "due"),
		DueOr:    rapid.Ptr(times, true).Draw(t, "due_or"),
		NullText: sql.NullString{String: texts.Draw(t, "text"), Valid: rapid.Bool().Draw(t, "valid")},
		NullInt:  sql.NullInt64{Int64: rapid.Int64().Draw(t, "int"), Valid: rapid.Bool().Draw(t, "valid")},
		NullTime: sql.NullTime{Time: times.Draw(t, "time"), Valid: rapid.Bool().Draw(t, "valid")},
		Generic:  sql.Null[state]{V: states.Draw(t, "generic"), Valid: rapid.Bool().Draw(t, "valid")},
		Lists:    sql.Null[[]string]{Valid: rapid.Bool().Draw(t, "valid")},
		UUID:     rapid.Ptr(uuids, true).Draw(t, "uuid"),
		Price:    rapid.Ptr(rapid.Just(money{3, 7}), true).Draw(t, "price"),
		Maybe:    maybes.Draw(t, "maybe"),
		Other:    ids.Draw(t, "other"),
		Pointer:  rapid.Ptr(rapid.Ptr(texts, true), true).Draw(t, "pointer"),
		NullUUID: sql.Null[uuid]{V: uuids.Draw(t, "uuid"), Valid: rapid.Bool().Draw(t, "valid")},
		NullID:   sql.Null[tenant.ID]{V: ids.Draw(t, "id"), Valid: rapid.Bool().Draw(t, "valid")},
		Title:    "a title",
	}
	if rapid.Bool().Draw(t, "lists") {
		row.Lists.V = rapid.SliceOfN(texts, 0, 3).Draw(t, "lists")
		row.Labels = rapid.SliceOfN(texts, 0, 3).Draw(t, "labels")
		row.States = rapid.SliceOfN(states, 0, 3).Draw(t, "states")
		row.Tenants = rapid.SliceOfN(ids, 0, 3).Draw(t, "tenants")
		row.Holes = rapid.SliceOfN(rapid.Ptr(texts, true), 0, 3).Draw(t, "holes")
		row.Maybes = rapid.SliceOfN(maybes, 0, 3).Draw(t, "maybes")
	}
	return row
}

// TestTheObjectOfARowIsTheOneMadeByHand: NULL in each of Go's forms is an attribute that is
// missing, and what is there is what somebody would write who forgets nothing.
func TestTheObjectOfARowIsTheOneMadeByHand(t *testing.T) {
	m, err := policy.NewMapper[everyForm]("task")
	if err != nil {
		t.Fatal(err)
	}
	rapid.Check(t, func(t *rapid.T) {
		row := drawRow(t)
		want, got := row.byHand(), m.Object(&row)
		if got.Type != want.Type || got.ID != want.ID || got.Tenant != want.Tenant || got.Err() != nil {
			t.Fatalf("%+v, want %+v: %v", got, want, got.Err())
		}
		typ := reflect.TypeOf(row)
		for i := range typ.NumField() {
			name := typ.Field(i).Tag.Get("authz")
			x, there := got.Attributes.Get(name)
			y, wanted := want.Attributes.Get(name)
			if there != wanted || !reflect.DeepEqual(x, y) {
				t.Fatalf("%s is %#v, %v, want %#v, %v", name, x, there, y, wanted)
			}
		}
		if x, there := got.Attributes.Get("title"); there {
			t.Fatalf("a field without a tag is an attribute: %v", x)
		}
	})
}

// TestAnAttributeThatWasNotSelectedIsMissing: leak 7 of a service that filled Private with
// false, since its query did not select the column.
func TestAnAttributeThatWasNotSelectedIsMissing(t *testing.T) {
	type row struct {
		ID      string `authz:"id"`
		Org     string `authz:"tenant" db:"org"`
		Private bool   `authz:"private" db:"is_private,omitempty"`
		Rank    int    `authz:"rank"`
	}
	m, err := policy.NewMapper[row]("task")
	if err != nil {
		t.Fatal(err)
	}
	r := row{ID: "1", Org: "acme"}
	if err := m.Object(&r).Err(); !errors.Is(err, policy.ErrMisused) || !strings.Contains(err.Error(), `"private,selected"`) {
		t.Errorf("a bool that may not have been selected: %v", err)
	}
	o := m.Object(&r, "id", "org", "rank")
	if x, there := o.Attributes.Get("private"); there || o.Err() != nil {
		t.Errorf("what was not selected is %v, %v", x, o.Err())
	}
	if x, there := o.Attributes.Get("rank"); !there || x != any(int64(0)) {
		t.Errorf("a selected 0 is %v, %v", x, there)
	}
	o = m.Object(&r, "id", "org", "is_private")
	if x, there := o.Attributes.Get("private"); !there || x != any(false) {
		t.Errorf("a selected false is %v, %v", x, there)
	}
	for _, columns := range [][]string{{"id"}, {"org"}, {"ID", "org"}, {""}} {
		if o := m.Object(&r, columns...); !errors.Is(o.Err(), policy.ErrMisused) || o.ID != "" || !o.Tenant.IsZero() {
			t.Errorf("%q make %+v, %v", columns, o, o.Err())
		}
	}

	type promised struct {
		ID      int64     `authz:"id"`
		Org     tenant.ID `authz:"tenant"`
		Private bool      `authz:"private,selected"`
		Price   money     `authz:"price,selected"`
		By      byPointer `authz:"by,selected"`
	}
	p, err := policy.NewMapper[promised]("task")
	if err != nil {
		t.Fatal(err)
	}
	o = p.Object(&promised{ID: 1, Org: tenant.MustParse("acme"), By: byPointer{"bob"}})
	private, _ := o.Attributes.Get("private")
	price, _ := o.Attributes.Get("price")
	by, _ := o.Attributes.Get("by")
	if private != any(false) || price != any(int64(0)) || by != any("bob") || o.Err() != nil {
		t.Errorf("what is always selected: %v, %v, %v, %v", private, price, by, o.Err())
	}
}

func TestARowWithoutAnIdentityIsNoObject(t *testing.T) {
	acme := tenant.MustParse("acme")
	m, err := policy.NewMapper[Base]("task")
	if err != nil {
		t.Fatal(err)
	}
	for name, row := range map[string]*Base{"no row": nil, "no id": {Org: acme}, "no tenant": {ID: 1}, "neither": {}} {
		if o := m.Object(row); !errors.Is(o.Err(), policy.ErrMisused) || o.ID != "" || !o.Tenant.IsZero() {
			t.Errorf("%s: %+v, %v", name, o, o.Err())
		}
	}
	type nullable struct {
		ID  sql.NullInt64  `authz:"id"`
		Org sql.NullString `authz:"tenant"`
		Bad failing        `authz:"bad"`
	}
	n, err := policy.NewMapper[nullable]("task")
	if err != nil {
		t.Fatal(err)
	}
	one, org := sql.NullInt64{Int64: 1, Valid: true}, sql.NullString{String: "acme", Valid: true}
	for name, row := range map[string]nullable{
		"NULL as id": {Org: org}, "0 as id": {ID: sql.NullInt64{Valid: true}, Org: org}, "NULL as tenant": {ID: one},
		"a tenant that is none": {ID: one, Org: sql.NullString{String: "ac me", Valid: true}}, "a value that cannot be had": {ID: one, Org: org, Bad: failing{1}},
		"a value that panics": {ID: one, Org: org, Bad: failing{2}}, "a value of bytes": {ID: one, Org: org, Bad: failing{3}},
	} {
		if o := n.Object(&row); !errors.Is(o.Err(), policy.ErrMisused) || o.ID != "" || !o.Tenant.IsZero() {
			t.Errorf("%s: %+v, %v", name, o, o.Err())
		}
	}
	if o := n.Object(&nullable{ID: one, Org: org}); o.Err() != nil || o.ID != "1" || o.Tenant != acme {
		t.Errorf("%+v, %v", o, o.Err())
	}
	if (policy.Object{Type: "task"}).Err() != nil {
		t.Error("an object that no mapper made has an error")
	}
}

type failing struct{ how int }

func (f failing) Value() (driver.Value, error) {
	switch f.how {
	case 2:
		panic("nothing there")
	case 3:
		return []byte("bytes"), nil
	}
	return nil, errors.New("cannot be had")
}

func TestWhatCannotBeMappedIsSaidAtOnce(t *testing.T) {
	type wrong struct {
		Bytes   []byte            `authz:"bytes"`
		Map     map[string]string `authz:"map"`
		Numbers []int             `authz:"numbers"`
		Any     any               `authz:"any"`
		hidden  string            `authz:"hidden"`
		Name    string            `authz:"Name"`
		Option  string            `authz:"option,always"`
		Empty   string            `authz:""`
		Twice   *string           `authz:"twice"`
		Again   *string           `authz:"twice"`
		Array   [4]int            `authz:"array"`
	}
	_ = wrong{}.hidden
	_, err := policy.NewMapper[wrong]("Task")
	if err == nil {
		t.Fatal("it is mapped")
	}
	for _, want := range []string{
		`"Task" is no object type`, "field Bytes: no attribute can be []uint8", "field Map: no attribute", "field Numbers: a list has texts alone, and int is none",
		"field Any: no attribute", "field hidden: it is not exported", `field Name: "Name" cannot name`, `field Option: the option "always"`, `field Empty: "" cannot`,
		"field Again: the attribute twice has two fields", "field Array", `no field has the tag`,
	} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("the error does not say %q:\n%v", want, err)
		}
	}
	if _, err := policy.NewMapper[string]("task"); err == nil {
		t.Error("a string is a row")
	}
	type ids struct {
		A, B int64 `authz:"id"`
	}
	if _, err := policy.NewMapper[ids]("task"); err == nil || !strings.Contains(err.Error(), "two fields have the tag") {
		t.Errorf("two ids: %v", err)
	}
	type homeless struct {
		ID int64 `authz:"id"`
	}
	if _, err := policy.NewMapper[homeless]("task"); err == nil || !strings.Contains(err.Error(), "the tenant that is stored with the row") {
		t.Errorf("no tenant: %v", err)
	}
}

// An object is a copy: whoever changes the row after it was asked about changes no decision.
func TestAnObjectIsACopyOfItsRow(t *testing.T) {
	m, err := policy.NewMapper[everyForm]("task")
	if err != nil {
		t.Fatal(err)
	}
	row := everyForm{Base: Base{1, tenant.MustParse("acme")}, Labels: []string{"a"}, Owner: new(string)}
	o := m.Object(&row)
	row.Labels[0], *row.Owner, row.ID = "b", "mallory", 2
	labels, _ := o.Attributes.Get("labels")
	owner, _ := o.Attributes.Get("owner")
	if !reflect.DeepEqual(labels, []string{"a"}) || owner != any("") || o.ID != "1" {
		t.Errorf("%v, %v, %s", labels, owner, o.ID)
	}
}
