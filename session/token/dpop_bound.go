package token

// confirmation reads the cnf claim of a token that is bound to its sender's key (RFC
// 7800, RFC 9449 §6.1): an object of the one member jkt. A binding of another kind is one
// that we could not check, so the token is refused.
func (r *reader) confirmation() (thumbprint string) {
	for r.open('{'); r.next(); {
		if r.name != "jkt" {
			r.fail(malformed("a binding that is not accepted"))
		}
		thumbprint = r.view()
	}
	if r.err == nil && !isThumbprint(thumbprint) {
		r.fail(malformed("not a SHA-256 thumbprint"))
	}
	return thumbprint
}

// Thumbprint returns the thumbprint of the key that the token is bound to, its cnf.jkt
// claim (RFC 9449 §6.1), and "" for a bearer token.
func (v *Verified) Thumbprint() string { return v.claims().thumbprint }

// Prove returns the token as one whose sender has shown to hold its key. Before that, Ref
// of a bound token is zero and loads no session, so that code which knows nothing of
// proofs cannot take it from a bearer. p must have been verified with the text of this
// token. An error wraps [ErrInvalid] when the token is bound to no key or to another
// (RFC 9449 §7.1).
func (v *Verified) Prove(p *DPoPProof) (*Verified, error) {
	c := *v.claims()
	switch {
	case p == nil || p.thumbprint == "":
		return nil, proofRefusal("none was verified")
	case c.thumbprint != p.thumbprint:
		return nil, refusal("the token is bound to no key or to another")
	}
	c.proved = true
	return &Verified{sealed: seal(&c)}, nil
}
