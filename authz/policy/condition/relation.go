package condition

// Relation is where the rows are that an object is related to.
//
// To one: the attribute is of kind parent, and the row of Table whose Key is the object's Column
// is the parent, of the object type Target. To many: the attribute is of kind strings, and the
// Value of every row of Table whose Key is the object's Column is a text of the list. Rows of
// another tenant are never related.
type Relation struct {
	Target string // to one: the object type of the parent; "" to many
	Table  string // that holds the parents, or the rows that are related
	Key    string // column of Table that holds what Column of the object's own table does
	Value  string // to many: column of Table with the texts; "" to one
	Only   string // to many: column of Table; "" when every row counts
	Is     string // the text that Only has in the rows that count
}

// Many reports whether the relation is to many.
func (r *Relation) Many() bool { return r != nil && r.Value != "" }
