package service

import (
	"encoding/json"
	"net/http"
	"time"
)

// report is the answer to a probe. It names what fails, and not why: that is in the log.
type report struct {
	State  string        `json:"state"`
	OK     bool          `json:"ok"`
	Checks []checkReport `json:"checks,omitempty"`
}

type checkReport struct {
	Name     string    `json:"name"`
	OK       bool      `json:"ok"`
	Optional bool      `json:"optional,omitempty"`
	Since    time.Time `json:"since"`
}

// ServeHTTP answers GET and HEAD of three paths, with 200 or 503 and a JSON object, and asks nobody
// anything:
//
//   - /livez: the process answers. It is 200 in every state, since a restart mends no Redis.
//   - /readyz: requests should be sent here. It has a member for the state and each check.
//   - /startupz: the start is over.
//
// It belongs on a listener that the public does not reach, or behind routes of its own.
func (h *Health) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		w.Header().Set("Allow", "GET, HEAD")
		w.WriteHeader(http.StatusMethodNotAllowed)
		return
	}
	answer := report{State: h.cfg.Lifecycle.State().String()}
	switch r.URL.Path {
	case "/livez":
		answer.OK = true
	case "/startupz":
		answer.OK = h.Started()
	case "/readyz":
		answer.OK, answer.Checks = h.Ready(), h.reports()
	default:
		w.WriteHeader(http.StatusNotFound)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	if !answer.OK {
		w.WriteHeader(http.StatusServiceUnavailable)
	}
	_ = json.NewEncoder(w).Encode(answer) // the prober has gone
}

// reports are the state and the checks.
func (h *Health) reports() []checkReport {
	state := h.cfg.Lifecycle.State()
	all := []checkReport{{Name: stateCheck, OK: state == Running || state == Degraded, Since: h.cfg.Lifecycle.Since()}}
	for _, c := range h.Stats() {
		all = append(all, checkReport{c.Name, c.Err == nil, c.Optional, c.Since})
	}
	return all
}
