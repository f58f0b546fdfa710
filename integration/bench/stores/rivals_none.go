//go:build !rivals

package main

// rivals are none: gorilla's stores are compiled with the tag rivals alone.
func rivals() []store { return nil }
