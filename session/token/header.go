package token

// header is what is read of a JOSE header.
type header struct {
	algorithm Algorithm // canonical
	keyID     string
	typ       string // in lower case, "" when there is none
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

// readHeader reads a JOSE header strictly. Members that it does not know are ignored, as
// RFC 7515 §4 demands, but for those of refusedMember. What is ignored is checked to be
// strict JSON all the same. A typ is not demanded here: which are accepted depends on the
// kind of token and its issuer. With jku the member of that name is noted and left to the
// issuer's entry.
func readHeader(data []byte, jku bool) (header, error) {
	h, err := parseHeader(data, jku)
	switch {
	case err != nil:
		return header{}, refusal("header: " + err.Error())
	case !h.algorithm.known():
		return header{}, refusal("header: alg is not accepted")
	case !printable(h.keyID, maxKeyID):
		return header{}, refusal("header: kid is missing or not 1 to 128 printable bytes")
	}
	return h, nil
}

func parseHeader(data []byte, jku bool) (h header, err error) {
	err = readObject(data, func(r reader, name string) error {
		switch name {
		case "alg":
			s, err := r.string()
			h.algorithm = Algorithm(s).canonical()
			return err
		case "kid":
			s, err := r.string()
			h.keyID = s
			return err
		case "typ":
			s, err := r.string()
			h.typ = asciiLower(s)
			if err == nil && s == "" {
				return malformed("typ is missing: it is empty")
			}
			return err
		}
		if name == "jku" && jku {
			h.jku = true
			return r.skip()
		}
		if refusedMember(name) {
			return malformed("member " + name + " is not accepted")
		}
		return r.skip()
	})
	return h, err
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
