//go:build unix

package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"net"
	"os"
	"slices"
	"sync"
	"time"
)

// measured is the result of the load generator.
type measured struct {
	Chain                        string
	Tenants, Conns, Procs, Round int
	PerSecond                    float64
	P50, P99                     time.Duration
	Requests                     int           // with those of the warm-up
	CPU                          time.Duration // of the service for one of them, 0 where it is not known
}

// loadMain sends the requests of a file in turn on so many connections, and prints what it
// measured. Each request has to be answered 204: a chain that refuses is no faster for it.
func loadMain(args []string) error {
	flags := flag.NewFlagSet("load", flag.ExitOnError)
	addr := flags.String("addr", "", "of the service")
	file := flags.String("requests", "", "what it is asked")
	conns := flags.Int("conns", 64, "connections")
	length := flags.Duration("for", 5*time.Second, "how long")
	_ = flags.Parse(args)
	text, err := os.ReadFile(*file)
	if err != nil {
		return err
	}
	all, err := decodeRequests(text)
	if err != nil || len(all) == 0 {
		return fmt.Errorf("%s: %d requests: %w", *file, len(all), err)
	}
	wires := make([][]byte, len(all))
	for i, a := range all {
		wires[i] = a.wire()
	}
	m, err := load(*addr, wires, *conns, *length)
	if err != nil {
		return err
	}
	return json.NewEncoder(os.Stdout).Encode(m)
}

// load asks each request once, to warm what is cached, and then measures.
func load(addr string, wires [][]byte, conns int, length time.Duration) (measured, error) {
	first, err := run(addr, wires, conns, func(n int, _ time.Time) bool { return n >= (len(wires)+conns-1)/conns })
	if err != nil {
		return measured{}, err
	}
	began := time.Now()
	took, err := run(addr, wires, conns, func(_ int, now time.Time) bool { return now.Sub(began) >= length })
	if err != nil {
		return measured{}, err
	}
	elapsed := time.Since(began)
	slices.Sort(took)
	return measured{
		PerSecond: float64(len(took)) / elapsed.Seconds(), P50: took[len(took)/2], P99: took[len(took)*99/100],
		Requests: len(first) + len(took),
	}, nil
}

// run asks on all connections until done says so, and returns what each request took.
func run(addr string, wires [][]byte, conns int, done func(n int, now time.Time) bool) ([]time.Duration, error) {
	var mu sync.Mutex
	var all []time.Duration
	var failed error
	var running sync.WaitGroup
	for c := range conns {
		running.Go(func() {
			took, err := ask(addr, wires, c*len(wires)/conns, done)
			mu.Lock()
			defer mu.Unlock()
			all, failed = append(all, took...), errors.Join(failed, err)
		})
	}
	running.Wait()
	if failed == nil && len(all) == 0 {
		failed = errors.New("nothing was asked")
	}
	return all, failed
}

// ask sends requests on one connection, beginning with that of an index, one after the other.
func ask(addr string, wires [][]byte, from int, done func(n int, now time.Time) bool) ([]time.Duration, error) {
	conn, err := net.Dial("tcp", addr)
	if err != nil {
		return nil, err
	}
	defer conn.Close()
	in := bufio.NewReader(conn)
	var took []time.Duration
	began := time.Now()
	for n := 0; !done(n, began); n++ {
		if _, err := conn.Write(wires[(from+n)%len(wires)]); err != nil {
			return took, err
		}
		if err := answer(in); err != nil {
			return took, fmt.Errorf("request %d: %w", (from+n)%len(wires), err)
		}
		now := time.Now()
		took = append(took, now.Sub(began))
		began = now
	}
	return took, nil
}

// answer reads an answer without a body.
func answer(in *bufio.Reader) error {
	status, err := in.ReadSlice('\n')
	if err != nil {
		return err
	}
	if !bytes.HasPrefix(status, []byte("HTTP/1.1 204 ")) {
		rest, _ := io.ReadAll(io.LimitReader(in, int64(in.Buffered())))
		return fmt.Errorf("answered %s%s", status, rest)
	}
	for {
		line, err := in.ReadSlice('\n')
		if err != nil {
			return err
		}
		if len(line) <= 2 {
			return nil
		}
	}
}
