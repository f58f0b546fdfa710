//go:build race

package cachestore_test

// raceDetector says that small values take more memory, and everything more time, than in a
// service.
const raceDetector = true
