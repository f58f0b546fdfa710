//go:build linux

// Command flood is each of the processes of a flood, so that none of them shares a
// scheduler, a garbage collector or a processor with another unless it is told to:
//
//	flood serve -redis host:port    the service that is flooded
//	flood far -to host:port         a way to a server that takes a while
//	flood load -to host:port        clients that ask as fast as they are answered
//	flood measure -to host:port     clients that ask at a constant rate, and clock it
//
// Each reads orders from its standard input, a line of JSON each, answers each with a line
// of JSON, and ends when the input does. The tests of package integration start them.
package main

import (
	"bufio"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"os"
)

func main() {
	if err := run(os.Args[1:], os.Stdin, os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "flood:", err)
		os.Exit(1)
	}
}

func run(args []string, in io.Reader, out io.Writer) error {
	if len(args) == 0 {
		return fmt.Errorf("which of serve, far, load and measure?")
	}
	orders := &orders{in: bufio.NewScanner(in), out: json.NewEncoder(out)}
	orders.in.Buffer(nil, 1<<20)
	switch flags := flag.NewFlagSet(args[0], flag.ContinueOnError); args[0] {
	case "serve":
		return serve(flags, args[1:], orders)
	case "far":
		return far(flags, args[1:], orders)
	case "load":
		return load(flags, args[1:], orders)
	case "measure":
		return measure(flags, args[1:], orders)
	}
	return fmt.Errorf("no process %q", args[0])
}

// orders is the line to whoever started the process.
type orders struct {
	in  *bufio.Scanner
	out *json.Encoder
}

// next reads an order into v. The error is io.EOF at the end of the input.
func (o *orders) next(v any) error {
	if !o.in.Scan() {
		if err := o.in.Err(); err != nil {
			return err
		}
		return io.EOF
	}
	return json.Unmarshal(o.in.Bytes(), v)
}

// each answers orders of one kind until there are no more.
func each[T any](o *orders, answer func(T) (any, error)) error {
	for {
		var order T
		switch err := o.next(&order); err {
		case nil:
		case io.EOF:
			return nil
		default:
			return err
		}
		said, err := answer(order)
		if err != nil {
			return err
		}
		if err := o.out.Encode(said); err != nil {
			return err
		}
	}
}
