package token

// header has the members of a JOSE header that are read.
type header struct {
	algorithm Algorithm // canonical
	keyID     string
	typ       string // in lower case, "" when there is none; it may be a part of the header's text
	jku       bool   // there is one, which was skipped
}

// refusedMember reports whether a header with the member is refused, whatever its value is.
// jwk, jku, x5u and x5c carry a key or name where to fetch one; crit and b64 change what is
// signed; zip, enc and cty belong to encrypted, compressed or nested tokens.
func refusedMember(name string) bool {
	switch name {
	case "jwk", "jku", "x5u", "x5c", "crit", "b64", "zip", "enc", "cty":
		return true
	}
	return false
}

// readHeader reads a JOSE header strictly. Members that it does not know are ignored, as RFC 7515
// §4 demands, but for those of refusedMember. Ignored members are checked to be strict JSON all the
// same. A typ is not demanded here: which are accepted depends on the kind of token and its issuer.
// With jku the member of that name is noted and left to the issuer's entry.
func readHeader(text string, jku bool) (header, error) {
	h, err := parseHeader(text, jku)
	if err != nil {
		return header{}, refusal("header: " + err.Error())
	}
	s := h.algorithm.scheme()
	switch {
	case s == nil:
		return header{}, refusal("header: alg is not accepted")
	case !printable(h.keyID, maxKeyID):
		return header{}, refusal("header: kid is missing or not 1 to 128 printable bytes")
	}
	h.algorithm = s.name
	return h, nil
}

func parseHeader(text string, jku bool) (h header, err error) {
	r := readerOf(text)
	for r.open('{'); r.next(); {
		switch {
		case r.name == "alg":
			h.algorithm = Algorithm(r.view()).canonical()
		case r.name == "kid":
			h.keyID = r.string() // which a source of keys may keep
		case r.name == "typ":
			if h.typ = asciiLower(r.view()); h.typ == "" {
				r.fail(malformed("typ is missing: it is empty"))
			}
		case r.name == "jku" && jku:
			h.jku = true
			r.skip()
		case refusedMember(r.name):
			r.fail(malformed("member " + r.name + " is not accepted"))
		default:
			r.skip()
		}
	}
	return h, r.end()
}

// asciiLower folds A to Z and nothing else: Unicode folding would take the Kelvin sign
// for a k.
func asciiLower(s string) string {
	for i := range len(s) {
		if 'A' <= s[i] && s[i] <= 'Z' {
			b := []byte(s)
			for ; i < len(b); i++ {
				if 'A' <= b[i] && b[i] <= 'Z' {
					b[i] += 'a' - 'A'
				}
			}
			return string(b)
		}
	}
	return s
}

// printable reports whether s is 1 to limit bytes of printable ASCII, the space included.
func printable(s string, limit int) bool {
	if s == "" || len(s) > limit {
		return false
	}
	for i := range len(s) {
		if s[i] < ' ' || s[i] > '~' {
			return false
		}
	}
	return true
}
