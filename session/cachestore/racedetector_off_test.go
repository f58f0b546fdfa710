//go:build !race

package cachestore_test

const raceDetector = false
