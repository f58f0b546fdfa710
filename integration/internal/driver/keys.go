package main

import "github.com/reevehq/reeve/session"

func nameKey(key []byte) session.SecretKey    { return session.NewSecretKey(key) }
func sealKeys(key []byte) []session.SecretKey { return []session.SecretKey{session.NewSecretKey(key)} }

func setKey(o *session.Config, key []byte) { o.Key = session.NewSecretKey(key) }
