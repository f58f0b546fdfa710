package token

import (
	"bytes"
	"crypto/ed25519"
	"encoding/hex"
	"errors"
	"fmt"
	"math/big"
	"slices"
)

func cleanEd25519(key ed25519.PublicKey) (any, error) {
	if len(key) != ed25519.PublicKeySize {
		return nil, fmt.Errorf("%d bytes, want %d", len(key), ed25519.PublicKeySize)
	}
	if smallOrder(key) {
		return nil, errors.New("a point of small order")
	}
	return slices.Clone(key), nil
}

// smallOrder reports whether a key is one of the points whose order divides 8, in any
// encoding. An all-zero key is one. Signatures for them need no private key.
func smallOrder(key ed25519.PublicKey) bool {
	y := bytes.Clone(key)
	y[31] &= 0x7f // the sign of x
	switch hex.EncodeToString(y) {
	case "0000000000000000000000000000000000000000000000000000000000000000", // y = 0, order 4
		"0100000000000000000000000000000000000000000000000000000000000000", // y = 1, the identity
		"26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05", // order 8
		"c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a", // order 8
		"ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f", // y = -1, order 2
		"edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f", // y = p, which is 0
		"eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f": // y = p+1, which is 1
		return true
	}
	return false
}

// offCurve reports whether a key of Ed25519 is no point of its curve, as half of all texts of
// 32 bytes are. It verifies nothing, so it does no harm but that a set of such keys alone would
// take the place of good ones. The point of a y is there when (y² - 1) / (dy² + 1), its x², is a
// square (RFC 8032 §5.1.3); d is -121665/121666, so both are taken 121666 times.
func offCurve(k Key) bool {
	m := k.get()
	if m == nil {
		return false
	}
	key, ok := m.public.(ed25519.PublicKey)
	if !ok {
		return false
	}
	text := bytes.Clone(key)
	text[31] &= 0x7f // the sign of x
	slices.Reverse(text)
	one := big.NewInt(1)
	p := new(big.Int).Sub(new(big.Int).Lsh(one, 255), big.NewInt(19))
	y := new(big.Int).SetBytes(text)
	y2 := y.Mul(y, y)
	u := new(big.Int).Mul(big.NewInt(121666), new(big.Int).Sub(y2, one))
	v := new(big.Int).Sub(big.NewInt(121666), new(big.Int).Mul(big.NewInt(121665), y2))
	quotient := u.Mul(u, v) // a square exactly when u/v is
	return big.Jacobi(quotient.Mod(quotient, p), p) < 0
}
