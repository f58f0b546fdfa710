package main

import (
	"fmt"
	"net/netip"
	"testing"
)

// peer is the other end of a connection: a pod, or an address where there is none.
type peer struct {
	namespace string // "" is that of the service
	labels    map[string]any
	addr      string
}

// selects reports whether a selector of Kubernetes, in its form matchLabels, selects labels. An empty one
// selects everything.
func selects(selector any, labels map[string]any) bool {
	wanted, _ := at(selector, "matchLabels").(map[string]any)
	for name, value := range wanted {
		if labels[name] != value {
			return false
		}
	}
	return true
}

// isPeer reports whether an entry of from or to means a peer.
func isPeer(t *testing.T, entry any, p peer) bool {
	t.Helper()
	if block := at(entry, "ipBlock"); block != nil {
		if p.addr == "" {
			return false
		}
		contains := func(text any) bool {
			prefix, err := netip.ParsePrefix(fmt.Sprint(text))
			if err != nil || prefix != prefix.Masked() {
				t.Fatalf("%v is no prefix: %v", text, err)
			}
			return prefix.Contains(netip.MustParseAddr(p.addr))
		}
		except, _ := at(block, "except").([]any)
		in := contains(at(block, "cidr"))
		for _, one := range except {
			in = in && !contains(one)
		}
		return in
	}
	namespace, pod := at(entry, "namespaceSelector"), at(entry, "podSelector")
	if p.addr != "" || namespace == nil && pod == nil || namespace == nil && p.namespace != "" {
		return false
	}
	return (namespace == nil || selects(namespace, map[string]any{"kubernetes.io/metadata.name": p.namespace})) && selects(pod, p.labels)
}

// lets reports whether one of the rules lets a connection through. A rule without peers, or without ports,
// would be one for all of them.
func lets(t *testing.T, rules any, side string, p peer, port any, protocol string) bool {
	t.Helper()
	list, _ := rules.([]any)
	through := false
	for i := range list {
		entries, _ := at(list, i, side).([]any)
		ports, _ := at(list, i, "ports").([]any)
		if len(entries) == 0 || len(ports) == 0 {
			t.Fatalf("rule %d is for everybody, or for every port", i)
		}
		for _, entry := range entries {
			for _, of := range ports {
				named := at(of, "protocol")
				if named == nil {
					named = "TCP"
				}
				through = through || named == protocol && fmt.Sprint(at(of, "port")) == fmt.Sprint(port) && isPeer(t, entry, p)
			}
		}
	}
	return through
}

// The network lets through what the service needs, and nothing else.
func TestTheNetworkPolicyLetsThroughWhatIsNeeded(t *testing.T) {
	var policy, deployment map[string]any
	for _, d := range documents(t, "kubernetes.yaml") {
		switch fmt.Sprint(d["apiVersion"], " ", d["kind"]) {
		case "networking.k8s.io/v1 NetworkPolicy":
			policy = d
		case "apps/v1 Deployment":
			deployment = d
		}
	}
	spec := at(policy, "spec")
	labels, _ := at(deployment, "spec", "template", "metadata", "labels").(map[string]any)
	if at(spec, "podSelector", "matchLabels", "app") == nil || !selects(at(spec, "podSelector"), labels) {
		t.Errorf("it is not for the service: %v", at(spec, "podSelector"))
	}
	if at(spec, "policyTypes", 0) != "Ingress" || at(spec, "policyTypes", 1) != "Egress" {
		t.Errorf("a direction is open: %v", at(spec, "policyTypes"))
	}
	// A name of a port is one of the container, or it is nobody's.
	for i := range 2 {
		if name := at(spec, "ingress", i, "ports", 0, "port"); name != at(deployment, "spec", "template", "spec", "containers", 0, "ports", i, "name") || name == nil {
			t.Errorf("the port %v is not the container's", name)
		}
	}
	app := func(name string) map[string]any { return map[string]any{"app": name} }
	for _, c := range []struct {
		name  string
		p     peer
		port  any
		proto string
		want  bool
	}{
		{"the ingress controller", peer{namespace: "ingress-nginx"}, "http", "TCP", true},
		{"the ingress controller at the probes and metrics", peer{namespace: "ingress-nginx"}, "ops", "TCP", false},
		{"Prometheus", peer{namespace: "monitoring"}, "ops", "TCP", true},
		{"Prometheus at the API", peer{namespace: "monitoring"}, "http", "TCP", false},
		{"another pod of the namespace", peer{labels: app("other")}, "http", "TCP", false},
		{"another pod at the metrics", peer{labels: app("other")}, "ops", "TCP", false},
		{"another namespace", peer{namespace: "other"}, "http", "TCP", false},
		{"the internet", peer{addr: "203.0.113.1"}, "http", "TCP", false},
	} {
		if lets(t, at(spec, "ingress"), "from", c.p, c.port, c.proto) != c.want {
			t.Errorf("from %s: want %t", c.name, c.want)
		}
	}
	dns := map[string]any{"k8s-app": "kube-dns"}
	for _, c := range []struct {
		name  string
		p     peer
		port  any
		proto string
		want  bool
	}{
		{"DNS", peer{namespace: "kube-system", labels: dns}, 53, "UDP", true},
		{"DNS of long answers", peer{namespace: "kube-system", labels: dns}, 53, "TCP", true},
		{"a DNS of somebody else", peer{addr: "203.0.113.1"}, 53, "UDP", false},
		{"a pod that calls itself DNS", peer{namespace: "other", labels: dns}, 53, "UDP", false},
		{"another port of DNS", peer{namespace: "kube-system", labels: dns}, 443, "TCP", false},
		{"Redis", peer{labels: app("redis")}, 6379, "TCP", true},
		{"Redis of another namespace", peer{namespace: "other", labels: app("redis")}, 6379, "TCP", false},
		{"another port of Redis", peer{labels: app("redis")}, 22, "TCP", false},
		{"PostgreSQL", peer{labels: app("postgresql")}, 5432, "TCP", true},
		{"PostgreSQL at the port of Redis", peer{labels: app("postgresql")}, 6379, "TCP", false},
		{"another pod", peer{labels: app("other")}, 5432, "TCP", false},
		{"keys of an issuer", peer{addr: "203.0.113.1"}, 443, "TCP", true},
		{"keys of an issuer by IPv6", peer{addr: "2001:db8::1"}, 443, "TCP", true},
		{"keys without TLS", peer{addr: "203.0.113.1"}, 80, "TCP", false},
		{"metadata of the machine", peer{addr: "169.254.169.254"}, 443, "TCP", false},
		{"metadata of the machine by IPv6", peer{addr: "fd00:ec2::254"}, 443, "TCP", false},
		{"a link-local address", peer{addr: "fe80::1"}, 443, "TCP", false},
		{"an address of IPv4 in one of IPv6", peer{addr: "::ffff:169.254.169.254"}, 443, "TCP", false},
		{"the API server", peer{addr: "10.96.0.1"}, 443, "TCP", false},
		{"a private network", peer{addr: "192.168.1.1"}, 443, "TCP", false},
		{"another private network", peer{addr: "172.31.0.1"}, 443, "TCP", false},
		{"a carrier's network", peer{addr: "100.64.0.1"}, 443, "TCP", false},
	} {
		if lets(t, at(spec, "egress"), "to", c.p, c.port, c.proto) != c.want {
			t.Errorf("to %s: want %t", c.name, c.want)
		}
	}
}
