//go:build unix

// Command chains measures a service behind Reeve beside what would stand there instead, through
// the whole HTTP path: net/http alone, Echo alone, Reeve, and Echo with echo-jwt, sessions of scs
// in Redis and Casbin, plain and cached. "make bench" runs it.
//
// Each service and the load generator are processes of their own. All chains of a size run before
// the first one runs again, so that what the machine does besides meets them alike, and what is
// compared are ratios of one round.
package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/reevehq/reeve/integration/bench/internal/numbers"
	"github.com/reevehq/reeve/integration/bench/internal/redisproc"
)

// settings are those of a run.
type settings struct {
	tenants, conns, procs []int
	chains                []string
	rounds                int
	each                  time.Duration
	profiles              string // folder for processor profiles of the services; "" for none
}

func main() {
	if len(os.Args) > 1 && os.Args[1] == "serve" {
		exit(serveMain(os.Args[2:]))
	}
	if len(os.Args) > 1 && os.Args[1] == "load" {
		exit(loadMain(os.Args[2:]))
	}
	exit(runMain(os.Args[1:]))
}

func exit(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, "chains:", err)
		os.Exit(1)
	}
	os.Exit(0)
}

// runMain measures, prints the table and compares it with what is committed.
func runMain(args []string) error {
	flags := flag.NewFlagSet("chains", flag.ExitOnError)
	tenants := flags.String("tenants", "10,100,1000", "numbers of tenants, of 100 rules and ten users each")
	conns := flags.String("conns", "64", "numbers of connections")
	procs := flags.String("procs", "2", "numbers of processors of a service, as GOMAXPROCS counts them")
	chains := flags.String("chains", strings.Join(chainNames, ","), "what is measured")
	rounds := flags.Int("rounds", 3, "rounds")
	each := flags.Duration("each", 5*time.Second, "time of one measurement")
	profiles := flags.String("profiles", "", "folder for a processor profile of each service, for go tool pprof")
	svg := flags.String("svg", "", "file for a picture of the table")
	check := flags.String("check", "", "file of ratios: fail where one has lost more than a quarter")
	write := flags.String("write", "", "file to write the ratios to")
	_ = flags.Parse(args)
	set := settings{rounds: *rounds, each: *each, chains: strings.Split(*chains, ","), profiles: *profiles}
	var errs [3]error
	set.tenants, errs[0] = numbers.Parse(*tenants)
	set.conns, errs[1] = numbers.Parse(*conns)
	set.procs, errs[2] = numbers.Parse(*procs)
	if err := errors.Join(errs[:]...); err != nil {
		return err
	}
	t, err := measureAll(set)
	if err != nil {
		return err
	}
	fmt.Println(t.markdown())
	if *svg != "" {
		if err := os.WriteFile(*svg, []byte(t.svg()), 0o644); err != nil {
			return err
		}
	}
	if *write != "" {
		if err := writeRatios(*write, t.ratios()); err != nil {
			return err
		}
	}
	if *check == "" {
		return nil
	}
	return checkRatios(*check, t.ratios())
}

// measureAll measures everything that set names.
func measureAll(set settings) (*table, error) {
	t := &table{}
	return t, redisproc.With(func(ctx context.Context, url, dir string) error {
		for _, tenants := range set.tenants {
			for _, procs := range set.procs {
				if err := measureSize(ctx, set, t, dir, url, tenants, procs); err != nil {
					return err
				}
			}
		}
		return nil
	})
}

// measureSize measures the chains of one size, round by round.
func measureSize(ctx context.Context, set settings, t *table, dir, url string, tenants, procs int) error {
	services := map[string]*service{}
	defer func() {
		for _, s := range services {
			s.stop()
		}
	}()
	for _, name := range set.chains {
		if slow[name] && tenants > 100 {
			continue // a denial of Casbin's takes 60 ms there, and each user's first request as long
		}
		s, err := startService(ctx, name, url, dir, set.profiles, tenants, procs)
		if err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
		services[name] = s
		// The first sight of each token is not what is measured.
		if _, err := measureOne(ctx, s, 8, 100*time.Millisecond); err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
	}
	for round := range set.rounds {
		for _, conns := range set.conns {
			for _, name := range set.chains {
				if services[name] == nil {
					continue
				}
				m, err := measureOne(ctx, services[name], conns, set.each)
				if err != nil {
					return fmt.Errorf("%s: %w", name, err)
				}
				m.Chain, m.Tenants, m.Conns, m.Procs, m.Round = name, tenants, conns, procs, round
				t.add(m)
			}
		}
	}
	return nil
}

// service is a chain in a process of its own.
type service struct {
	cmd   *exec.Cmd
	in    io.Closer // which the process reads: it ends with it
	addr  string
	asked string // file of its requests
}

func startService(ctx context.Context, name, url, dir, profiles string, tenants, procs int) (*service, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	file := fmt.Sprintf("%s-%d-%d", strings.ReplaceAll(name, "/", ""), tenants, procs)
	s := &service{asked: filepath.Join(dir, file)}
	s.cmd = exec.CommandContext(ctx, self, "serve", "-chain", name, "-redis", url, "-tenants", strconv.Itoa(tenants), "-requests", s.asked)
	if profiles != "" {
		s.cmd.Args = append(s.cmd.Args, "-profile", filepath.Join(profiles, file+".prof"))
	}
	s.cmd.Env = append(os.Environ(), "GOMAXPROCS="+strconv.Itoa(procs))
	s.cmd.Stderr = os.Stderr
	out, err := s.cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if s.in, err = s.cmd.StdinPipe(); err != nil {
		return nil, err
	}
	if err := s.cmd.Start(); err != nil {
		return nil, err
	}
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		s.stop()
		return nil, fmt.Errorf("it did not begin to serve: %w", err)
	}
	s.addr = strings.TrimSpace(line)
	return s, nil
}

func (s *service) stop() {
	_ = s.in.Close()
	_ = s.cmd.Wait()
}

// measureOne asks a service for a while, after as long a warm-up as it needs for each request.
func measureOne(ctx context.Context, s *service, conns int, each time.Duration) (measured, error) {
	self, err := os.Executable()
	if err != nil {
		return measured{}, err
	}
	cmd := exec.CommandContext(ctx, self, "load", "-addr", s.addr, "-requests", s.asked, "-conns", strconv.Itoa(conns), "-for", each.String())
	cmd.Stderr = os.Stderr
	before := cpuOf(s.cmd.Process.Pid)
	out, err := cmd.Output()
	if err != nil {
		return measured{}, err
	}
	var m measured
	if err := json.Unmarshal(out, &m); err != nil {
		return measured{}, err
	}
	m.CPU = (cpuOf(s.cmd.Process.Pid) - before) / time.Duration(max(m.Requests, 1))
	return m, nil
}

// cpuOf is the processor time that a process has used, as Linux counts it in hundredths of a
// second, and 0 elsewhere. Other processes on the machine change it little.
func cpuOf(pid int) time.Duration {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return 0
	}
	_, after, _ := strings.Cut(string(text), ") ") // the name before may hold anything
	fields := strings.Fields(after)
	if len(fields) < 13 {
		return 0
	}
	user, _ := strconv.Atoi(fields[11])
	system, _ := strconv.Atoi(fields[12])
	return time.Duration(user+system) * 10 * time.Millisecond
}
