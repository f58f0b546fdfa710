package casbinindex

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"hash"
	"io"
	"maps"
	"slices"

	"github.com/casbin/casbin/v2/model"
)

// Revision returns a digest of the definitions, the rules and the names in the Config that the
// index was made from: equal texts in an equal order, equal revision. The functions and role
// managers of the service are no part of it. It is "" for the zero Index.
func (ix *Index) Revision() string {
	if ix == nil || ix.main == nil {
		return ""
	}
	return ix.revision
}

// revisionOf digests a model. Each text stands behind its length, so that no two models are
// written alike.
func revisionOf(m model.Model, cfg *Config) string {
	h := sha256.New()
	for _, kind := range []string{"r", "p", "g", "e", "m"} {
		for _, key := range slices.Sorted(maps.Keys(m[kind])) {
			a := m[kind][key]
			write(h, kind, key, a.Value)
			for _, row := range a.Policy {
				write(h, row...)
			}
		}
	}
	write(h, slices.Sorted(maps.Keys(cfg.Functions))...)
	write(h, slices.Sorted(maps.Keys(cfg.Matching))...)
	write(h, slices.Sorted(maps.Keys(cfg.DomainMatching))...)
	return hex.EncodeToString(h.Sum(nil)[:16])
}

func write(h hash.Hash, texts ...string) {
	fmt.Fprintf(h, "%d", len(texts))
	for _, text := range texts {
		fmt.Fprintf(h, " %d ", len(text))
		_, _ = io.WriteString(h, text)
	}
	_, _ = h.Write([]byte{'\n'})
}

// RequestValues returns the names of the values that [Index.Enforce] takes, as the model's
// [request_definition] has them. The slice is the caller's.
func (ix *Index) RequestValues() []string {
	if ix == nil || ix.main == nil {
		return nil
	}
	names := make([]string, ix.main.width)
	for token, i := range ix.main.request {
		names[i] = token[len("r_"):]
	}
	return names
}

// IsRole reports whether some g row grants the name, so that a caller of that name would have
// the role.
func (ix *Index) IsRole(name string) bool {
	if ix == nil || ix.main == nil {
		return false
	}
	_, is := ix.granted[ix.texts.Find(name)]
	return is
}
