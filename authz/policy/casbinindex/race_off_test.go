//go:build !race

package casbinindex_test

const racing = false
