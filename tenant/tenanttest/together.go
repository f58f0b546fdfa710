package tenanttest

import (
	"maps"
	"net/http"
	"sync"
)

// cached has the victim ask first: a cache gives the caller then what it keeps without the
// tenant in its key. Conditional requests with the victim's ETag must not be told of a match.
func (c *check) cached(r Request) error {
	if r.changes() {
		return nil
	}
	values := maps.Clone(c.caller.Values)
	c.dirty = true // what earlier probes left in a cache
	return c.attack(r, "after the other tenant asked", func() []answer {
		theirs := send(c.Handler, r, c.victim.Values, c.victim.Sign)
		mine := send(c.Handler, r, values, c.caller.Sign)
		answers := []answer{mine}
		if tag := theirs.header.Get("ETag"); tag != "" && tag != mine.header.Get("ETag") {
			a := send(c.Handler, r, c.victim.Values, c.caller.Sign, func(req *http.Request) { req.Header.Set("If-None-Match", tag) })
			if a.status == http.StatusNotModified {
				c.found(TellsExistence, r, "with the other's ETag", "answered 304; decide before the ETag is compared")
			}
			answers = append(answers, a)
		}
		return answers
	})
}

// interference compares what the caller is answered with what it is answered after the victim
// did something: counts, searches, names that may exist once for all tenants, and sequences
// that tell how much others work.
func (c *check) interference(r Request) error {
	alone, err := c.after(nil, r)
	if err != nil {
		return err
	}
	again, err := c.after(nil, r)
	if err != nil {
		return err
	}
	if again.normal(c.Ignore) != alone.normal(c.Ignore) {
		c.found(Refused, r, "twice on the same data", "answered %d %q and %d %q; add what differs to Ignore", alone.status, clip(alone.body), again.status, clip(again.body))
		return nil
	}
	for _, work := range c.Requests {
		if !work.changes() {
			continue
		}
		beside, err := c.after(&work, r)
		if err != nil {
			return err
		}
		if alone.normal(c.Ignore) != beside.normal(c.Ignore) {
			c.found(SeesWork, r, "after the other tenant's "+work.String(), "answered %d %q, and without that %d %q; count, search and number within the tenant",
				beside.status, clip(beside.body), alone.status, clip(alone.body))
		}
	}
	return nil
}

// after returns the caller's answer on fresh data, after the victim's work where there is some.
func (c *check) after(work *Request, r Request) (answer, error) {
	c.dirty = true // a cache may hold the answer of before
	if err := c.reset(); err != nil {
		return answer{}, err
	}
	c.dirty = work != nil || r.changes()
	if work != nil {
		send(c.Handler, *work, c.victim.Values, c.victim.Sign)
		if err := c.waitSettled(); err != nil {
			return answer{}, err
		}
	}
	return send(c.Handler, r, c.caller.Values, c.caller.Sign), nil
}

// rounds is how often each request is sent while the other tenant sends it too.
const rounds = 20

// workers is how many users of each tenant work at once.
const workers = 2

// together sends every request as both tenants at once: a value that a service keeps in a
// variable, or in a connection that it gives back, then belongs to the wrong one.
func (c *check) together() error {
	c.dirty = true
	if err := c.reset(); err != nil {
		return err
	}
	answers := make([][]answer, 2*workers) // of each worker, request by request
	var group sync.WaitGroup
	for i := range answers {
		t := c.caller
		if i%2 == 1 {
			t = c.victim
		}
		group.Go(func() {
			for range rounds {
				for _, r := range c.Requests {
					a := answer{}
					if !r.changes() {
						a = send(c.Handler, r, t.Values, t.Sign)
					}
					answers[i] = append(answers[i], a)
				}
			}
		})
	}
	group.Wait()
	for i := 0; i < len(answers); i += 2 {
		for n, a := range answers[i] {
			c.read(c.Requests[n%len(c.Requests)], "while the other tenant works", a)
		}
	}
	return nil
}
