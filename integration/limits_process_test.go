//go:build linux

package integration_test

import (
	"context"
	"encoding/json"
	"os"
	"os/exec"
	"runtime"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/reevehq/reeve/integration/redisserver"
)

// processes are the parts of a flood, each in a process of its own: the service alone on
// one processor, and all that is around it on another, where there is one.
//
// A machine that others use delays everybody by milliseconds, and no ratio of latencies is
// stable on it. With REEVE_FLOOD_FIRST set, and the right to do so, the processes go before
// all others; the kernel ends one that would keep them out for a tenth of a second.
type processes struct {
	serve, load, measure *process
	hello                struct {
		Addr, Acme, Globex, Revoked, Forged string
		Invented                            []string
	}
}

// process is one of them. It is told what to do, and answers, by a line of JSON.
type process struct {
	t   *testing.T
	cmd *exec.Cmd
	in  *json.Encoder
	out *json.Decoder
}

// order is a command to a process.
type order struct {
	Path                 string
	Bearer               []string
	Rate, Count, Clients int
	Stop, Collect        bool
}

func startProcesses(t *testing.T) *processes {
	t.Helper()
	server := redisserver.Start(t, "--appendonly", "no") // a disk that is busy is not what is tested
	around := min(1, runtime.NumCPU()-1)
	runBeside(t, server, around)
	p := &processes{}
	var there, ready string
	startProcess(t, around, &there, "far", "-to", server.Addr(), "-after", distance.String())
	p.serve = startProcess(t, 0, &p.hello, "serve", "-redis", there)
	p.load = startProcess(t, around, &ready, "load", "-to", p.hello.Addr)
	p.measure = startProcess(t, around, &ready, "measure", "-to", p.hello.Addr)
	return p
}

// startProcess starts one on a processor and reads its first words into hello.
func startProcess(t *testing.T, processor int, hello any, args ...string) *process {
	t.Helper()
	line := append([]string{program(t, "./integration/internal/flood")}, args...)
	if path, err := exec.LookPath("taskset"); err == nil {
		line = append([]string{path, "--cpu-list", strconv.Itoa(processor)}, line...)
	}
	if first() {
		line = append([]string{"prlimit", "--rttime=100000:200000", "chrt", "--rr", "10"}, line...)
	}
	p := &process{t: t, cmd: exec.Command(line[0], line[1:]...)}
	p.cmd.Env = append(os.Environ(), "GOMAXPROCS=1")
	p.cmd.Stderr = os.Stderr
	in := must(p.cmd.StdinPipe())(t)
	out := must(p.cmd.StdoutPipe())(t)
	p.in, p.out = json.NewEncoder(in), json.NewDecoder(out)
	if err := p.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		in.Close() // which ends it
		hurry := time.AfterFunc(10*time.Second, func() { _ = p.cmd.Process.Kill() })
		defer hurry.Stop()
		_ = p.cmd.Wait()
	})
	p.read(hello)
	return p
}

func first() bool { return os.Getenv("REEVE_FLOOD_FIRST") != "" }

// runBeside puts a Redis beside the clients.
func runBeside(t *testing.T, server *redisserver.Server, processor int) {
	t.Helper()
	client := server.Client()
	defer client.Close()
	info := client.InfoMap(context.Background(), "server").Item("Server", "process_id")
	if _, err := exec.LookPath("taskset"); err == nil {
		_ = exec.Command("taskset", "--all-tasks", "--cpu-list", "--pid", strconv.Itoa(processor), info).Run()
	}
	if first() {
		_ = exec.Command("chrt", "--all-tasks", "--rr", "--pid", "10", info).Run()
	}
}

// tell gives an order and reads the answer.
func (p *process) tell(o order, answer any) {
	p.t.Helper()
	if err := p.in.Encode(o); err != nil {
		p.t.Fatal(err)
	}
	p.read(answer)
}

func (p *process) read(v any) {
	p.t.Helper()
	stuck := time.AfterFunc(2*time.Minute, func() { _ = p.cmd.Process.Kill() })
	defer stuck.Stop()
	if err := p.out.Decode(v); err != nil {
		p.t.Fatalf("%s: %v", strings.Join(p.cmd.Args, " "), err)
	}
}
