package token

import "context"

// VerifyJWS takes a token through the stages of Verify that know no claims: the split, the
// strict header, the choice of a key by kid and alg, and the signature. typ and claims,
// which are Reeve's to ask for and no part of a JWS, are not looked at.
func VerifyJWS(keys KeySource, raw string) error {
	c, err := splitCompact(raw, MaxLength)
	if err != nil {
		return err
	}
	h, err := parseHeader(c.header, false)
	if err != nil {
		return err
	}
	key, err := keys.Key(context.Background(), h.keyID, h.algorithm)
	if err != nil {
		return err
	}
	if !key.verify(c.signed, c.signature) {
		return refusal("the signature does not verify")
	}
	return nil
}

// RepeatedSecret makes a key that NewKey refuses: a secret of one byte repeated, which a
// group of Wycheproof's vectors is made with.
func RepeatedSecret(kid string, alg Algorithm, secret []byte) Key {
	return Key{sealed: seal(&keyMaterial{kid, alg, secret})}
}
