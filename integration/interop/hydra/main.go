// Command hydra is Ory Hydra, unmodified, at the version that go.mod pins. It is a module of its
// own, so that nothing else has its dependencies, and is built with -tags sqlite,json1.
package main

import "github.com/ory/hydra/v2/cmd"

func main() { cmd.Execute() }
