package main

import (
	"net/http"
	"strings"
	"testing"
)

// With detect.alerts a burst of denials is a line of the log and a count, without it neither; the
// requests are answered alike.
func TestABurstOfDenialsIsToldWhereAlertsAreAskedFor(t *testing.T) {
	answers := map[string]int{}
	for _, alerts := range []string{"off", "log"} {
		log := &output{}
		tr, err := newTracker(loaded(t, map[string]string{"http.addr": "127.0.0.1:0", "ops.addr": "127.0.0.1:0", "detect.alerts": alerts}), nil, log)
		if err != nil {
			t.Fatal(err)
		}
		if err := tr.group.Start(t.Context()); err != nil {
			t.Fatal(err)
		}
		p := &process{t: t, api: "http://" + tr.api.Addr(), ops: "http://" + tr.ops.Addr()}
		token := p.login("gus")
		for range 31 {
			r, err := http.NewRequest(http.MethodPost, p.api+"/nowhere", nil)
			if err != nil {
				t.Fatal(err)
			}
			r.Header.Set("Authorization", "Bearer "+token)
			resp, err := http.DefaultClient.Do(r)
			if err != nil {
				t.Fatal(err)
			}
			resp.Body.Close()
			answers[alerts] += resp.StatusCode
		}
		_, metrics := p.get(p.ops + "/metrics")
		if told, counted := strings.Count(log.String(), "msg=alert"), strings.Contains(metrics, `tracker_alerts_total{kind="denials"} 1`); told != map[string]int{"log": 1}[alerts] || counted != (alerts == "log") {
			t.Errorf("%s: %d lines of alerts, counted: %t\n%s", alerts, told, counted, log.String())
		}
		if alerts == "log" && !strings.Contains(log.String(), "alert.kind=denials alert.tenant=") {
			t.Errorf("the alert does not say what it is about:\n%s", log.String())
		}
		if strings.Contains(log.String(), token) {
			t.Error("the token is in the log")
		}
		if err := tr.group.Close(); err != nil {
			t.Error(err)
		}
	}
	if answers["off"] != answers["log"] {
		t.Errorf("the answers differ: %v", answers)
	}
}
