package config

import (
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"

	"github.com/knadh/koanf/v2"
)

// Value is a setting as it holds, and where it comes from.
type Value struct{ Path, Text, Origin string }

// Values returns all settings, sorted. Secrets are "(secret)"; a file that has one is named.
func (c *Config) Values() []Value { return slices.Clone(c.values) }

// Changed returns the paths of the settings that are others in another configuration, secrets and what is in
// their files included.
func (c *Config) Changed(to *Config) []string {
	changed := []string{}
	for i, v := range c.values {
		if v.Text != to.values[i].Text || c.secrets[v.Path] != to.secrets[v.Path] {
			changed = append(changed, v.Path)
		}
	}
	return changed
}

// list returns the settings.
func list(merged *koanf.Koanf, positions map[string]string) []Value {
	known := leaves()
	var all []Value
	for _, path := range slices.Sorted(maps.Keys(known)) {
		text := fmt.Sprint(merged.Get(path))
		if known[path].secret && text != "" && !strings.HasPrefix(text, fileMark) {
			text = hidden
		}
		all = append(all, Value{path, text, positions[path]})
	}
	return all
}

// Show prints the settings, with their origins if asked.
func (c *Config) Show(w io.Writer, origin bool) error {
	for _, v := range c.values {
		line := fmt.Sprintf("%s: %q", v.Path, v.Text)
		if origin {
			line = fmt.Sprintf("%-50s # %s", line, v.Origin)
		}
		if _, err := fmt.Fprintln(w, line); err != nil {
			return err
		}
	}
	return nil
}
