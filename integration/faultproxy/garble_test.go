package faultproxy

import (
	"strings"
	"testing"
)

func TestARepliesEndIsFound(t *testing.T) {
	for _, text := range []string{
		"+OK\r\n", ":1\r\n", "$3\r\nabc\r\n", "$-1\r\n", "$0\r\n\r\n", "*-1\r\n", "_\r\n", "#t\r\n", ",1.5\r\n",
		"*0\r\n", "*2\r\n$2\r\nok\r\n*1\r\n:1\r\n", "%1\r\n+a\r\n*1\r\n$2\r\n\r\n\r\n", ">2\r\n+a\r\n+b\r\n", "|1\r\n+a\r\n+b\r\n:1\r\n", "-ERR no\r\n",
	} {
		for _, more := range []string{"", "+next\r\n", "$5"} {
			size, _, whole := reply([]byte(text + more))
			if size != len(text) || !whole {
				t.Errorf("%q: got %d, %v", text+more, size, whole)
			}
		}
		for cut := range text {
			if _, _, whole := reply([]byte(text[:cut])); whole {
				t.Errorf("%q is taken for a whole reply", text[:cut])
			}
		}
	}
	_, one, _ := reply([]byte("*2\r\n$2\r\nok\r\n:1\r\n"))
	_, two, _ := reply([]byte("*2\r\n$4\r\ngone\r\n:300\r\n"))
	_, three, _ := reply([]byte("*1\r\n$2\r\nok\r\n"))
	if one != two || one == three || !strings.HasPrefix(one, "*2") {
		t.Errorf("shapes %q, %q and %q", one, two, three)
	}
}
