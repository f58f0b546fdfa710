package tenanttest

import (
	"bytes"
	"encoding/json"
	"io"
	"maps"
	"net/http"
	"net/url"
	"strings"
)

// own sends the request as it is meant, so that what follows is a test: a request that fails
// on the tenant's own data shows nothing on that of others.
func (c *check) own(r Request) error {
	return c.attack(r, "with the tenant's own values", func() []answer {
		a := send(c.Handler, r, c.caller.Values, c.caller.Sign)
		if a.status >= 400 {
			c.found(Refused, r, "with the tenant's own values", "answered %d %q; give values and a user with whom it succeeds", a.status, clip(a.body))
		}
		if _, read := encodings[encoding(a.header)]; !read {
			c.found(Refused, r, "with the tenant's own values", "answered in the Content-Encoding %q, in which no secret is found; send none that was not asked for", encoding(a.header))
		}
		return []answer{a}
	})
}

func clip(b []byte) []byte {
	if len(b) > 120 {
		return b[:120]
	}
	return b
}

// anonymous sends the request without a credential.
func (c *check) anonymous(r Request) error {
	if r.Public {
		return nil
	}
	return c.attack(r, "without a credential", func() []answer {
		a := send(c.Handler, r, c.victim.Values)
		if a.status < 400 {
			c.found(LetsAnyoneIn, r, "without a credential", "answered %d; a route for everyone is Public here", a.status)
		}
		return []answer{a}
	})
}

// foreign sends the victim's ids in each combination of locations, and ids of nobody in the same
// locations: two answers that a client could tell apart tell what exists.
func (c *check) foreign(r Request) error {
	names := r.names()
	for mask := 1; mask < 1<<len(names); mask++ {
		foreign, absent := maps.Clone(c.caller.Values), maps.Clone(c.caller.Values)
		var locations, sent []string
		for i, name := range names {
			if mask&(1<<i) == 0 {
				continue
			}
			locations = append(locations, name)
			foreign[name], absent[name] = c.victim.Values[name], c.nobody(r, name)
			sent = append(sent, foreign[name], absent[name])
		}
		probe := "with the other's " + strings.Join(locations, ", ")
		var theirs answer
		err := c.attack(r, probe, func() []answer {
			theirs = send(c.Handler, r, foreign, c.caller.Sign)
			return []answer{theirs}
		})
		if err != nil {
			return err
		}
		if r.changes() && theirs.ok() {
			if err := c.links(r, probe, locations); err != nil {
				return err
			}
		}
		if err := c.reset(); err != nil {
			return err
		}
		c.dirty = c.dirty || r.changes()
		none := send(c.Handler, r, absent, c.caller.Sign)
		if x, y := theirs.normal(c.Ignore, sent...), none.normal(c.Ignore, sent...); x != y {
			c.found(TellsExistence, r, probe, "answered %d %q, and %d %q to an id that nobody has; answer both alike", theirs.status, clip(theirs.body), none.status, clip(none.body))
		}
	}
	return nil
}

// links looks for the victim's ids in the caller's rows. Ids that are too short to be told from
// other numbers are left to the comparison of answers.
func (c *check) links(r Request, probe string, locations []string) error {
	rows, err := c.rows(c.caller)
	if err != nil {
		return err
	}
	for _, name := range locations {
		id := c.victim.Values[name]
		for _, row := range rows {
			if len(id) >= 4 && strings.Contains(row, id) {
				c.found(LinksForeign, r, probe, "%q refers to the %s %q of %s; a foreign key with the tenant in it refuses that", row, name, id, c.victim.Name)
			}
		}
	}
	return nil
}

// nobody returns an id of the same form that nobody has.
func (c *check) nobody(r Request, name string) string {
	if id, ok := r.Absent[name]; ok {
		return id
	}
	id := []byte(c.victim.Values[name])
	for i, n := len(id)-1, 0; i >= 0 && n < 4; i-- {
		if b := id[i]; '0' <= b && b <= '9' {
			id[i], n = '0'+(b-'0'+5)%10, n+1
		} else if 'a' <= b && b <= 'f' {
			id[i], n = 'a'+(b-'a'+3)%6, n+1
		} else if 'g' <= b && b <= 'z' {
			id[i], n = 'g'+(b-'g'+9)%20, n+1
		}
	}
	return string(id)
}

