package token

// proofClaims are the claims of a proof's payload that are read.
type proofClaims struct {
	tokenID, method, uri string
	tokenHash, nonce     string
	issued               int64 // in seconds, or absent
}

// readProofClaims reads an authenticated payload strictly. Claims that RFC 9449 §4.2 does
// not name are checked to be JSON of one reading and have no effect.
func readProofClaims(payload string) (proofClaims, error) {
	c := proofClaims{issued: absent}
	r := readerOf(payload)
	for r.open('{'); r.next(); {
		name := r.name
		switch name {
		case "jti":
			if c.tokenID = r.string(); !printable(c.tokenID, maxProofID) {
				r.fail(malformed("not 1 to 128 printable bytes"))
			}
		case "htm":
			c.method = r.string()
		case "htu":
			c.uri = r.string()
		case "iat":
			c.issued = r.date()
		case "ath":
			c.tokenHash = r.string()
		case "nonce":
			c.nonce = r.string()
		default:
			r.skip()
			continue
		}
		r.failIn(name) // one of the names above, so ours
	}
	if err := r.end(); err != nil {
		return proofClaims{}, proofRefusal("claims: " + err.Error())
	}
	return c, nil
}
