package token

// proofClaims are what is read of a proof's payload.
type proofClaims struct {
	tokenID, method, uri string
	tokenHash, nonce     string
	issued               int64 // in seconds, or absent
}

// readProofClaims reads an authenticated payload strictly. Claims that RFC 9449 §4.2 does
// not name are checked to be JSON of one reading and have no effect.
func readProofClaims(payload []byte) (proofClaims, error) {
	c := proofClaims{issued: absent}
	err := readObject(payload, func(r reader, name string) (err error) {
		switch name {
		case "jti":
			if c.tokenID, err = r.string(); err == nil && !printable(c.tokenID, maxProofID) {
				err = malformed("not 1 to 128 printable bytes")
			}
		case "htm":
			c.method, err = r.string()
		case "htu":
			c.uri, err = r.string()
		case "iat":
			c.issued, err = readDate(r)
		case "ath":
			c.tokenHash, err = r.string()
		case "nonce":
			c.nonce, err = r.string()
		default:
			return r.skip()
		}
		if err != nil {
			return malformed(name + ": " + err.Error()) // one of the names above, so ours
		}
		return nil
	})
	if err != nil {
		return proofClaims{}, proofRefusal("claims: " + err.Error())
	}
	return c, nil
}
