package fleet

import (
	"encoding/json"
	"errors"
	"fmt"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/reevehq/reeve/internal/redisclient"
)

// maxText bounds what an instance says of itself, in bytes, and maxRecord all of it.
const (
	maxText   = 128
	maxRecord = 2048
)

// Instance is one instance of a service as it was at its last heartbeat. Its times are in UTC, those of
// the instance by its own clock. Its JSON has lower_snake names and times of RFC 3339.
type Instance struct {
	ID        string    `json:"id"`
	Host      string    `json:"host,omitempty"`
	Version   string    `json:"version,omitempty"`
	State     string    `json:"state,omitempty"`
	StartedAt time.Time `json:"started_at,omitzero"`
	Revision  string    `json:"revision,omitempty"` // of the policy that decides

	// RevisionSince is when the instance first said that this revision decides.
	RevisionSince time.Time `json:"revision_since,omitzero"`

	SeenAt time.Time `json:"seen_at,omitzero"` // by the clock of Redis
}

// record is an Instance as Redis holds it.
type record struct {
	Host     string `json:"host,omitempty"`
	Version  string `json:"version,omitempty"`
	State    string `json:"state,omitempty"`
	Started  int64  `json:"started"` // in ms, as all times
	Revision string `json:"revision,omitempty"`
	Since    int64  `json:"since,omitempty"`
	Lease    int64  `json:"lease"`
}

// checkText refuses what cannot be shown on one line of a terminal.
func checkText(s string) error {
	switch {
	case len(s) > maxText:
		return fmt.Errorf("%d bytes, at most %d are allowed", len(s), maxText)
	case !utf8.ValidString(s):
		return errors.New("not UTF-8")
	}
	for _, r := range s {
		if !unicode.IsPrint(r) {
			return fmt.Errorf("%q does not print", r)
		}
	}
	return nil
}

func (r record) text() (string, error) {
	for _, field := range []struct{ name, text string }{{"State", r.State}, {"Revision", r.Revision}} {
		if err := checkText(field.text); err != nil {
			return "", fmt.Errorf("%w: %s: %w", ErrInvalid, field.name, err)
		}
	}
	data, err := json.Marshal(r)
	return string(data), err
}

// parseInstance returns what Redis holds of an instance, and false for what no Member wrote. More of a
// lease is left than it has when the clock of Redis was set back: the instance sends another heartbeat, or is gone.
func parseInstance(id, text string, end, left int64) (Instance, bool) {
	var r record
	if !redisclient.IsName(id) || len(text) > maxRecord || json.Unmarshal([]byte(text), &r) != nil || r.Lease <= 0 || r.Lease > leases*MaxHeartbeat.Milliseconds() || left > r.Lease {
		return Instance{}, false
	}
	for _, s := range []string{r.Host, r.Version, r.State, r.Revision} {
		if checkText(s) != nil {
			return Instance{}, false
		}
	}
	i := Instance{ID: id, Host: r.Host, Version: r.Version, State: r.State, StartedAt: time.UnixMilli(r.Started).UTC(), Revision: r.Revision,
		SeenAt: time.UnixMilli(end - r.Lease).UTC()}
	if r.Since != 0 {
		i.RevisionSince = time.UnixMilli(r.Since).UTC()
	}
	return i, true
}
