// Package redisproc starts a Redis for a command that measures.
package redisproc

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"strings"
	"time"
)

// With does something with a Redis in memory, which has a URL and a folder of its own and ends with it.
func With(do func(ctx context.Context, url, dir string) error) error {
	dir, err := os.MkdirTemp("", "reeve-bench-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	url, stop, err := start(dir)
	if err != nil {
		return err
	}
	defer stop()
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	return do(ctx, url, dir)
}

// start returns the URL of a server, and what ends it and waits for its end: a program that ends first
// would leave it behind.
func start(dir string) (url string, stop func(), err error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", nil, err
	}
	addr := l.Addr().String()
	if err := l.Close(); err != nil {
		return "", nil, err
	}
	_, port, _ := strings.Cut(addr, ":")
	cmd := exec.Command("redis-server", "--bind", "127.0.0.1", "--port", port, "--dir", dir, "--save", "", "--appendonly", "no")
	if err := cmd.Start(); err != nil {
		return "", nil, fmt.Errorf("redis-server: %w (Debian: apt-get install redis-server)", err)
	}
	stop = func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	}
	for range 500 {
		if c, err := net.Dial("tcp", addr); err == nil {
			return "redis://" + addr, stop, c.Close()
		}
		time.Sleep(10 * time.Millisecond)
	}
	stop()
	return "", nil, errors.New("redis-server does not answer")
}
