// Package authzen answers the OpenID AuthZEN Authorization API 1.0: gateways and other services
// ask a policy over HTTP what their users may do.
//
//	pdp, err := authzen.NewHandler(authzen.Config{Policy: engine, Subjects: directory, Resources: stored})
//	pdp.Register(mux) // a httpauthz.Mux
//
// The handler stands behind the guard like every other, so rules say who may ask:
//
//	p, role:gateway, *, /access/v1/evaluation,  POST, true, allow
//	p, role:gateway, *, /access/v1/evaluations, POST, true, allow
//
// A decision is one in the tenant of whoever asks. No request can name another. A subject has the
// roles that [Config].Subjects finds; the request is not believed about them.
//
// Bodies are strict JSON: a name that occurs twice, text that is not UTF-8, a number beyond
// float64, more than 16 levels, and more bytes than [Config].MaxBody are refused. Members that
// the specification does not know are ignored, as it demands.
package authzen
