package main

import (
	"net"
	"strings"
	"testing"

	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	authv3 "github.com/envoyproxy/go-control-plane/envoy/service/auth/v3"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"

	"github.com/reevehq/reeve/authz/forwardauth"
)

// checkRequest returns Envoy's question about a request.
func checkRequest(method, path string, headers map[string]string) *authv3.CheckRequest {
	return &authv3.CheckRequest{Attributes: &authv3.AttributeContext{
		Source: &authv3.AttributeContext_Peer{Address: &corev3.Address{Address: &corev3.Address_SocketAddress{SocketAddress: &corev3.SocketAddress{
			Address: "192.0.2.1", PortSpecifier: &corev3.SocketAddress_PortValue{PortValue: 4711},
		}}}},
		Request: &authv3.AttributeContext_Request{Http: &authv3.AttributeContext_HttpRequest{Method: method, Path: path, Host: "api.test", Headers: headers}},
	}}
}

// TestEnvoyIsAnsweredByItsPublishedMessages asks over a connection, as Envoy does.
func TestEnvoyIsAnsweredByItsPublishedMessages(t *testing.T) {
	id, store := newIdentityForTest(t)
	server, err := newServer(flags{proxy: "envoy"}, id)
	if err != nil {
		t.Fatal(err)
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	g := grpc.NewServer()
	register(g, server)
	go func() { _ = g.Serve(listener) }()
	t.Cleanup(g.Stop)
	conn, err := grpc.NewClient(listener.Addr().String(), grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	envoy := authv3.NewAuthorizationClient(conn)
	ask := func(q *authv3.CheckRequest) *authv3.CheckResponse {
		t.Helper()
		response, err := envoy.Check(t.Context(), q)
		if err != nil {
			t.Fatal(err)
		}
		if ok := codes.Code(response.GetStatus().GetCode()) == codes.OK; ok != (response.GetOkResponse() != nil) || ok == (response.GetDeniedResponse() != nil) {
			t.Fatalf("status and response differ: %v", response)
		}
		return response
	}
	bearer := map[string]string{"authorization": "Bearer " + id.token, ":path": "/notes/1", "x-reeve-user": "mallory", "x-reeve-actor": "mallory"}

	allowed := ask(checkRequest("GET", "/notes/1?x=1", bearer)).GetOkResponse()
	set := map[string]string{}
	for _, h := range allowed.GetHeaders() {
		if h.GetAppendAction() != corev3.HeaderValueOption_OVERWRITE_IF_EXISTS_OR_ADD {
			t.Errorf("%s is added beside the client's", h.GetHeader().GetKey())
		}
		set[h.GetHeader().GetKey()] = h.GetHeader().GetValue()
	}
	if set["x-reeve-user"] != "alice" || set["x-reeve-route"] != "/notes/:id" || set["x-reeve-tenant"] != "acme" {
		t.Errorf("the program is told %v", set)
	}
	for _, name := range allowed.GetHeadersToRemove() {
		set[strings.ToLower(name)] = ""
	}
	for _, name := range forwardauth.Headers() {
		if _, ok := set[strings.ToLower(name)]; !ok {
			t.Errorf("%s is neither set nor removed", name)
		}
	}

	for name, row := range map[string]struct {
		q    *authv3.CheckRequest
		want int32
	}{
		"nobody is signed in":       {checkRequest("GET", "/notes/1", nil), 401},
		"not an admin":              {checkRequest("GET", "/admin", bearer), 403},
		"an unresolved path":        {checkRequest("GET", "/nowhere", nil), 403},
		"an ambiguous path":         {checkRequest("GET", "/x/../notes/1", bearer), 403},
		"the absolute form":         {checkRequest("GET", "http://api.test/notes/1", bearer), 403},
		"no method":                 {checkRequest("", "/notes/1", bearer), 403},
		"a twin of our header":      {checkRequest("GET", "/notes/1", map[string]string{"x_reeve_user": "mallory"}), 403},
		"another method in effect":  {checkRequest("GET", "/notes/1", map[string]string{"x-http-method-override": "PUT"}), 403},
		"an upgrade to h2c":         {checkRequest("GET", "/", map[string]string{"upgrade": "h2c", "connection": "Upgrade, HTTP2-Settings"}), 403},
		"ours of the connection":    {checkRequest("GET", "/", map[string]string{"connection": "x-reeve-user"}), 403},
		"a name that CGI folds":     {checkRequest("GET", "/", map[string]string{"x.reeve.user": "mallory"}), 403},
		"another host beside":       {checkRequest("GET", "/", map[string]string{"host": "own.test"}), 403},
		"credentials joined":        {checkRequest("GET", "/notes/1", map[string]string{"authorization": "Bearer " + id.token + ",Bearer " + id.token}), 403},
		"a method in small letters": {checkRequest("get", "/", nil), 403},
		"a method that is none":     {checkRequest("GET /", "/", nil), 403},
		"a path that is a text":     {checkRequest("GET", "notes", nil), 403},
		"a NUL":                     {checkRequest("GET", "/\x00", nil), 403},
		"a fragment":                {checkRequest("GET", "/#/admin", nil), 403},
		"no path":                   {checkRequest("GET", "", nil), 403},
		"CONNECT":                   {checkRequest("CONNECT", "/", nil), 403},
		"TRACE":                     {checkRequest("TRACE", "/", nil), 403},
		"a preflight for the rest":  {checkRequest("OPTIONS", "/admin", map[string]string{"origin": "https://evil.test", "access-control-request-method": "GET"}), 403},
		"no request":                {&authv3.CheckRequest{}, 403},
		"no question":               {&authv3.CheckRequest{Attributes: &authv3.AttributeContext{Request: &authv3.AttributeContext_Request{}}}, 403},
	} {
		denied := ask(row.q).GetDeniedResponse()
		if denied == nil || int32(denied.GetStatus().GetCode()) != row.want {
			t.Errorf("%s: %v, want %d", name, denied, row.want)
		}
		challenged := false
		for _, h := range denied.GetHeaders() {
			challenged = challenged || h.GetHeader().GetKey() == "www-authenticate"
			if strings.HasPrefix(h.GetHeader().GetKey(), "x-reeve") {
				t.Errorf("%s: a refusal tells %s", name, h.GetHeader().GetKey())
			}
		}
		if challenged != (row.want == 401) {
			t.Errorf("%s: a challenge: %t", name, challenged)
		}
	}

	raw := checkRequest("GET", "/notes/1", nil)
	raw.Attributes.Request.Http.HeaderMap = &corev3.HeaderMap{Headers: []*corev3.HeaderValue{{Key: "authorization", RawValue: []byte("Bearer " + id.token)}}}
	if ask(raw).GetOkResponse() == nil {
		t.Error("raw headers are not read")
	}
	raw.Attributes.Request.Http.HeaderMap.Headers = append(raw.Attributes.Request.Http.HeaderMap.Headers, &corev3.HeaderValue{Key: "authorization", Value: "Bearer x"})
	if ask(raw).GetOkResponse() != nil {
		t.Error("two credentials are let through")
	}

	for name, change := range map[string]func(*authv3.AttributeContext_HttpRequest){
		"no host":              func(r *authv3.AttributeContext_HttpRequest) { r.Host = "" },
		"a host that is none":  func(r *authv3.AttributeContext_HttpRequest) { r.Host = "api.test/admin" },
		"headers in both maps": func(r *authv3.AttributeContext_HttpRequest) { r.Headers = bearer },
		"a header without a name": func(r *authv3.AttributeContext_HttpRequest) {
			r.HeaderMap.Headers = append(r.HeaderMap.Headers, nil, &corev3.HeaderValue{Value: "x"}, &corev3.HeaderValue{Key: "x_reeve_user", RawValue: []byte{0xff}})
		},
	} {
		q := checkRequest("GET", "/notes/1", nil)
		q.Attributes.Request.Http.HeaderMap = &corev3.HeaderMap{Headers: []*corev3.HeaderValue{{Key: "authorization", RawValue: []byte("Bearer " + id.token)}}}
		if ask(q).GetOkResponse() == nil {
			t.Fatalf("%s: the request as it is, is refused", name)
		}
		change(q.Attributes.Request.Http)
		if denied := ask(q).GetDeniedResponse(); int32(denied.GetStatus().GetCode()) != 403 {
			t.Errorf("%s: %v", name, denied)
		}
	}

	store.lost.Store(true)
	lost := ask(checkRequest("GET", "/notes/1", bearer))
	if got := int32(lost.GetDeniedResponse().GetStatus().GetCode()); got != 503 || codes.Code(lost.GetStatus().GetCode()) != codes.Unavailable {
		t.Errorf("an outage is %d", got)
	}
}
