package policy

import (
	"io/fs"
	"os"
	"path"
	"slices"
	"strings"

	"github.com/reevehq/reeve/tenant"
)

// The files of a policy.
const (
	modelFile      = "model.conf"
	policyFile     = "policy.csv"
	attributesFile = "attributes.csv" // may be missing
	tenantsDir     = "tenants"        // may be missing

	// tableSuffix ends the name of a table of requests beside the policy, such as
	// policy_test.csv, which package policytest runs. It is none of the policy's files.
	tableSuffix = "_test.csv"
)

// Limits of what is looked through in a policy's folder, beside the tenants' files.
const (
	maxFolders = 32
	maxStrays  = 10_000
)

// ListFiles returns the names of the files that a policy in fsys is read from: model.conf,
// policy.csv, attributes.csv when it is there, and the tenants' files, sorted. The error is
// one or more *[Error], as [Load] reports them: every file that looks like part of a policy,
// by a name that ends in .csv or .conf in any case, and would not be read. Files of other
// names, and names that begin with a dot, are none of a policy's.
func ListFiles(fsys fs.FS) ([]string, error) {
	var p problems
	tenants := listFolder(fsys, &p)
	names := []string{modelFile, policyFile}
	if _, err := fs.Stat(fsys, attributesFile); err == nil {
		names = append(names, attributesFile)
	}
	for _, f := range tenants {
		names = append(names, f.name)
	}
	if err := p.err(); err != nil {
		return nil, err
	}
	return names, nil
}

// listFolder returns the tenants' files, without their content, and reports everything in the
// folder that looks like a policy's and is not read. A deny rule in such a file would never
// match, and nobody would be told.
func listFolder(fsys fs.FS, p *problems) []tenantFile {
	f := lister{fsys: fsys, p: p}
	if root, err := fs.Stat(fsys, "."); err == nil {
		f.above = append(f.above, root)
	}
	f.list(".")
	return f.tenants
}

type lister struct {
	fsys    fs.FS
	p       *problems
	tenants []tenantFile
	above   []fs.FileInfo // the folders on the way, as a link may lead back to one of them
	met     int           // names, without those in tenants
}

func (f *lister) list(dir string) {
	entries, err := fs.ReadDir(f.fsys, dir)
	if err != nil {
		f.p.add(dir, 0, 0, "cannot be read, so that nobody knows what it holds: %v", err)
	}
	for _, e := range entries {
		if strings.HasPrefix(e.Name(), ".") {
			continue // editors' and ConfigMaps' own
		}
		if dir != tenantsDir {
			f.met++
		}
		if f.met > maxStrays || len(f.above) > maxFolders {
			f.p.add(dir, 0, 0, "holds too much to look through: give the policy a folder of its own")
			return
		}
		f.one(dir, e)
	}
}

func (f *lister) one(dir string, e fs.DirEntry) {
	name, isDir := path.Join(dir, e.Name()), e.IsDir()
	var info fs.FileInfo
	if isDir || e.Type()&fs.ModeSymlink != 0 {
		var err error
		info, err = fs.Stat(f.fsys, name) // of what a link leads to
		isDir = isDir || err == nil && info.IsDir()
	}
	if why := misplaced(dir, e.Name(), isDir); why != "" {
		f.p.add(name, 0, 0, "%s", why)
		return
	}
	if id, ok := tenantOf(dir, e.Name()); ok {
		f.tenants = append(f.tenants, tenantFile{id: id, name: name})
	}
	if !isDir || info != nil && slices.ContainsFunc(f.above, func(a fs.FileInfo) bool { return os.SameFile(a, info) }) {
		return
	}
	if info != nil {
		f.above = append(f.above, info)
		defer func() { f.above = f.above[:len(f.above)-1] }()
	}
	f.list(name)
}

// tenantOf returns the tenant whose file a name in a folder is.
func tenantOf(dir, name string) (tenant.ID, bool) {
	base, isCSV := strings.CutSuffix(name, ".csv")
	id, err := tenant.Parse(base)
	return id, dir == tenantsDir && isCSV && err == nil
}

