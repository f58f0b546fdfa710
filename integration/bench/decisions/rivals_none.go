//go:build !rivals

package main

// rivals are none: Cedar and OPA are compiled with the tag rivals alone.
func rivals() []engine { return nil }
