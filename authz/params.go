package authz

import (
	"strings"

	"github.com/reevehq/reeve/middleware"
)

// params are the parameters of the matched route, as the handler sees them: what a rule about the
// route may ask of r.obj. They are read once, when the request comes in: a stream is decided again
// when the router's own are perhaps another request's.
type params struct {
	few  [4]param
	n    int // of few
	more []param
}

type param struct{ name, value string }

// read takes the parameters that the template names from the router.
func (p *params) read(template string, from middleware.Params) {
	for rest := template; ; {
		at := strings.Index(rest, "/:")
		if at < 0 {
			return
		}
		rest = rest[at+len("/:"):]
		name, _, _ := strings.Cut(rest, "/")
		value, ok := from.Param(name)
		switch {
		case !ok:
		case p.n < len(p.few):
			p.few[p.n] = param{name, value}
			p.n++
		default:
			p.more = append(p.more, param{name, value})
		}
	}
}

// Get implements [policy.AttributeSource].
func (p *params) Get(name string) (any, bool) {
	for i := range p.n {
		if p.few[i].name == name {
			return p.few[i].value, true
		}
	}
	for i := range p.more {
		if p.more[i].name == name {
			return p.more[i].value, true
		}
	}
	return nil, false
}
