package session

import (
	"net"
	"net/http"
	"net/netip"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/reevehq/reeve/internal/invisible"
)

// DeviceFrom returns what a request says of the device it comes from, as a sign-in may store
// it: [SignIn] accepts the UserAgent and the Address whatever the client sent. The other fields
// are zero.
//
//	device := session.DeviceFrom(r)
//	s, refresh, err := manager.Create(ctx, session.SignIn{Tenant: t, User: u, UserAgent: device.UserAgent, Address: device.Address})
//
// The user agent is cut to [MaxUserAgentLength] bytes. Text that is not UTF-8 is read as
// Latin-1, as RFC 9110 §5.5 has it for old clients; white space becomes a space, and other
// characters that show nothing are left out.
//
// The address is that of the connection. Forwarded headers are what the client says, and are
// never read: behind a proxy, set Address to what the service's own extractor finds.
func DeviceFrom(r *http.Request) Device {
	if r == nil {
		return Device{}
	}
	return Device{UserAgent: cleanLine(r.UserAgent(), MaxUserAgentLength), Address: address(r.RemoteAddr)}
}

// address returns the IP address of host:port, and the text itself, cleaned, for a connection
// that has none, such as a Unix socket.
func address(remote string) string {
	host, _, err := net.SplitHostPort(remote)
	if err != nil {
		host = remote
	}
	if ip, err := netip.ParseAddr(host); err == nil {
		host = ip.Unmap().String()
	}
	return cleanLine(host, MaxAddressLength)
}

// cleanLine returns s as checkLine accepts it.
func cleanLine(s string, limit int) string {
	if !utf8.ValidString(s) {
		s = fromLatin1(s)
	}
	var line strings.Builder
	for _, r := range s {
		switch {
		case unicode.IsSpace(r):
			r = ' '
		case invisible.Is(r):
			continue
		}
		if line.Len()+utf8.RuneLen(r) > limit {
			break
		}
		line.WriteRune(r)
	}
	return strings.TrimSpace(line.String())
}

// fromLatin1 reads each byte as the character of that number.
func fromLatin1(s string) string {
	runes := make([]rune, len(s))
	for i := range len(s) {
		runes[i] = rune(s[i])
	}
	return string(runes)
}