// misplaced says what is wrong with a name in a folder, and what its author likely means; ""
// for what is read, and for what is none of the policy's.
func misplaced(dir, name string, isDir bool) string {
	lower := strings.ToLower(name)
	looks := strings.HasSuffix(lower, ".csv") || strings.HasSuffix(lower, ".conf")
	switch {
	case looks && isDir:
		return "a folder by the name of a policy's file: is it " + likely(lower) + "?"
	case isDir:
		return "" // what it holds is looked at
	case dir == "." && lower == tenantsDir:
		return "is no folder, or a link that leads nowhere: tenants' files stand in it"
	case dir == tenantsDir:
		return misplacedTenant(name, lower, looks)
	case !looks:
		return ""
	case dir != ".":
		return "is not read: " + intention(dir, lower)
	}
	switch name {
	case modelFile, policyFile, attributesFile:
		return ""
	}
	if strings.HasSuffix(name, tableSuffix) {
		return ""
	}
	return "is not read: " + intention(dir, lower)
}

// misplacedTenant is misplaced in the folder of the tenants' files, where a tenant's name with
// another ending is a mistake too: the tenant would be decided without its own rules.
func misplacedTenant(name, lower string, looks bool) string {
	if _, ok := tenantOf(tenantsDir, name); ok {
		return ""
	}
	const why = "not a tenant's file: these are named <tenant>.csv, in lower case"
	stem := strings.TrimSuffix(lower, path.Ext(lower))
	_, err := tenant.Parse(stem)
	switch {
	case looks && err == nil:
		return why + ": do you mean " + tenantsDir + "/" + stem + ".csv?"
	case looks:
		return why
	case err != nil || stem != strings.TrimSuffix(name, path.Ext(name)):
		return "" // README.md, acme.csv.bak
	}
	switch path.Ext(name) {
	case ".go", ".md":
		return ""
	}
	return why + ": do you mean " + tenantsDir + "/" + stem + ".csv?"
}

// intention says what the author of a file that is not read likely means.
func intention(dir, lower string) string {
	if dir == "." {
		return likely(lower)
	}
	// tenant/acme.csv, Tenants/acme.csv, tenants/sub/acme.csv, config/tenants/acme.csv.
	inTenants := false
	for part := range strings.SplitSeq(strings.ToLower(dir), "/") {
		inTenants = inTenants || part == "tenant" || part == tenantsDir
	}
	base, isCSV := strings.CutSuffix(lower, ".csv")
	_, err := tenant.Parse(base)
	switch known := lower == modelFile || lower == policyFile || lower == attributesFile; {
	case inTenants && isCSV && err == nil && !known:
		return "do you mean " + tenantsDir + "/" + lower + "? Tenants' files stand in the folder " + tenantsDir + " beside " + policyFile
	case strings.HasSuffix(lower, tableSuffix):
		return "a table of requests stands beside " + policyFile
	}
	return "a policy is one folder, and of the folders in it " + tenantsDir + " alone is read: keep other policies elsewhere; " + likely(lower)
}

// likely names the file that a file which is not read is likely meant for.
func likely(lower string) string {
	base := strings.TrimSuffix(strings.TrimSuffix(lower, ".csv"), ".conf")
	base = strings.TrimSuffix(strings.TrimSuffix(base, ".csv"), ".conf")
	stem := func(of ...string) bool { return slices.Contains(of, base) }
	switch {
	case stem("policy", "policies", "rules"):
		return "do you mean " + policyFile + "?"
	case stem("attributes", "attribute"):
		return "do you mean " + attributesFile + "?"
	case stem("model", "models"):
		return "do you mean " + modelFile + "?"
	case stem("tenants", "tenant"):
		return "do you mean the folder " + tenantsDir + "? A tenant's rows belong in " + tenantsDir + "/<tenant>.csv"
	case strings.HasSuffix(lower, tableSuffix):
		return "the name of a table of requests is in lower case and ends in " + tableSuffix
	case strings.HasSuffix(lower, ".conf"):
		return "the model is " + modelFile
	case strings.Contains(base, "attribute"):
		return "rows of attributes belong in " + attributesFile
	case strings.Contains(base, "test"):
		return "a table of requests is named …" + tableSuffix
	}
	return "rows belong in " + policyFile + ", and those of one tenant in " + tenantsDir + "/<tenant>.csv"
}
