package tenanttest

import (
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
)

// User is a further user of a tenant, one who may read less than the tenant's own.
type User struct {
	// Name is the user's name in findings.
	Name string

	// Sign adds the user's credential, as that of [Tenant].
	Sign func(r *http.Request)

	// Hidden are texts of the tenant's rows that no answer to the user may hold: of objects, and of
	// columns, that they may not read. At least one.
	Hidden []string

	// Values are ids of objects that the user may not read, by the names that requests use. Each
	// request is sent with the tenant's values and with these in their place.
	Values map[string]string
}

// within sends each request as each further user of the caller's tenant, and looks for what they may
// not read: an object about which the handler never asked, or asked with a zero in place of a column
// that its query did not select, and a list that is chosen beside the policy.
func (c *check) within() error {
	for _, u := range c.caller.Users {
		if err := c.stands(u); err != nil {
			return err
		}
		hidden := map[string][]string{}
		for _, text := range u.Hidden {
			hidden[text] = forms(text)
		}
		served := false
		for _, r := range c.Requests {
			for _, values := range c.valuesOf(u, r) {
				if err := c.reset(); err != nil {
					return err
				}
				c.dirty = r.changes()
				a := send(c.Handler, r, values, u.Sign)
				served = served || a.ok()
				for _, text := range u.Hidden {
					if holds(a, hidden[text]) {
						c.foundOf(u.Name, ReadsHidden, r, "the answer %d holds %q, which %s may not read; the object was not asked about, or without a column that decides", a.status, text, u.Name)
						break
					}
				}
			}
			if err := c.agree(r, u.Name, u.Sign); err != nil {
				return err
			}
		}
		if !served {
			c.foundOf(u.Name, Refused, c.Requests[0], "no request of %s succeeds, this one and all others: nothing was tested", u.Name)
		}
	}
	for _, r := range c.Requests {
		if err := c.agree(r, "the tenant's own user", c.caller.Sign); err != nil {
			return err
		}
	}
	return nil
}

// stands refuses a description by which nothing could be found.
func (c *check) stands(u User) error {
	rows, err := c.rows(c.caller)
	if err != nil {
		return err
	}
	for _, text := range u.Hidden {
		if !slices.ContainsFunc(rows, func(row string) bool { return strings.Contains(row, text) }) {
			return fmt.Errorf("tenanttest: Tenants: %q, hidden of %s, stands in no row of %s", text, u.Name, c.caller.Name)
		}
	}
	return nil
}

// valuesOf returns the tenant's values, and those in which the user's stand for one name and for all.
func (c *check) valuesOf(u User, r Request) []map[string]string {
	all := []map[string]string{c.caller.Values}
	whole := maps.Clone(c.caller.Values)
	n := 0
	for _, name := range r.names() {
		if v, ok := u.Values[name]; ok {
			one := maps.Clone(c.caller.Values)
			one[name], whole[name] = v, v
			all = append(all, one)
			n++
		}
	}
	if n > 1 {
		all = append(all, whole)
	}
	return all
}

// agree holds a list against the objects that it lists: the request that reads the object has to
// show all that the list shows.
func (c *check) agree(list Request, user string, sign func(*http.Request)) error {
	if list.Lists == "" {
		return nil
	}
	if err := c.reset(); err != nil {
		return err
	}
	c.dirty = list.changes()
	shown := send(c.Handler, list, c.caller.Values, sign)
	if !shown.ok() {
		return nil
	}
	for _, id := range slices.Sorted(maps.Keys(c.caller.Objects[list.Lists])) {
		text := forms(c.caller.Objects[list.Lists][id])
		if !holds(shown, text) {
			continue
		}
		for _, r := range c.Requests {
			if r.Reads != list.Lists {
				continue
			}
			values := maps.Clone(c.caller.Values)
			values[r.Reads] = id
			if one := send(c.Handler, r, values, sign); !one.ok() || !holds(one, text) {
				c.foundOf(user, ListsHidden, list, "it shows the %s %q, about which %s answers %d; select the list by the policy's own filter", list.Lists, id, r, one.status)
			}
		}
	}
	return nil
}

func holds(a answer, forms []string) bool {
	text := a.text()
	return slices.ContainsFunc(forms, func(form string) bool { return strings.Contains(text, form) })
}

// foundOf is found for a user of the tenant who reads what is its own.
func (c *check) foundOf(user string, kind Kind, r Request, format string, args ...any) {
	key := [2]string{string(kind), r.String()}
	if c.seen[key] {
		return
	}
	c.seen[key] = true
	c.findings = append(c.findings, Finding{
		Kind: kind, Request: r.String(), Message: fmt.Sprintf(format, args...), Probe: fmt.Sprintf("within %s, as %s", c.caller.Name, user),
	})
}
