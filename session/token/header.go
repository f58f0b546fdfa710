package token

// header is what the JOSE header may say. Each member is required.
type header struct {
	algorithm Algorithm
	keyID     string
	typ       string // in lower case
}

// readHeader reads a JOSE header strictly. RFC 7515 §4 lets a reader ignore members it
// does not know; this one refuses them. A member that carries a key or names where to
// fetch one (jwk, jku, x5u, x5c) is an attack or a mistake, crit and b64 change what is
// signed, zip and enc belong to another kind of token, and no issuer needs any of them.
func readHeader(data []byte) (header, error) {
	h, err := parseHeader(data)
	switch {
	case err != nil:
		return header{}, refusal("header: " + err.Error())
	case !h.algorithm.known():
		return header{}, refusal("header: alg is not accepted")
	case !printable(h.keyID, maxKeyID):
		return header{}, refusal("header: kid is missing or not 1 to 128 printable bytes")
	case h.typ == "":
		return header{}, refusal("header: typ is missing")
	}
	return h, nil
}

func parseHeader(data []byte) (h header, err error) {
	err = readObject(data, func(r reader, name string) error {
		switch name {
		case "alg":
			s, err := r.string()
			h.algorithm = Algorithm(s)
			return err
		case "kid":
			s, err := r.string()
			h.keyID = s
			return err
		case "typ":
			s, err := r.string()
			h.typ = asciiLower(s)
			return err
		case "x5t", "x5t#S256": // digests that some issuers add beside kid; never looked at
			_, err := r.string()
			return err
		case "crit", "b64", "jwk", "jku", "x5u", "x5c", "zip", "cty", "enc":
			return malformed("member " + name + " is not accepted")
		}
		return malformed("a member that is not known")
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
