package main

import (
	"crypto/rand"
	_ "embed"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"

	kardianos "github.com/kardianos/service"
)

// unit is our unit of systemd. That of the library is not hardened, and knows no readiness.
//
//go:embed deploy/reeve-tracker.service
var unit string

// installed are the paths of an installed service.
var installed = struct{ program, folder string }{"/usr/local/bin/" + name, "/etc/" + name}

// managers are those whose service this program has been made for.
var managers = []string{"linux-systemd", "windows-service"}

// forced has the flags of commands that speak to a service manager.
type forced struct {
	Force bool `help:"Use whatever service manager was found."`
}

// errManager means that the machine has another service manager.
var errManager = errors.New("the service is made for systemd and Windows; --force uses what was found")

// system is the service manager that the library has found. A test puts another in its place.
var system = kardianos.ChosenSystem

// manager returns the service at the manager that was found, which it says.
func (f forced) manager(w *environment) (kardianos.Service, error) {
	found := system()
	fmt.Fprintf(w.stdout, "service manager: %s\n", found)
	if !slices.Contains(managers, found.String()) && !f.Force {
		return nil, usageError{fmt.Errorf("no systemd runs here, %s was found: %w", found, errManager)}
	}
	return found.New(none{}, &kardianos.Config{
		Name: name, DisplayName: "Reeve's task tracker", Description: "The task tracker of Reeve's examples, as a service.",
		Executable: program(), Arguments: arguments(),
		Option: kardianos.KeyValue{"SystemdScript": unit, "OnFailure": "restart"},
	})
}

// none stands for the program that the library would start and stop: it only speaks to managers here.
type none struct{}

// Start implements [kardianos.Interface].
func (none) Start(kardianos.Service) error { return errors.ErrUnsupported }

// Stop implements [kardianos.Interface].
func (none) Stop(kardianos.Service) error { return errors.ErrUnsupported }

// program is the path of the installed program: this one on Windows.
func program() string {
	if runtime.GOOS != "windows" {
		return installed.program
	}
	path, err := os.Executable()
	if err != nil {
		return ""
	}
	return path
}

func arguments() []string {
	if runtime.GOOS == "windows" {
		return []string{"run", "--platform", "windows"}
	}
	return []string{"run", "--platform", "systemd", "--config", filepath.Join(installed.folder, "config.yaml")}
}

type installCommand struct {
	DryRun bool `help:"Print the unit and change nothing."`
	forced
}

// Run installs.
func (c *installCommand) Run(w *environment) error {
	if c.DryRun {
		_, err := io.WriteString(w.stdout, unit)
		return err
	}
	s, err := c.manager(w)
	if err != nil {
		return err
	}
	if runtime.GOOS != "windows" {
		err = installFiles(w.stdout)
	} else {
		err = lasting(program())
	}
	if err != nil {
		return err
	}
	if err := s.Install(); err != nil {
		return err
	}
	if err := restartOnFailure(); err != nil {
		fmt.Fprintf(w.stderr, "it is installed, and is not started again after a failure of its own: %v\n", err)
	}
	fmt.Fprintf(w.stdout, "installed. Start it with: %s start\n", program())
	return nil
}

// errPassing means that a service of this program could not be started later.
var errPassing = errors.New("go run removes this program when it ends: build it with go build, put it where it stays, and install from there")

// lasting refuses a program that go run has built.
func lasting(path string) error {
	for _, element := range strings.FieldsFunc(path, func(r rune) bool { return r == '/' || r == '\\' }) {
		if number, is := strings.CutPrefix(element, "go-build"); is && number != "" && strings.Trim(number, "0123456789") == "" {
			return usageError{fmt.Errorf("%s: %w", path, errPassing)}
		}
	}
	return nil
}

