package main

import (
	"fmt"
	"net"
	"net/url"
	"strings"
)

// banner says where the service listens and what to try.
func banner(addr string, f flags) string {
	sessions := "embedded (-redis redis://… for a real one)"
	if f.redis != "" {
		sessions = "Redis at " + redisHost(f.redis)
	}
	data := "SQLite"
	if f.data != "" {
		data += " in " + f.data
	}
	base := addr
	if host, port, err := net.SplitHostPort(addr); err == nil && host == "127.0.0.1" {
		base = "localhost:" + port
	}
	const auth = `-H "Authorization: Bearer $TOKEN"`
	var b strings.Builder
	fmt.Fprintf(&b, "reeve quickstart   sessions: %s   data: %s\n", sessions, data)
	fmt.Fprintf(&b, "  API  http://%s     tenants  acme, globex\n", addr)
	fmt.Fprintf(&b, "  users  alice (acme, editor)  bob (acme, viewer)  carol (globex, admin)      password: demo\n")
	fmt.Fprintf(&b, "try it\n")
	fmt.Fprintf(&b, "  TOKEN=$(curl -s %s/login -d tenant=acme -d user=alice -d password=demo | jq -r .access_token)\n", base)
	commands := []struct{ command, answer string }{
		{"curl -i " + base + "/invoices/1 " + auth, "200"},
		{"curl -i " + base + "/invoices/1 " + auth + ` -H "X-Tenant: globex"`, "403"},
		{"curl -i " + base + "/invoices/3 " + auth, "404, globex's"},
		{"curl -i " + base + "/invoices/1", "401"},
		{"curl -i -X POST " + base + "/logout " + auth, "204"},
		{"curl -i " + base + "/invoices/1 " + auth, "401 at once"},
	}
	width := 0
	for _, c := range commands {
		width = max(width, len(c.command))
	}
	for _, c := range commands {
		fmt.Fprintf(&b, "  %-*s  # %s\n", width, c.command, c.answer)
	}
	return b.String()
}

// redisHost returns the host and port of a Redis URL, which are all that may be shown of
// it, and "" when it is no such URL.
func redisHost(raw string) string {
	u, err := url.Parse(raw)
	if err != nil || u.Hostname() == "" || u.Scheme != "redis" && u.Scheme != "rediss" {
		return ""
	}
	return u.Host
}
