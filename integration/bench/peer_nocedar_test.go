//go:build !rivals

package bench

import "testing"

// cedarMost is none: cedar-go is compiled with the tag rivals alone.
const cedarMost = 0

func cedarGo(b *testing.B, _ population) decider {
	b.Fatal("cedar-go is not compiled: -tags rivals")
	return nil
}