// installFiles copies the program to the path of its unit, and writes the keys and the configuration that
// are missing.
func installFiles(stdout io.Writer) error {
	own, err := os.Executable()
	if err != nil {
		return err
	}
	if own != installed.program {
		if err := copyProgram(own, installed.program); err != nil {
			return err
		}
		fmt.Fprintf(stdout, "wrote %s\n", installed.program)
	}
	// The service reads its configuration as a user of its own, and is given the keys by systemd.
	if err := errors.Join(os.MkdirAll(installed.folder, 0o755), os.Chmod(installed.folder, 0o755)); err != nil {
		return err
	}
	if err := writeKeys(stdout, filepath.Join(installed.folder, "keys")); err != nil {
		return err
	}
	config := filepath.Join(installed.folder, "config.yaml")
	const first = "# Settings over those of the platform. reeve-tracker config show --platform systemd --origin shows all.\n"
	err = writeNew(config, []byte(first), 0o644)
	if errors.Is(err, fs.ErrExist) {
		return nil
	}
	if err == nil {
		fmt.Fprintf(stdout, "wrote %s\n", config)
	}
	return err
}

// copyProgram writes beside the file and renames, so that a program that runs is not disturbed.
func copyProgram(from, to string) error {
	source, err := os.Open(from)
	if err != nil {
		return err
	}
	defer source.Close()
	beside, err := os.CreateTemp(filepath.Dir(to), ".reeve-tracker-*")
	if err != nil {
		return err
	}
	_, err = io.Copy(beside, source)
	err = errors.Join(err, beside.Chmod(0o755), beside.Close())
	if err == nil {
		err = os.Rename(beside.Name(), to)
	}
	if err != nil {
		return errors.Join(err, os.Remove(beside.Name()))
	}
	return nil
}

type keysCommand struct {
	Folder string `arg:"" help:"Folder of the keys."`
}

// Run writes keys.
func (c *keysCommand) Run(w *environment) error { return writeKeys(w.stdout, c.Folder) }

// writeKeys writes the keys that are missing, for their owner alone. One that is there stays: another
// redis_name_key would sign everybody out.
func writeKeys(stdout io.Writer, folder string) error {
	if err := os.MkdirAll(folder, 0o700); err != nil {
		return err
	}
	for _, key := range []string{"session_key", "signing_key", "redis_name_key", "redis_seal_key"} {
		random := make([]byte, 32)
		rand.Read(random) // never fails (Go 1.24)
		path := filepath.Join(folder, key)
		err := writeNew(path, []byte(base64.StdEncoding.EncodeToString(random)+"\n"), 0o600)
		if errors.Is(err, fs.ErrExist) {
			continue
		}
		if err != nil {
			return err
		}
		fmt.Fprintf(stdout, "wrote %s\n", path)
	}
	return nil
}

// writeNew writes a file that is not there.
func writeNew(path string, text []byte, mode fs.FileMode) error {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_WRONLY, mode)
	if err != nil {
		return err
	}
	_, err = f.Write(text)
	return errors.Join(err, f.Chmod(mode), f.Sync(), f.Close())
}

type (
	uninstallCommand struct{ forced }
	startCommand     struct{ forced }
	stopCommand      struct{ forced }
	restartCommand   struct{ forced }
	statusCommand    struct{ forced }
)

// do calls a method of the service at its manager.
func (f forced) do(w *environment, call func(kardianos.Service) error) error {
	s, err := f.manager(w)
	if err != nil {
		return err
	}
	return call(s)
}

// Run uninstalls.
func (c *uninstallCommand) Run(w *environment) error { return c.do(w, kardianos.Service.Uninstall) }

// Run starts.
func (c *startCommand) Run(w *environment) error { return c.do(w, kardianos.Service.Start) }

// Run stops.
func (c *stopCommand) Run(w *environment) error { return c.do(w, kardianos.Service.Stop) }

// Run restarts.
func (c *restartCommand) Run(w *environment) error { return c.do(w, kardianos.Service.Restart) }

// Run prints the status. A service that does not run, or is not installed, is an error.
func (c *statusCommand) Run(w *environment) error {
	return c.do(w, func(s kardianos.Service) error {
		status, err := s.Status()
		if err != nil {
			return err
		}
		if status != kardianos.StatusRunning {
			return errors.New("it does not run")
		}
		fmt.Fprintln(w.stdout, "running")
		return nil
	})
}
