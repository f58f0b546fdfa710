//go:build unix

package integration_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/reevehq/reeve/integration/redisserver"
)

// The command works on what sentinels name, on a cluster, and over TLS with a user of its own, by
// the environment alone.
func TestReeveOperatesSentinelClusterAndTLS(t *testing.T) {
	t.Parallel()
	const secret = "p/a#s?s%w@rd"
	for name, start := range map[string]func(t *testing.T, dir string) []string{
		"sentinel": func(t *testing.T, dir string) []string {
			s := redisserver.StartSentinel(t)
			for _, server := range []*redisserver.Server{s.Primary, s.Replica} {
				setUser(t, server, secret)
			}
			return []string{"REDIS_URL=redis+sentinel://operator@127.0.0.1:1," + s.Addr() + "/" + redisserver.SentinelMaster + "/0", "REDIS_PASSWORD=" + secret}
		},
		"cluster": func(t *testing.T, dir string) []string {
			return []string{"REDIS_URL=redis+cluster://" + strings.Join(redisserver.StartCluster(t), ",")}
		},
		"TLS": func(t *testing.T, dir string) []string {
			writeTLS(t, dir)
			port := freeTLSPort(t)
			server := redisserver.Start(t, "--tls-port", port, "--tls-ca-cert-file", filepath.Join(dir, "ca.pem"), "--tls-cert-file", filepath.Join(dir, "server.pem"),
				"--tls-key-file", filepath.Join(dir, "server-key.pem"), "--tls-auth-clients", "yes")
			setUser(t, server, secret)
			return []string{"REDIS_URL=rediss://operator:p%2Fa%23s%3Fs%25w%40rd@127.0.0.1:" + port + "/0", "REDIS_TLS_CA_FILE=ca.pem", "REDIS_TLS_CERT_FILE=client.pem", "REDIS_TLS_KEY_FILE=client-key.pem"}
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir := policyFolder(t, fileSystemOf(t))
			settings := start(t, dir)
			_, key, err := ed25519.GenerateKey(rand.Reader)
			if err != nil {
				t.Fatal(err)
			}
			writeKey(t, filepath.Join(dir, "publish.pem"), key)
			settings = append(settings, "POLICY_NAME=billing", "PUBLISH_KEY_FILE=publish.pem", "NAME_KEY=bmFtZS1rZXktbmFtZS1rZXktbmFtZS1rZXktMTIzNDU2", "SEAL_KEY=c2VhbC1rZXktc2VhbC1rZXktc2VhbC1rZXktMTIzNDU2")
			if err := os.WriteFile(filepath.Join(dir, "operator.env"), []byte(strings.Join(settings, "\n")+"\n"), 0o600); err != nil {
				t.Fatal(err)
			}
			for _, c := range []struct{ line, want, code string }{
				{"publish policies", "", "0"},
				{"history", "in force", "0"},
				{"instances billing", "", "1"},
				{"tenants suspend acme --unknown", "acme is suspended, it was unknown", "0"},
				{"tenants status acme", "acme suspended", "1"},
				{"tenants resume acme", "acme is active, it was suspended", "0"},
				{"sessions list acme alice", "no sessions", "1"},
				{"sessions revoke acme alice --all --operator carol", "", "0"},
			} {
				out := runIn(t, dir, "reeve "+c.line+" --env operator.env; echo exit $?")
				if !strings.HasSuffix(out, "exit "+c.code+"\n") || !strings.Contains(out, c.want) || strings.Contains(out, secret) {
					t.Errorf("%s:\n%s", c.line, out)
				}
			}
		})
	}
}

// A server that nobody signed for is not believed, and the error says so without a password.
func TestReeveBelievesNoServerThatItsAuthorityDidNotSign(t *testing.T) {
	t.Parallel()
	dir, untrusted := t.TempDir(), t.TempDir()
	writeTLS(t, dir)
	writeTLS(t, untrusted)
	port := freeTLSPort(t)
	redisserver.Start(t, "--tls-port", port, "--tls-ca-cert-file", filepath.Join(dir, "ca.pem"), "--tls-cert-file", filepath.Join(dir, "server.pem"), "--tls-key-file", filepath.Join(dir, "server-key.pem"), "--tls-auth-clients", "no")
	for name, settings := range map[string]string{
		"another authority": "REDIS_TLS_CA_FILE=" + filepath.Join(untrusted, "ca.pem"),
		"the system's":      "",
		"another name":      "REDIS_TLS_CA_FILE=ca.pem REDIS_TLS_SERVER_NAME=redis.example.com",
	} {
		out := runIn(t, dir, settings+" REDIS_URL=rediss://operator:hidden@127.0.0.1:"+port+" reeve instances billing; echo exit $?")
		if !strings.HasSuffix(out, "exit 3\n") || !strings.Contains(out, "certificate") || strings.Contains(out, "hidden") {
			t.Errorf("%s:\n%s", name, out)
		}
	}
	if out := runIn(t, dir, "REDIS_TLS_CA_FILE=ca.pem REDIS_URL=rediss://127.0.0.1:"+port+" reeve instances billing; echo exit $?"); !strings.HasSuffix(out, "exit 1\n") {
		t.Errorf("its own:\n%s", out)
	}
}

func fileSystemOf(t *testing.T) fstest.MapFS {
	t.Helper()
	files := policyFiles("")
	for _, name := range []string{"policy.csv", "policy_test.csv"} {
		data, err := os.ReadFile(filepath.Join("../policies", name))
		if err != nil {
			t.Fatal(err)
		}
		files[name] = &fstest.MapFile{Data: data}
	}
	return files
}

// setUser makes the user operator of a server.
func setUser(t *testing.T, server *redisserver.Server, password string) {
	t.Helper()
	client := server.Client()
	defer client.Close()
	if err := client.Do(context.Background(), "acl", "setuser", "operator", "on", ">"+password, "~*", "&*", "+@all").Err(); err != nil {
		t.Fatal(err)
	}
}

func freeTLSPort(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	_, port, _ := net.SplitHostPort(l.Addr().String())
	return port
}

// writeTLS writes an authority, and a server and a client that it signs for.
func writeTLS(t *testing.T, dir string) {
	t.Helper()
	authority := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "authority"}, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour), IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign}
	sign := func(name string, of, by *x509.Certificate, signer *ecdsa.PrivateKey) *ecdsa.PrivateKey {
		key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
		if err != nil {
			t.Fatal(err)
		}
		if signer == nil {
			signer = key
		}
		der, err := x509.CreateCertificate(rand.Reader, of, by, &key.PublicKey, signer)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, name+".pem"), pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), 0o600); err != nil {
			t.Fatal(err)
		}
		writeKey(t, filepath.Join(dir, name+"-key.pem"), key)
		return key
	}
	signer := sign("ca", authority, authority, nil)
	for i, name := range []string{"server", "client"} {
		sign(name, &x509.Certificate{SerialNumber: big.NewInt(int64(i + 2)), Subject: pkix.Name{CommonName: name}, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
			IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth}}, authority, signer)
	}
}

func writeKey(t *testing.T, path string, key any) {
	t.Helper()
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err == nil {
		err = os.WriteFile(path, pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}), 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
}
