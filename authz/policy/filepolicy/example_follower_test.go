package filepolicy_test

import (
	"context"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/reevehq/reeve/authz/policy"
	"github.com/reevehq/reeve/authz/policy/filepolicy"
	"github.com/reevehq/reeve/policies"
)

// A service loads its policy, follows the folder, and closes the follower when it ends.
func ExampleNewFollower() {
	if err := follow(); err != nil {
		fmt.Println(err)
	}
	// Output:
	// rules at the start: 1
	// rules after the edit: 2
}

func follow() error {
	dir, err := os.MkdirTemp("", "policies")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	model, err := fs.ReadFile(policies.Files(), policy.ModelFile)
	if err != nil {
		return err
	}
	const rule = "p, role:viewer, *, invoice, read, true, allow\n"
	if err := os.WriteFile(filepath.Join(dir, policy.ModelFile), model, 0o600); err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(dir, policy.PolicyFile), []byte(rule), 0o600); err != nil {
		return err
	}

	engine, err := policy.Load(os.DirFS(dir), policy.Options{})
	if err != nil {
		return err
	}
	reloaded := make(chan filepolicy.Stats, 1)
	follower, err := filepolicy.NewFollower(filepolicy.Config{
		Engine: engine, Folder: dir,
		OnReload: func(s filepolicy.Stats) { reloaded <- s },
	})
	if err != nil {
		return err
	}
	if err := follower.Start(context.Background()); err != nil {
		return err
	}
	defer follower.Close()
	fmt.Println("rules at the start:", engine.Stats().Rules)

	// An editor writes beside the file and renames.
	next := filepath.Join(dir, ".next")
	if err := os.WriteFile(next, []byte(rule+"p, role:editor, *, invoice, update, true, allow\n"), 0o600); err != nil {
		return err
	}
	if err := os.Rename(next, filepath.Join(dir, policy.PolicyFile)); err != nil {
		return err
	}
	if s := <-reloaded; s.Err != nil {
		return s.Err
	}
	fmt.Println("rules after the edit:", engine.Stats().Rules)
	return nil
}
