package main

import (
	"context"
	"net"
	"net/http"
	"strconv"
	"strings"

	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	authv3 "github.com/envoyproxy/go-control-plane/envoy/service/auth/v3"
	typev3 "github.com/envoyproxy/go-control-plane/envoy/type/v3"
	"google.golang.org/genproto/googleapis/rpc/status"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"

	"github.com/reevehq/reeve/authz/forwardauth"
)

// extAuthz is Envoy's authorization service, envoy.service.auth.v3.Authorization.
type extAuthz struct {
	authv3.UnimplementedAuthorizationServer
	server *forwardauth.Server
}

func register(g *grpc.Server, server *forwardauth.Server) {
	authv3.RegisterAuthorizationServer(g, &extAuthz{server: server})
}

// Check answers Envoy. A question without a request is refused.
func (a *extAuthz) Check(ctx context.Context, request *authv3.CheckRequest) (*authv3.CheckResponse, error) {
	answer := a.server.Decide(ctx, original(request.GetAttributes()))
	if !answer.Allowed() {
		return denied(answer), nil
	}
	ok := &authv3.OkHttpResponse{}
	for name, values := range answer.Header {
		switch {
		case name == "Dpop-Nonce":
			ok.ResponseHeadersToAdd = append(ok.ResponseHeadersToAdd, header(name, values[0]))
		case values[0] == "":
			ok.HeadersToRemove = append(ok.HeadersToRemove, name) // Envoy drops a header that is set to nothing
		default:
			ok.Headers = append(ok.Headers, header(name, values[0]))
		}
	}
	return &authv3.CheckResponse{
		Status:       &status.Status{Code: int32(codes.OK)},
		HttpResponse: &authv3.CheckResponse_OkResponse{OkResponse: ok},
	}, nil
}

// original is the request that Envoy asks about.
func original(of *authv3.AttributeContext) forwardauth.Request {
	r := of.GetRequest().GetHttp()
	o := forwardauth.Request{Method: r.GetMethod(), Target: r.GetPath(), Host: r.GetHost(), Header: http.Header{}}
	add := func(name, value string) {
		if name != "" && !strings.HasPrefix(name, ":") { // of HTTP/2, and told by the fields above
			name = http.CanonicalHeaderKey(name)
			o.Header[name] = append(o.Header[name], value)
		}
	}
	for name, value := range r.GetHeaders() {
		add(name, value)
	}
	for _, h := range r.GetHeaderMap().GetHeaders() { // with encode_raw_headers
		if value := h.GetRawValue(); len(value) > 0 {
			add(h.GetKey(), string(value))
			continue
		}
		add(h.GetKey(), h.GetValue())
	}
	if peer := of.GetSource().GetAddress().GetSocketAddress(); peer != nil {
		o.RemoteAddr = net.JoinHostPort(peer.GetAddress(), strconv.FormatUint(uint64(peer.GetPortValue()), 10))
	}
	return o
}

// denied is the answer to the client.
func denied(answer forwardauth.Answer) *authv3.CheckResponse {
	code := map[int]codes.Code{
		http.StatusUnauthorized: codes.Unauthenticated, http.StatusServiceUnavailable: codes.Unavailable,
	}[answer.Status]
	if code == codes.OK {
		code = codes.PermissionDenied
	}
	response := &authv3.DeniedHttpResponse{
		Status: &typev3.HttpStatus{Code: typev3.StatusCode(answer.Status)},
		Body:   string(answer.Body),
	}
	for name, values := range answer.Header {
		for i, value := range values {
			h := header(name, value)
			if i > 0 { // a second challenge
				h.AppendAction = corev3.HeaderValueOption_APPEND_IF_EXISTS_OR_ADD
			}
			response.Headers = append(response.Headers, h)
		}
	}
	return &authv3.CheckResponse{
		Status:       &status.Status{Code: int32(code)},
		HttpResponse: &authv3.CheckResponse_DeniedResponse{DeniedResponse: response},
	}
}

// header replaces what the client, or the program, has under the name.
func header(name, value string) *corev3.HeaderValueOption {
	return &corev3.HeaderValueOption{
		Header:       &corev3.HeaderValue{Key: strings.ToLower(name), Value: value},
		AppendAction: corev3.HeaderValueOption_OVERWRITE_IF_EXISTS_OR_ADD,
	}
}
