package tenanttest

import (
	"archive/zip"
	"bytes"
	"compress/flate"
	"compress/gzip"
	"compress/zlib"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
)

// A secret is found in whatever form an encoder gave it.
func TestASecretIsFoundInEachForm(t *testing.T) {
	secret := `a "globe" <of> é & more`
	for name, text := range map[string]string{
		"plain": secret, "JSON": `{"x":"a \"globe\" \u003cof\u003e é \u0026 more"}`, "HTML": "<p>a &#34;globe&#34; &lt;of&gt; é &amp; more</p>",
		"URL":      "next=a+%22globe%22+%3Cof%3E+%C3%A9+%26+more",
		"base64":   base64.StdEncoding.EncodeToString([]byte(secret)),
		"cursor 1": base64.StdEncoding.EncodeToString([]byte("1" + secret + "2")),
		"cursor 2": base64.StdEncoding.EncodeToString([]byte("12" + secret)),
		"a token":  base64.RawURLEncoding.EncodeToString([]byte("1" + secret)),
		"digits":   hex.EncodeToString([]byte(secret)), "DIGITS": fmt.Sprintf("%X", secret),
	} {
		found := false
		for _, form := range forms(secret) {
			found = found || strings.Contains(text, form)
		}
		if !found {
			t.Errorf("%s: %q", name, text)
		}
	}
}

// A client unpacks what it is sent: by a coding of HTTP, and an export that is a file of gzip or zip.
func TestASecretIsFoundInWhatIsPacked(t *testing.T) {
	const secret = "a globe of globex, a globe of globex"
	pack := func(open func(io.Writer) io.WriteCloser, plain string) string {
		var b bytes.Buffer
		w := open(&b)
		if _, err := io.WriteString(w, plain); err != nil {
			t.Fatal(err)
		}
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
		return b.String()
	}
	gzipped := func(plain string) string {
		return pack(func(w io.Writer) io.WriteCloser { return gzip.NewWriter(w) }, plain)
	}
	zlibbed := pack(func(w io.Writer) io.WriteCloser { return zlib.NewWriter(w) }, secret)
	deflated := pack(func(w io.Writer) io.WriteCloser { f, _ := flate.NewWriter(w, 9); return f }, secret)
	zipped := func(name, plain string) string {
		var b bytes.Buffer
		w := zip.NewWriter(&b)
		f, err := w.Create(name)
		if err == nil {
			_, err = io.WriteString(f, plain)
		}
		if err == nil {
			err = w.Close()
		}
		if err != nil {
			t.Fatal(err)
		}
		return b.String()
	}
	for name, a := range map[string]struct{ coding, body string }{
		"gzip": {"gzip", gzipped(secret)}, "GZIP": {" GZIP ", gzipped(secret)}, "deflate": {"deflate", zlibbed}, "bare deflate": {"deflate", deflated},
		"a file of gzip": {"", gzipped(secret)}, "a file of zip": {"", zipped("export.csv", secret)}, "the name of a file": {"", zipped(secret, "x")},
		"a file of zip in gzip": {"gzip", gzipped(zipped("export.csv", secret))}, "one that is cut": {"gzip", strings.TrimSuffix(gzipped(secret), gzipped(secret)[len(gzipped(secret))-8:])},
	} {
		h := http.Header{}
		if a.coding != "" {
			h.Set("Content-Encoding", a.coding)
		}
		if !strings.Contains(answer{header: h, body: []byte(a.body)}.text(), "globe of globex") {
			t.Errorf("%s: %q", name, a.body)
		}
	}
	for _, body := range []string{"", "PK", "\x1f\x8b", "PK\x03\x04 nothing", "plain"} {
		if got := unpacked("gzip", []byte(body)); len(got) > 0 {
			t.Errorf("%q is %q", body, got)
		}
	}
}

// A field that is ignored is ignored at any depth, and values that were sent are no difference.
func TestTwoAnswersAreComparedWithoutWhatWasSent(t *testing.T) {
	a := answer{status: 404, header: http.Header{"Date": {"x"}, "Etag": {`"1"`}}, body: []byte(`{"at":1,"list":[{"at":2,"detail":"no item-1 here"}]}`)}
	b := answer{status: 404, header: http.Header{"Date": {"y"}, "Etag": {`"1"`}}, body: []byte(`{"at":3,"list":[{"at":4,"detail":"no item-2 here"}]}`)}
	if x, y := a.normal([]string{"at"}, "item-1", "item-2"), b.normal([]string{"at"}, "item-1", "item-2"); x != y {
		t.Errorf("%q\n%q", x, y)
	}
	if a.normal(nil) == b.normal(nil) {
		t.Error("nothing is a difference")
	}
}
