package policy

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"

	"github.com/reevehq/reeve/tenant"
)

// bundle is the text of a policy.
type bundle struct {
	model, policy, attributes string
	tenants                   []tenantFile // sorted by name
	revision                  string
}

type tenantFile struct {
	id            tenant.ID
	name, content string
}

// readBundle reads each file once, so that the revision is of exactly what is loaded.
func readBundle(fsys fs.FS) (b bundle, p problems) {
	hash := sha256.New()
	read := func(name string, optional bool) string {
		data, err := fs.ReadFile(fsys, name)
		if err != nil && !(optional && errors.Is(err, fs.ErrNotExist)) {
			p.add(name, 0, 0, "cannot be read: %v", err)
		}
		// Lengths keep two splits of the same bytes apart.
		fmt.Fprintf(hash, "%d %s %d %t\n", len(name), name, len(data), err == nil)
		hash.Write(data)
		return string(data)
	}
	b = bundle{
		model:      read(modelFile, false),
		policy:     read(policyFile, false),
		attributes: read(attributesFile, true),
	}
	before := len(p.list)
	b.tenants = listFolder(fsys, &p)
	for _, stray := range p.list[before:] {
		fmt.Fprintf(hash, "%d %s stray\n", len(stray.File), stray.File)
	}
	for i := range b.tenants {
		f := &b.tenants[i]
		p.about = f.id
		f.content = read(f.name, false)
	}
	p.about = tenant.ID{}
	b.revision = hex.EncodeToString(hash.Sum(nil)[:16])
	return b, p
}