// usualNames are where services and what stands before them look for a tenant.
var usualNames = []string{"X-Tenant-Id", "X-Tenant", "X-Org-Id", "X-Organization-Id", "X-Account-Id", "X-Forwarded-Host",
	"tenant", "tenant_id", "tenantId", "org", "org_id", "orgId", "organization_id", "account_id"}

// named names the other tenant wherever a service might look for one, with ids of either.
func (c *check) named(r Request) error {
	err := c.attack(r, "at the other tenant's host", func() []answer {
		host := func(req *http.Request) { req.Host = c.victim.Name + "." + req.Host }
		return []answer{
			send(c.Handler, r, c.caller.Values, c.caller.Sign, host),
			send(c.Handler, r, c.victim.Values, c.caller.Sign, host),
		}
	})
	if err != nil {
		return err
	}
	for _, name := range append(usualNames, c.TenantNames...) {
		err := c.attack(r, "with the other tenant's name in "+name, func() []answer {
			name := func(req *http.Request) {
				req.Header.Set(name, c.victim.Name)
				query := req.URL.Query()
				query.Set(name, c.victim.Name)
				req.URL.RawQuery = query.Encode()
				req.AddCookie(&http.Cookie{Name: name, Value: c.victim.Name})
				addMember(req, name, c.victim.Name)
			}
			return []answer{
				send(c.Handler, r, c.caller.Values, c.caller.Sign, name),
				send(c.Handler, r, c.victim.Values, c.caller.Sign, name),
			}
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// addMember adds a member to a body that is a JSON object, or a field to a form.
func addMember(req *http.Request, name, value string) {
	if req.Body == nil || req.Body == http.NoBody {
		return
	}
	body, _ := io.ReadAll(req.Body)
	object := map[string]any{}
	if json.Unmarshal(body, &object) == nil {
		object[name] = value
		body, _ = json.Marshal(object)
	} else if strings.HasPrefix(req.Header.Get("Content-Type"), "application/x-www-form-urlencoded") {
		body = append(body, "&"+url.QueryEscape(name)+"="+url.QueryEscape(value)...)
	}
	req.Body, req.ContentLength = io.NopCloser(bytes.NewReader(body)), int64(len(body))
}

// texts are SQL and patterns in place of a value.
var texts = []string{"' OR '1'='1", "' OR 1=1 --", "') OR ('1'='1", "1 OR 1=1", "1=1) OR (1=1", "%", "*", "_", "' UNION SELECT * FROM tenants --",
	"'; SELECT set_config('reeve.tenant', '{tenant}', false) --", "../{tenant}", "{id}' --"}

// injected sends each text in each location, and in each parameter of the query.
func (c *check) injected(r Request) error {
	for _, name := range r.names() {
		for _, text := range texts {
			values := maps.Clone(c.caller.Values)
			values[name] = strings.NewReplacer("{tenant}", c.victim.Name, "{id}", c.victim.Values[name]).Replace(text)
			err := c.attack(r, "with "+values[name]+" for "+name, func() []answer {
				return []answer{send(c.Handler, r, values, c.caller.Sign)}
			})
			if err != nil {
				return err
			}
		}
	}
	_, query, _ := strings.Cut(r.Path, "?")
	parameters, _ := url.ParseQuery(query)
	for name := range parameters {
		for _, text := range texts {
			err := c.attack(r, "with "+text+" for the parameter "+name, func() []answer {
				return []answer{send(c.Handler, r, c.caller.Values, c.caller.Sign, func(req *http.Request) {
					all := req.URL.Query()
					all.Set(name, strings.ReplaceAll(text, "{tenant}", c.victim.Name))
					req.URL.RawQuery = all.Encode()
				})}
			})
			if err != nil {
				return err
			}
		}
	}
	return nil
}
