package rls

import (
	"fmt"
	"slices"
	"strings"
)

// auditKeys looks at what the engine compares without policies: unique keys and references.
func (a *audit) auditKeys(t *table) {
	for _, k := range t.constraints {
		switch k.kind {
		case "f":
			a.auditReference(t, k)
		case "p", "u", "i":
			if !slices.Contains(k.columns, t.column) {
				a.uniqueAcross(t, k)
			}
		}
	}
}

func (a *audit) uniqueAcross(t *table, k constraint) {
	f := Finding{Rule: "unique-across-tenants", Severity: Warning, Object: t.String() + " " + k.name,
		Gain: "an insert tells whether another tenant has the value, and two tenants cannot both have it", phase: phaseKey}
	if k.generated {
		f.Severity = Info // nobody chooses the value
	}
	columns := list(append([]string{t.column}, k.columns...))
	if k.kind == "i" {
		at := columnsOf(k.def)
		f.Mend = fmt.Sprintf("DROP INDEX %s.%s;\n%s%s, %s;\n", ident(t.schema), ident(k.name), k.def[:at], ident(t.column), k.def[at:])
		a.add(f)
		return
	}
	kind := map[string]string{"p": "PRIMARY KEY", "u": "UNIQUE"}[k.kind]
	// References to the key go through it again when it has the tenant.
	var drop, add strings.Builder
	for _, child := range a.tables {
		for _, fk := range child.constraints {
			if fk.kind != "f" || fk.refers != t.oid || !sameSet(fk.refColumn, k.columns) {
				continue
			}
			if !child.tenants() {
				f.Gain += ". The reference of " + child.String() + ", which has no tenant, keeps the SQL from being written"
				a.add(f)
				return
			}
			fmt.Fprintf(&drop, "ALTER TABLE %s DROP CONSTRAINT IF EXISTS %s;\n", child.sql(), ident(fk.name))
			add.WriteString(referenceSQL(child, t, fk))
			f.also = append(f.also, fmt.Sprint(fk.oid))
		}
	}
	f.Mend = fmt.Sprintf("%sALTER TABLE %s DROP CONSTRAINT IF EXISTS %s;\nALTER TABLE %[2]s ADD CONSTRAINT %[3]s %s (%s)%s;\n%s",
		drop.String(), t.sql(), ident(k.name), kind, columns, k.deferred, add.String())
	a.add(f)
}

// columnsOf returns where the columns of an index begin in its definition: behind the first
// parenthesis that stands in no name.
func columnsOf(def string) int {
	quoted := false
	for i := range len(def) {
		switch {
		case def[i] == '"':
			quoted = !quoted
		case def[i] == '(' && !quoted:
			return i + 1
		}
	}
	return len(def)
}

func (a *audit) auditReference(t *table, k constraint) {
	parent := a.byOID[k.refers]
	if parent == nil || !parent.tenants() {
		return
	}
	for i, column := range k.columns {
		if column == t.column && k.refColumn[i] == parent.column {
			return
		}
	}
	f := Finding{Rule: "foreign-key-across-tenants", Severity: Warning, Object: t.String() + " " + k.name, phase: phaseReference, about: fmt.Sprint(k.oid),
		Gain: "references look past policies: a row may point at another tenant's in " + parent.String() + ", and the answer tells whether that is there. Rows that do so already must be mended first"}
	want := append([]string{parent.column}, k.refColumn...)
	f.Mend = fmt.Sprintf("ALTER TABLE %s DROP CONSTRAINT IF EXISTS %s;\n", t.sql(), ident(k.name))
	if !slices.ContainsFunc(parent.constraints, func(u constraint) bool { return u.kind != "f" && sameSet(u.columns, want) }) {
		f.Mend += fmt.Sprintf("ALTER TABLE %s ADD UNIQUE (%s);\n", parent.sql(), list(want))
	}
	f.Mend += referenceSQL(t, parent, k)
	a.add(f)
}

// referenceSQL is a foreign key that begins with the tenant. Actions that set its columns to NULL
// or to their default leave the tenant alone.
func referenceSQL(t, parent *table, k constraint) string {
	columns, refers := k.columns, k.refColumn
	own := false
	for i, c := range columns {
		own = own || c == t.column && refers[i] == parent.column
	}
	rest := slices.DeleteFunc(slices.Clone(columns), func(c string) bool { return c == t.column })
	if !own {
		columns, refers = append([]string{t.column}, columns...), append([]string{parent.column}, refers...)
	}
	action := map[string]string{"": "", "a": "", "r": " ON DELETE RESTRICT", "c": " ON DELETE CASCADE",
		"n": " ON DELETE SET NULL (" + list(rest) + ")", "d": " ON DELETE SET DEFAULT (" + list(rest) + ")"}[k.onDelete]
	if k.onUpdate == "c" || k.onUpdate == "r" {
		action += map[string]string{"c": " ON UPDATE CASCADE", "r": " ON UPDATE RESTRICT"}[k.onUpdate]
	}
	return fmt.Sprintf("ALTER TABLE %s ADD CONSTRAINT %s FOREIGN KEY (%s) REFERENCES %s (%s)%s%s;\n", t.sql(), ident(k.name), list(columns), parent.sql(), list(refers), action, k.deferred)
}

func sameSet(a, b []string) bool {
	a, b = slices.Clone(a), slices.Clone(b)
	slices.Sort(a)
	slices.Sort(b)
	return slices.Equal(a, b)
}

func list(columns []string) string {
	quoted := make([]string, len(columns))
	for i, c := range columns {
		quoted[i] = ident(c)
	}
	return strings.Join(quoted, ", ")
}
