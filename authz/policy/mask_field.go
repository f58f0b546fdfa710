package policy

import (
	"reflect"
	"strings"
	"unicode"
)

// jsonFields returns the names of the fields that package json sets in a struct. Of two fields of one
// name it sets the one that is embedded less deep, then the one that has the name in its tag, and none
// where two are left. A name that it sets in no field is not among them: it would be read as another one
// that differs in its letters' case.
func jsonFields(t reflect.Type) map[string]bool {
	names := map[string]bool{} // false for one of which none is set
	visited := map[reflect.Type]bool{}
	for level := []reflect.Type{t}; len(level) > 0; {
		found := map[string]*[2]int{} // how many fields of a name there are, without a tag and with one
		var next []reflect.Type
		for _, t := range level {
			for i := range t.NumField() {
				name, tagged, inner := jsonField(t.Field(i))
				if inner != nil {
					next = append(next, inner)
					continue
				}
				if name == "" {
					continue
				}
				if found[name] == nil {
					found[name] = new([2]int)
				}
				if tagged {
					found[name][1]++
				} else {
					found[name][0]++
				}
			}
		}
		for name, n := range found {
			if _, above := names[name]; !above {
				names[name] = n[1] == 1 || n[1] == 0 && n[0] == 1
			}
		}
		for _, t := range level {
			visited[t] = true
		}
		level = level[:0]
		for _, t := range next {
			if !visited[t] { // one that stands there twice has each field twice
				level = append(level, t)
			}
		}
	}
	return names
}

// jsonField returns the name that package json has for a field, and whether its tag says it, or the
// struct that is embedded and whose fields count in its place. It is "" of a field that is not set.
func jsonField(f reflect.StructField) (name string, tagged bool, inner reflect.Type) {
	tag := f.Tag.Get("json")
	if tag == "-" {
		return "", false, nil
	}
	if name, _, _ = strings.Cut(tag, ","); !isJSONName(name) {
		name = ""
	}
	inner = f.Type
	if inner.Kind() == reflect.Pointer {
		inner = inner.Elem()
	}
	switch {
	case f.Anonymous && name == "" && inner.Kind() == reflect.Struct:
		return "", false, inner
	case !f.IsExported():
		return "", false, nil
	case name == "":
		return f.Name, false, nil
	}
	return name, true, nil
}

// isJSONName reports whether package json takes a name of a tag. It passes over others.
func isJSONName(s string) bool {
	for _, c := range s {
		if !unicode.IsLetter(c) && !unicode.IsDigit(c) && !strings.ContainsRune("!#$%&()*+-./:;<=>?@[]^_{|}~ ", c) {
			return false
		}
	}
	return s != ""
}
