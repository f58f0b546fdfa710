package policy

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"slices"

	"github.com/reevehq/reeve/tenant"
)

// The names of a policy's files. Those of one tenant are [TenantFile]'s.
const (
	ModelFile      = "model.conf"
	PolicyFile     = "policy.csv"
	AttributesFile = "attributes.csv" // may be missing
	TenantsFolder  = "tenants"        // may be missing

	// CeilingFile says the most that tenants' own files may grant, and may be missing: then their
	// files, which are part of the policy, may grant anything in their tenants.
	CeilingFile = "ceiling.csv"

	// TestFile is the usual name of the table of requests beside a policy, which package
	// policytest runs. Every name that ends in _test.csv is one of such a table. None of them
	// is part of the policy: no decision and no revision depends on it.
	TestFile = "policy_test.csv"
)

// TenantFile returns the name of the file that holds one tenant's own rows.
func TenantFile(id tenant.ID) string { return TenantsFolder + "/" + id.String() + csvSuffix }

// Bundle is the text of one policy: the content of all its files, each read once. It never
// changes, so that several readers may share it. [ReadBundle] makes one.
type Bundle struct {
	model, policy, attributes string
	declares                  bool // whether there is an attributes.csv
	ceiling                   string
	bounded                   bool         // whether there is a ceiling.csv
	tenants                   []tenantFile // sorted by name
	tables                    []string     // sorted
	revision                  string
	found                     problems

	delegated map[tenant.ID]TenantRows // nil for what an engine has
	from      *Bundle                  // the folder's, of a bundle with delegated rows
}

type tenantFile struct {
	id            tenant.ID
	name, content string
	delegated     bool // whether it is none of the folder's
}

// ReadBundle reads the policy in a folder. The error says everything that is wrong with the
// folder and its files' names, as [Load] does, and not whether what they hold is a policy:
// Load and [Engine.ReloadBundle] say that.
//
// The Bundle is never nil. With an error it holds what could be read, and two readings of a
// folder that is as it was are equal in their revision. An engine refuses such a bundle, but
// for errors of single tenants' own files; see [Engine.Reload].
func ReadBundle(fsys fs.FS) (*Bundle, error) {
	b := &Bundle{}
	hash := sha256.New()
	read := func(name string, optional bool) (content string, there bool) {
		data, err := fs.ReadFile(fsys, name)
		if err != nil && !(optional && errors.Is(err, fs.ErrNotExist)) {
			b.found.add(CodeFileUnreadable, name, 0, 0, "cannot be read: %v", err)
		}
		// Lengths keep two splits of the same bytes apart.
		fmt.Fprintf(hash, "%d %s %d %t\n", len(name), name, len(data), err == nil)
		hash.Write(data)
		return string(data), err == nil
	}
	b.model, _ = read(ModelFile, false)
	b.policy, _ = read(PolicyFile, false)
	b.attributes, b.declares = read(AttributesFile, true)
	if _, err := fs.Stat(fsys, CeilingFile); err == nil || !errors.Is(err, fs.ErrNotExist) {
		b.ceiling, b.bounded = read(CeilingFile, false)
		b.bounded = true // also when it cannot be read, which refuses the whole
	}
	before := len(b.found.list)
	b.tenants, b.tables = listFolder(fsys, &b.found)
	for _, stray := range b.found.list[before:] {
		fmt.Fprintf(hash, "%d %s stray\n", len(stray.File), stray.File)
	}
	for i := range b.tenants {
		f := &b.tenants[i]
		b.found.about = f.id
		f.content, _ = read(f.name, false)
	}
	b.found.about = tenant.ID{}
	b.revision = hex.EncodeToString(hash.Sum(nil)[:16])
	found := b.found.clone()
	return b, found.err()
}

// Revision is a digest of the files' names and content: equal files, equal revision.
// [Engine.Revision] returns it once the bundle decides, unless tenants are held.
func (b *Bundle) Revision() string { return b.revision }

// Files returns the names of the policy's files in the order in which they are read:
// model.conf, policy.csv, attributes.csv and ceiling.csv when they are there, and the tenants'
// files, sorted.
func (b *Bundle) Files() []string {
	names := []string{ModelFile, PolicyFile}
	if b.declares {
		names = append(names, AttributesFile)
	}
	if b.bounded {
		names = append(names, CeilingFile)
	}
	for _, f := range b.tenants {
		names = append(names, f.name)
	}
	return names
}

// Content returns what the file of a name holds, and whether it is one of [Bundle.Files].
func (b *Bundle) Content(name string) (string, bool) {
	switch name {
	case ModelFile:
		return b.model, true
	case PolicyFile:
		return b.policy, true
	case AttributesFile:
		return b.attributes, b.declares
	case CeilingFile:
		return b.ceiling, b.bounded
	}
	for _, f := range b.tenants {
		if f.name == name {
			return f.content, true
		}
	}
	return "", false
}

// Tables returns the names of the tables of requests beside the policy, sorted. They are not
// read: package policytest does that.
func (b *Bundle) Tables() []string { return slices.Clone(b.tables) }
