// Package persistence measures what each setting of Redis's persistence loses: when the process is
// killed, and when the power goes, after which the files are as they were at the last fsync.
package persistence
