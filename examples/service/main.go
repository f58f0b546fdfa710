// Command service is the task tracker of examples/tracker as a service that operators run: a
// program at a terminal, a unit of systemd, a service of Windows, or a container.
//
//	go run ./examples/service
//
// It needs no server then, and its users and their password are examples. The README beside this
// file says how to configure, install and watch it.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/alecthomas/kong"

	"github.com/reevehq/reeve/examples/service/config"
)

// Exit codes.
const (
	exitFine   = 0
	exitFailed = 1 // a part could not be opened, failed, or was not closed in its time
	exitUsage  = 2 // the command line or the configuration is wrong; waiting mends nothing
)

// name is that of the service, its folders and its metrics.
const name = "reeve-tracker"

// commands are the command line.
type commands struct {
	Platform string            `help:"Whose defaults hold: ${enum}." enum:"console,systemd,windows,container" default:"console"`
	Config   string            `help:"Configuration file over the platform's." placeholder:"FILE"`
	Set      map[string]string `help:"A setting over all others, such as log.level=debug." placeholder:"PATH=VALUE" mapsep:"none"`
	Version  kong.VersionFlag  `help:"Print the version."`

	Run       runCommand       `cmd:"" default:"1" help:"Serve until SIGTERM, Ctrl-C or a stop of the service manager."`
	Show      configCommands   `cmd:"" name:"config" help:"The configuration."`
	Install   installCommand   `cmd:"" help:"Install the service, with keys and a configuration where there are none."`
	Uninstall uninstallCommand `cmd:"" help:"Remove the service. What it has stored stays."`
	Start     startCommand     `cmd:"" help:"Start the installed service."`
	Stop      stopCommand      `cmd:"" help:"Stop it, letting requests in flight finish."`
	Restart   restartCommand   `cmd:"" help:"Stop and start it."`
	Status    statusCommand    `cmd:"" help:"Say whether it runs."`
	Keys      keysCommand      `cmd:"" help:"Write the keys that instances share into a folder, where they are missing."`
}

type configCommands struct {
	Show  showCommand  `cmd:"" help:"Print every setting."`
	Check checkCommand `cmd:"" help:"Say what is wrong with the configuration: exit 2."`
}

type showCommand struct {
	Origin bool `help:"Say where each comes from."`
}

type (
	runCommand   struct{}
	checkCommand struct{}
)

// environment is the surroundings of commands.
type environment struct {
	ctx            context.Context
	environment    []string
	stdout, stderr io.Writer
	exit           func(int) // at once, for a second signal
	cli            *commands
}

func main() {
	os.Exit(run(&environment{ctx: context.Background(), environment: os.Environ(), stdout: os.Stdout, stderr: os.Stderr, exit: os.Exit}, os.Args[1:]))
}

// usageError is a mistake of whoever started the program.
type usageError struct{ error }

func (e usageError) Unwrap() error { return e.error }

// run is main with its surroundings as a parameter. It returns the exit code.
func run(w *environment, args []string) (code int) {
	w.cli = &commands{}
	ended := -1
	parser, err := kong.New(w.cli, kong.Name(name), kong.Writers(w.stdout, w.stderr), kong.Exit(func(code int) { ended = code }), kong.UsageOnError(), kong.Vars{"version": version()})
	if err != nil {
		fmt.Fprintf(w.stderr, "%s: %v\n", name, err)
		return exitFailed
	}
	parsed, err := parser.Parse(args)
	if ended >= 0 { // of --help and --version
		return ended
	}
	if err == nil {
		err = parsed.Run(w)
	} else {
		err = usageError{err}
	}
	if err == nil {
		return exitFine
	}
	fmt.Fprintf(w.stderr, "%s: %v\n", name, err)
	tellManager(err)
	if errors.As(err, new(usageError)) {
		return exitUsage
	}
	return exitFailed
}

// load reads the configuration as the command line says.
func (w *environment) load() (*config.Config, error) {
	cfg, err := config.Load(config.Sources{
		Platform: w.cli.Platform, File: w.cli.Config, Environment: w.environment, Flags: w.cli.Set,
		Credentials: w.variable("CREDENTIALS_DIRECTORY"),
	})
	if err != nil {
		return nil, usageError{fmt.Errorf("the configuration is wrong:\n%w", err)}
	}
	return cfg, nil
}

// variable returns one of the environment.
func (w *environment) variable(name string) string {
	for _, entry := range w.environment {
		if len(entry) > len(name) && entry[len(name)] == '=' && entry[:len(name)] == name {
			return entry[len(name)+1:]
		}
	}
	return ""
}

// Run prints the configuration.
func (c *showCommand) Run(w *environment) error {
	cfg, err := w.load()
	if err != nil {
		return err
	}
	return cfg.Show(w.stdout, c.Origin)
}

// Run checks the configuration.
func (*checkCommand) Run(w *environment) error {
	_, err := w.load()
	return err
}

// Run serves.
func (*runCommand) Run(w *environment) error {
	cfg, err := w.load()
	if err != nil {
		return err
	}
	return runHost(w, cfg)
}
