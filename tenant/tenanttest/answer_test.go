package tenanttest

import (
	"encoding/base64"
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

// What is ignored is ignored at any depth, and values that were sent are no difference.
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
