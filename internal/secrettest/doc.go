// Package secrettest holds the rule of the house about keys as a test: no exported type of any
// package shows one, in whatever printer and at whatever depth.
package secrettest
