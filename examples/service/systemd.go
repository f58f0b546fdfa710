package main

import (
	"net/http"
	"time"

	"github.com/coreos/go-systemd/v22/daemon"

	"github.com/reevehq/reeve/service"
)

const (
	extendEvery = 5 * time.Second // how often systemd is told that the start goes on
	extendBy    = "EXTEND_TIMEOUT_USEC=20000000"
)

// notifySystemd tells systemd of each state, and keeps its watchdog content for as long as the process
// answers its own /livez. Without systemd, which NOTIFY_SOCKET stands for, nothing is told.
func notifySystemd(t *tracker) (stop func()) {
	tell := func(text string) { _, _ = daemon.SdNotify(false, text) } // nobody is there to hear it
	t.lifecycle.Observe(func(from, to service.State) {
		text := "STATUS=" + to.String()
		switch {
		case from == service.Starting && to != service.Draining:
			text = daemon.SdNotifyReady + "\n" + text
		case to == service.Draining:
			text = daemon.SdNotifyStopping + "\n" + text
		}
		tell(text)
	})
	ended := make(chan struct{})
	go every(extendEvery, ended, func() {
		if t.lifecycle.State() == service.Starting {
			tell(extendBy)
		}
	})
	if interval, err := daemon.SdWatchdogEnabled(false); err == nil && interval > 0 {
		client := prober(interval / 3)
		go every(interval/3, ended, func() {
			if alive(client, t) {
				tell(daemon.SdNotifyWatchdog)
			}
		})
	}
	return func() { close(ended) }
}

// prober returns a client that asks this machine: no proxy of the environment stands between, which would
// answer for a process that hangs, or not at all for one that is well.
func prober(limit time.Duration) *http.Client {
	return &http.Client{Timeout: limit, Transport: &http.Transport{DisableKeepAlives: true}}
}

func every(interval time.Duration, ended <-chan struct{}, f func()) {
	ticks := time.NewTicker(interval)
	defer ticks.Stop()
	for {
		f()
		select {
		case <-ended:
			return
		case <-ticks.C:
		}
	}
}

// alive asks the process as a probe does. Before there is a listener, and after, the start and the
// closing of parts have limits of their own.
func alive(client *http.Client, t *tracker) bool {
	addr := t.ops.Addr()
	if state := t.lifecycle.State(); addr == "" || state == service.Starting || state == service.Draining {
		return true
	}
	resp, err := client.Get("http://" + addr + "/livez")
	if err != nil {
		return false
	}
	resp.Body.Close()
	return resp.StatusCode == http.StatusOK
}
