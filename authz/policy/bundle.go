package policy

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"strings"

	"github.com/reevehq/reeve/tenant"
)

// The files of a policy.
const (
	modelFile      = "model.conf"
	policyFile     = "policy.csv"
	attributesFile = "attributes.csv" // may be missing
	tenantsDir     = "tenants"        // may be missing
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
	entries, err := fs.ReadDir(fsys, tenantsDir)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		p.add(tenantsDir, 0, 0, "cannot be read: %v", err)
	}
	for _, e := range entries {
		if strings.HasPrefix(e.Name(), ".") {
			continue // editors' and ConfigMaps' own
		}
		name := tenantsDir + "/" + e.Name()
		base, isCSV := strings.CutSuffix(e.Name(), ".csv")
		id, err := tenant.Parse(base)
		if err != nil || !isCSV || e.IsDir() {
			p.add(name, 0, 0, "not a tenant's file: these are named <tenant>.csv")
			continue
		}
		b.tenants = append(b.tenants, tenantFile{id, name, read(name, false)})
	}
	b.revision = hex.EncodeToString(hash.Sum(nil)[:16])
	return b, p
}
