package middleware_test

import (
	"fmt"
	"net/http/httptest"
	"net/netip"

	"github.com/reevehq/reeve/middleware"
)

// The load balancers of one subnet are believed, and nobody else.
func ExampleNewProxies() {
	proxies, err := middleware.NewProxies("X-Forwarded-For", netip.MustParsePrefix("10.1.2.0/28"))
	if err != nil {
		panic(err)
	}
	for _, from := range []string{"10.1.2.3:4711", "10.9.9.9:4711"} {
		r := httptest.NewRequest("GET", "/", nil)
		r.RemoteAddr = from
		r.Header.Set("X-Forwarded-For", "198.51.100.7, 192.0.2.1")
		fmt.Println(from, "speaks for", proxies.ClientIP(r))
	}
	// Output:
	// 10.1.2.3:4711 speaks for 192.0.2.1
	// 10.9.9.9:4711 speaks for 10.9.9.9
}
