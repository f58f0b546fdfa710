//go:build linux

package main

import (
	"bytes"
	"fmt"
	"io"
	"net"
	"strconv"
	"strings"
	"sync"
)

// client is one connection, which is used for one request after the other. It reads no
// more of HTTP than it needs, to take as little as it can of the machine that it measures.
type client struct {
	addr string
	conn net.Conn // nil when the next request has to make one
	buf  [4 << 10]byte
}

// request is the text of one.
func request(path, bearer string) []byte {
	authorization := ""
	if bearer != "" {
		authorization = "Authorization: Bearer " + bearer + "\r\n"
	}
	return fmt.Appendf(nil, "GET %s HTTP/1.1\r\nHost: test\r\n%s\r\n", path, authorization)
}

// do sends a request and returns the answer and its status. The answer is good until the
// next one.
func (c *client) do(text []byte) (status int, answer []byte, err error) {
	if c.conn == nil {
		if c.conn, err = net.Dial("tcp", c.addr); err != nil {
			return 0, nil, err
		}
	}
	status, answer, err = c.exchange(text)
	if err != nil || field(answer, "Connection") == "close" {
		c.conn.Close()
		c.conn = nil
	}
	return status, answer, err
}

func (c *client) exchange(text []byte) (int, []byte, error) {
	if _, err := c.conn.Write(text); err != nil {
		return 0, nil, err
	}
	for n := 0; n < len(c.buf); {
		m, err := c.conn.Read(c.buf[n:])
		if err != nil {
			return 0, nil, err
		}
		n += m
		end := bytes.Index(c.buf[:n], []byte("\r\n\r\n"))
		if end < 12 {
			continue
		}
		length, _ := strconv.Atoi(field(c.buf[:end+2], "Content-Length")) // 204 has none
		if n < end+4+length {
			continue
		}
		status, err := strconv.Atoi(string(c.buf[9:12]))
		return status, c.buf[:n], err
	}
	return 0, nil, io.ErrShortBuffer
}

// field returns a header's value, "" for none. Names are as net/http writes them.
func field(answer []byte, name string) string {
	_, rest, found := bytes.Cut(answer, []byte("\r\n"+name+": "))
	if !found {
		return ""
	}
	value, _, _ := bytes.Cut(rest, []byte("\r\n"))
	return string(value)
}

// outcome counts answers.
type outcome struct {
	mu       sync.Mutex
	Statuses map[int]int
	Wrong    map[string]int // failures, and each 503 that is not as it has to be
}

func newOutcome() *outcome { return &outcome{Statuses: map[int]int{}, Wrong: map[string]int{}} }

func (o *outcome) count(status int, answer []byte, err error) {
	wrong := ""
	switch {
	case err != nil:
		wrong = err.Error()
	case status == 503:
		wrong = wrongIn(answer)
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	if err == nil {
		o.Statuses[status]++
	}
	if wrong != "" {
		o.Wrong[wrong]++
	}
}

// wrongIn returns the fault of a 503, "" for none.
func wrongIn(answer []byte) string {
	switch {
	case !strings.HasPrefix(field(answer, "Content-Type"), "application/problem+json"),
		!bytes.Contains(answer, []byte(`"type":"/problems/auth-unavailable"`)):
		return "503 without its problem"
	case field(answer, "Retry-After") == "":
		return "503 without Retry-After"
	case field(answer, "Set-Cookie") != "", field(answer, "Www-Authenticate") != "":
		return "503 with a cookie or a challenge"
	}
	return ""
}
