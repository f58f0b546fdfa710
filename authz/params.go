package authz

import (
	"strings"

	"github.com/reevehq/reeve/middleware"
)

// params are the parameters of the matched route, as the handler sees them: what a rule about the
// route may ask of r.obj. They are read once, when the request comes in: a stream is decided again
// when the router's own are perhaps another request's. Their names are those of the template.
type params struct {
	few  [2]string
	more *[]param // the further ones, nil when there is none
}

type param struct{ name, value string }

// read takes the parameters that the template names from the router. Bit i of known says that
// the router has parameter i of few.
func (p *params) read(template string, from middleware.Params) (known uint8) {
	for i, rest := 0, template; ; i++ {
		name, after, found := nextParam(rest)
		if !found {
			return known
		}
		rest = after
		value, ok := from.Param(name)
		switch {
		case !ok:
		case i < len(p.few):
			p.few[i] = value
			known |= 1 << i
		case p.more == nil:
			p.more = &[]param{{name, value}}
		default:
			*p.more = append(*p.more, param{name, value})
		}
	}
}

// nextParam returns the name of the first parameter of a template, and the rest of it.
func nextParam(template string) (name, rest string, found bool) {
	at := strings.Index(template, "/:")
	if at < 0 {
		return "", "", false
	}
	rest = template[at+len("/:"):]
	name, _, _ = strings.Cut(rest, "/")
	return name, rest, true
}

// routeParams are those of a caller's request.
type routeParams Caller

// Get implements [policy.AttributeSource].
func (c *routeParams) Get(name string) (any, bool) {
	for i, rest := 0, c.route; i < len(c.params.few); i++ {
		param, after, found := nextParam(rest)
		if !found {
			return nil, false
		}
		rest = after
		if param == name && c.life.known&(1<<i) != 0 {
			return c.params.few[i], true
		}
	}
	if c.params.more == nil {
		return nil, false
	}
	for _, p := range *c.params.more {
		if p.name == name {
			return p.value, true
		}
	}
	return nil, false
}
