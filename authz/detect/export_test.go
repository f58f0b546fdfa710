package detect

import (
	"net/netip"
	"time"

	"github.com/reevehq/reeve/authz"
)

// Note is Observe with its surroundings as parameters.
func (d *Detector) Note(e authz.Event, from netip.Addr, now time.Time) { d.note(e, from, now) }
