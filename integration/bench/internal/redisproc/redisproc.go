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
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	url, err := start(ctx, dir)
	if err != nil {
		return err
	}
	return do(ctx, url, dir)
}

func start(ctx context.Context, dir string) (url string, err error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	addr := l.Addr().String()
	if err := l.Close(); err != nil {
		return "", err
	}
	_, port, _ := strings.Cut(addr, ":")
	cmd := exec.CommandContext(ctx, "redis-server", "--bind", "127.0.0.1", "--port", port, "--dir", dir, "--save", "", "--appendonly", "no")
	if err := cmd.Start(); err != nil {
		return "", fmt.Errorf("redis-server: %w (Debian: apt-get install redis-server)", err)
	}
	go func() { _ = cmd.Wait() }()
	for range 500 {
		if c, err := net.Dial("tcp", addr); err == nil {
			return "redis://" + addr, c.Close()
		}
		time.Sleep(10 * time.Millisecond)
	}
	return "", errors.New("redis-server does not answer")
}
