package config

import (
	"errors"
	"path/filepath"
	"strings"
)

// checkClashes refuses two settings that mean one thing: a rotation of the log would put the audit log
// aside, and the second listener would not open.
func (c *Config) checkClashes(positions map[string]string) error {
	var problems []error
	if c.Audit.File != "" && c.Log.File != "" && absolute(c.Audit.File) == absolute(c.Log.File) {
		problems = append(problems, errors.New(at("audit.file", positions, "it is the file of log.file, too")))
	}
	if c.Ops.Addr == c.HTTP.Addr && !strings.HasSuffix(c.Ops.Addr, ":0") {
		problems = append(problems, errors.New(at("ops.addr", positions, "it is the address of http.addr, too")))
	}
	return errors.Join(problems...)
}

// absolute is a path from the root, or the path itself where there is no telling.
func absolute(path string) string {
	if all, err := filepath.Abs(path); err == nil {
		return all
	}
	return filepath.Clean(path)
}
