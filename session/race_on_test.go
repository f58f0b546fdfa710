//go:build race

package session_test

// raceDetector says that small values take more memory than they do in a service.
const raceDetector = true
