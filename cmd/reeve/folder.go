package main

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/reevehq/reeve/authz/policy"
)

// maxFile is the largest file that is read. A policy of a million rules is smaller.
const maxFile = 64 << 20

// folderOf returns the folder of a policy: what was given, or policies, or the current one.
func folderOf(given string) (string, error) {
	if given == "" {
		given = "policies"
		if _, err := os.Stat(filepath.Join(given, policy.ModelFile)); err != nil {
			if _, err := os.Stat(policy.ModelFile); err == nil {
				given = "."
			}
		}
	}
	info, err := os.Stat(given)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return "", &exitError{codeLoad, fmt.Errorf("%s:1:1: no such folder: name the folder that holds %s and %s", given, policy.ModelFile, policy.PolicyFile)}
	case err != nil:
		return "", &exitError{codeLoad, err}
	case !info.IsDir() && strings.HasSuffix(given, ".csv"):
		return folderOf(filepath.Dir(given)) // policies/policy.csv
	case !info.IsDir():
		return "", &exitError{codeLoad, fmt.Errorf("%s:1:1: a policy is a folder that holds %s and %s", given, policy.ModelFile, policy.PolicyFile)}
	}
	for _, name := range []string{policy.ModelFile, policy.PolicyFile} {
		info, err := os.Stat(filepath.Join(given, name))
		if err == nil && info.IsDir() {
			return "", &exitError{codeLoad, fmt.Errorf("%s:1:1: a folder: a file is needed", filepath.Join(given, name))}
		}
		if err != nil {
			return "", &exitError{codeLoad, fmt.Errorf("%s:1:1: no such file: a policy is a folder that holds %s and %s", filepath.Join(given, name), policy.ModelFile, policy.PolicyFile)}
		}
	}
	return given, checkSizes(given)
}

// checkSizes refuses what is too large to be a policy before it is read.
func checkSizes(dir string) error {
	var bad []error
	check := func(path string) {
		if info, err := os.Stat(path); err == nil && !info.IsDir() && info.Size() > maxFile {
			bad = append(bad, tooLarge(path))
		}
	}
	for _, in := range []string{dir, filepath.Join(dir, policy.TenantsFolder)} {
		entries, err := os.ReadDir(in)
		if err != nil {
			continue
		}
		for _, e := range entries {
			if ext := filepath.Ext(e.Name()); ext == ".csv" || ext == ".conf" {
				check(filepath.Join(in, e.Name()))
			}
		}
	}
	if len(bad) > 0 {
		return &exitError{codeLoad, errors.Join(bad...)}
	}
	return nil
}

func tooLarge(path string) error {
	return fmt.Errorf("%s:1:1: the file has more than %d bytes, the most that is read", path, maxFile)
}

// readFile reads a file of a size that a policy may have. A pipe or a device says no size, and is
// read up to it.
func readFile(path string) (string, error) {
	info, err := os.Stat(path)
	if err == nil && info.Size() > maxFile {
		return "", &exitError{codeLoad, tooLarge(path)}
	}
	var data []byte
	if err == nil {
		data, err = readLimited(path)
	}
	switch {
	case errors.Is(err, fs.ErrNotExist):
		err = fmt.Errorf("%s:1:1: no such file", path)
	case info != nil && info.IsDir():
		err = fmt.Errorf("%s:1:1: a folder: a file is needed", path)
	case err != nil:
		err = fmt.Errorf("%s:1:1: cannot be read: %w", path, errors.Unwrap(err))
	case len(data) > maxFile:
		err = tooLarge(path)
	}
	if err != nil {
		return "", &exitError{codeLoad, err}
	}
	return string(data), nil
}

// readLimited reads at most a byte more than a file may have.
func readLimited(path string) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return io.ReadAll(io.LimitReader(f, maxFile+1))
}

// load loads the policy in a folder. Its errors have positions that begin with the folder.
func load(dir string) (*policy.Engine, string, error) {
	dir, err := folderOf(dir)
	if err != nil {
		return nil, dir, err
	}
	engine, err := policy.Load(os.DirFS(dir), policy.Options{Clock: time.Now})
	if err != nil {
		return nil, dir, &exitError{codeLoad, inFolder(dir, err)}
	}
	return engine, dir, nil
}

// inFolder puts the folder before the position of each error.
func inFolder(dir string, err error) error {
	var lines []error
	for line := range strings.Lines(err.Error()) {
		lines = append(lines, errors.New(inDir(dir, strings.TrimSuffix(line, "\n"))))
	}
	return errors.Join(lines...)
}

func inDir(dir, file string) string {
	if dir == "." {
		return file
	}
	return filepath.ToSlash(filepath.Clean(dir)) + "/" + file
}
