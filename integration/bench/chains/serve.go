//go:build unix

package main

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"flag"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"runtime/pprof"
	"sync"
	"time"

	"github.com/reevehq/reeve/session"
	"github.com/reevehq/reeve/session/token"
)

// serveMain serves a chain until standard input ends, and says at which address.
func serveMain(args []string) error {
	flags := flag.NewFlagSet("serve", flag.ExitOnError)
	name := flags.String("chain", "", "which")
	url := flags.String("redis", "", "of the Redis for sessions")
	tenants := flags.Int("tenants", 10, "how many")
	profile := flags.String("profile", "", "file for a processor profile of all that is served")
	requests := flags.String("requests", "", "file to write what is to be asked to")
	_ = flags.Parse(args)
	b, err := build(context.Background(), *name, *url, population{*tenants})
	if err != nil {
		return err
	}
	defer b.Close()
	text, err := encodeRequests(b.requests)
	if err != nil {
		return err
	}
	if err := os.WriteFile(*requests, text, 0o600); err != nil {
		return err
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	if *profile != "" {
		f, err := os.Create(*profile)
		if err != nil {
			return err
		}
		defer f.Close()
		if err := pprof.StartCPUProfile(f); err != nil {
			return err
		}
		defer pprof.StopCPUProfile()
	}
	server := &http.Server{Handler: b.handler, ReadHeaderTimeout: 10 * time.Second}
	go func() {
		_, _ = io.Copy(io.Discard, os.Stdin)
		_ = server.Close()
	}()
	fmt.Println(l.Addr())
	if err := server.Serve(l); err != http.ErrServerClosed {
		return err
	}
	return nil
}

// signingKey is the key of all tokens of this process.
var signingKey = sync.OnceValues(func() (*ecdsa.PrivateKey, error) { return ecdsa.GenerateKey(elliptic.P256(), rand.Reader) })

func publicKey() *ecdsa.PublicKey {
	key, err := signingKey()
	if err != nil {
		return nil // newSigner has said why
	}
	return &key.PublicKey
}

func newSigner() (*token.Signer, error) {
	key, err := signingKey()
	if err != nil {
		return nil, err
	}
	return token.NewSigner(token.SignerConfig{
		Issuer: "https://issuer.test", Audience: "api", KeyID: "k1", Algorithm: token.ES256, Key: session.NewPrivateKey(key), Lifetime: 12 * time.Hour,
	})
}
