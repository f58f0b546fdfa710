//go:build linux

package main

import (
	"flag"
	"net"
	"os"
	"runtime"
	"syscall"
	"time"
)

// far listens on a free port and passes everything on to a server, whose answers come
// back after a while, as those of another data centre do. Each connection has a thread
// that blocks in the kernel: the runtime's timers are too coarse for a latency.
func far(flags *flag.FlagSet, args []string, o *orders) error {
	to := flags.String("to", "", "`host:port` of the server")
	after := flags.Duration("after", 2*time.Millisecond, "how long the answers take")
	if err := flags.Parse(args); err != nil {
		return err
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	runtime.GOMAXPROCS(64)
	go func() {
		for {
			near, err := l.Accept()
			if err != nil {
				return
			}
			there, err := net.Dial("tcp", *to)
			if err != nil {
				near.Close()
				continue
			}
			a, b := blocking(near), blocking(there)
			go pass(a, b, 0)
			go pass(b, a, *after)
		}
	}()
	if err := o.out.Encode(l.Addr().String()); err != nil {
		return err
	}
	return each(o, func(order) (any, error) { return cpu(), nil })
}

// kept holds the files of connections, which would be closed when they are collected.
var kept []*os.File

// blocking takes a connection out of the runtime's hands.
func blocking(c net.Conn) int {
	f, err := c.(*net.TCPConn).File()
	if err != nil {
		panic(err)
	}
	c.Close()
	fd := int(f.Fd()) // which makes it block, and stays open as long as the process
	kept = append(kept, f)
	return fd
}

func pass(from, to int, after time.Duration) {
	runtime.LockOSThread()
	buf := make([]byte, 64<<10)
	for {
		n, err := syscall.Read(from, buf)
		if err == syscall.EINTR {
			continue
		}
		if n <= 0 {
			_ = syscall.Shutdown(to, syscall.SHUT_WR)
			return
		}
		if after > 0 {
			pause(after)
		}
		if !writeAll(to, buf[:n]) {
			return
		}
	}
}

// pause sleeps in the kernel, to the tenth of a millisecond.
func pause(d time.Duration) {
	left := syscall.NsecToTimespec(int64(d))
	for d > 0 && syscall.Nanosleep(&left, &left) == syscall.EINTR {
	}
}

func writeAll(fd int, p []byte) bool {
	for len(p) > 0 {
		n, err := syscall.Write(fd, p)
		if err == syscall.EINTR {
			continue
		}
		if err != nil {
			return false
		}
		p = p[n:]
	}
	return true
}
