package cachestore

var ErrStarted = errStarted
