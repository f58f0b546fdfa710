package casbinindex_test

import (
	"errors"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/reevehq/reeve/authz/policy/casbinindex"
)

// The rows of an index are Casbin's; a character that nobody sees is named here too.
func TestASlipInTheRowsOfAnIndexIsSeen(t *testing.T) {
	const conf = "[request_definition]\nr = sub, obj\n[policy_definition]\np = sub, obj\n[policy_effect]\ne = some(where (p.eft == allow))\n[matchers]\nm = r.sub == p.sub && r.obj == p.obj\n"
	for rows, want := range map[string]string{
		"\ufeffp, alice, data": "rows.csv:1:1: it begins with a byte order mark: save it as UTF-8 without one",
		"p\u200b, alice, data": `rows.csv:1: the model does not define p\u200b`,
		"\u3164p, alice, data": `rows.csv:1: unknown section "\u3164p"`,
		"p2, alice, data":      "rows.csv:1: the model does not define p2",
	} {
		_, err := casbinindex.LoadFS(fstest.MapFS{"model.conf": {Data: []byte(conf)}, "rows.csv": {Data: []byte(rows)}}, "model.conf", "rows.csv", casbinindex.Config{})
		if !errors.Is(err, casbinindex.ErrInvalid) || !strings.HasSuffix(err.Error(), want) {
			t.Errorf("%q\ngot  %v\nwant %s", rows, err, want)
		}
	}
}
