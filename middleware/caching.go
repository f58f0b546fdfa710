package middleware

import (
	"net/http"
	"slices"
	"strings"
)

// PrivateNoStore is the Cache-Control of answers to signed-in callers: no cache shares or
// keeps them, also not that of a browser, whose next user may be somebody else (RFC 9111
// §5.2.2.5 and §5.2.2.7).
const PrivateNoStore = "private, no-store"

// KeepPrivate completes the headers of an answer to a signed-in caller, just before they are
// written: where no Cache-Control is set, that is [PrivateNoStore]. One that a handler has
// set stays as it is, and replaces PrivateNoStore where both are there. A handler
// that wants none at all sets h["Cache-Control"] to nil.
func KeepPrivate(h http.Header) {
	values, set := h["Cache-Control"]
	switch {
	case !set:
		h["Cache-Control"] = []string{PrivateNoStore}
	case len(values) > 1 && values[0] == PrivateNoStore:
		h["Cache-Control"] = slices.Clone(values[1:])
	}
}

// VaryByCookie completes the headers of an answer that may depend on a cookie, of every
// answer of a service that reads one: caches are told so by Vary (RFC 9110 §12.5.5). Cookie
// is named once, and not beside "*", which says more.
func VaryByCookie(h http.Header) {
	named := 0
	for _, line := range h["Vary"] {
		for name := range strings.SplitSeq(line, ",") {
			switch name = strings.Trim(name, " \t"); {
			case name == "*":
				named += 2 // it counts as named, and ours is one too many
			case strings.EqualFold(name, "Cookie"):
				named++
			}
		}
	}
	switch ours := slices.Index(h["Vary"], "Cookie"); {
	case named == 0:
		h.Add("Vary", "Cookie")
	case named > 1 && ours >= 0:
		h["Vary"] = slices.Delete(slices.Clone(h["Vary"]), ours, ours+1)
	}
}
