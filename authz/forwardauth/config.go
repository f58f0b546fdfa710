package forwardauth

import (
	"errors"
	"fmt"
	"go/token"
	"slices"
	"strings"

	"github.com/reevehq/reeve/authz"
	"github.com/reevehq/reeve/internal/configerr"
)

// Config configures a [Server].
type Config struct {
	// Authz says whom to trust and what they may do, as for a service in Go. Required. The
	// proxy is one of its Proxies, or every client has the proxy's address. Streams, Unchecked
	// and ErrorHandler are of services, and have to be nil.
	Authz authz.Config

	// Routes are those of the programs behind the proxy, each a method and a template as rules
	// name it: "GET /notes/:id", "GET /files/*", "GET //api.example.com/notes". Names of
	// parameters are words. Required; a request that is served by none of them is refused. So is one that a
	// server for which paths have no case, or no slash at their end, would serve by a more special route.
	Routes []string

	// Proxy is the one that asks. Required.
	Proxy Proxy
}

func (cfg Config) validate(problems *configerr.Problems) (routes []route) {
	if cfg.Authz.Streams != nil || cfg.Authz.Unchecked != nil || cfg.Authz.ErrorHandler != nil {
		problems.Add("Authz", "Streams, Unchecked and ErrorHandler have no use here: set none")
	}
	if cfg.Proxy.String() == "none" {
		problems.Add("Proxy", "required: Nginx, Traefik or Envoy")
	}
	if len(cfg.Routes) == 0 {
		problems.Add("Routes", "required, for example \"GET /notes/:id\"")
	}
	for _, text := range cfg.Routes {
		r, err := parseRoute(text)
		if err != nil {
			problems.Add("Routes", "%q: %w", text, err)
			continue
		}
		routes = append(routes, r)
	}
	return routes
}

// route is a route of the table, with the pattern of net/http that serves it.
type route struct {
	text, template, pattern string
	method, host            string
	segments                []string // as the template has them
}

// parseRoute returns the pattern of a template.
//
//	GET /notes/:id             GET /notes/{id}
//	GET /files/*               GET /files/{rest...}
//	GET /files/                GET /files/{$}
//	GET //api.test/notes       GET api.test/notes
func parseRoute(text string) (route, error) {
	method, template, ok := strings.Cut(text, " ")
	if !ok || !strings.HasPrefix(template, "/") {
		return route{}, errors.New("not a method, a space and a template that begins with a slash")
	}
	host, path := "", template
	if rest, own := strings.CutPrefix(template, "//"); own {
		var slash bool
		if host, path, slash = strings.Cut(rest, "/"); !slash || host == "" {
			return route{}, errors.New("a host without a path")
		}
		if canonical, err := parseHost(host); err != nil || canonical != host || strings.Contains(host, ":") {
			return route{}, fmt.Errorf("the host %q is no name in lower case, without a port", host)
		}
		path = "/" + path
	}
	segments := strings.Split(path, "/")[1:]
	of := route{text: text, template: template, method: method, host: host, segments: slices.Clone(segments)}
	var names []string
	for i, segment := range segments {
		last := i == len(segments)-1
		name, parameter := strings.CutPrefix(segment, ":")
		switch {
		case parameter && (!token.IsIdentifier(name) || slices.Contains(names, name)):
			return route{}, fmt.Errorf("the parameter %q is not a word, or is there twice", name)
		case parameter:
			names, segments[i] = append(names, name), "{"+name+"}"
		case segment == "*" && last:
			segments[i] = "{rest...}"
		case segment == "" && last:
			segments[i] = "{$}"
		case segment == "" || strings.ContainsAny(segment, "*{}%?#;\\ "):
			return route{}, fmt.Errorf("the segment %q is no word, :parameter or, at the end, *", segment)
		}
	}
	of.pattern = method + " " + host + "/" + strings.Join(segments, "/")
	return of, nil
}
