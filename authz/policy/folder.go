package policy

import (
	"io/fs"
	"os"
	"path"
	"slices"
	"strings"

	"github.com/reevehq/reeve/tenant"
)

// The ends of the names of a policy's files.
const (
	csvSuffix  = ".csv"
	confSuffix = ".conf"

	// tableSuffix ends the name of a table of requests beside the policy.
	tableSuffix = "_test.csv"
)

// Limits of what is looked through in a policy's folder, beside the tenants' files.
const (
	maxFolders = 32
	maxStrays  = 10_000
)

// listFolder returns the tenants' files, without their content, and the names of the tables of
// requests. It reports everything in the folder that looks like a policy's and is not read: a
// deny rule in such a file would never match, and nobody would be told.
func listFolder(fsys fs.FS, p *problems) (tenants []tenantFile, tables []string) {
	f := lister{fsys: fsys, p: p}
	if root, err := fs.Stat(fsys, "."); err == nil {
		f.above = append(f.above, root)
	}
	f.list(".")
	return f.tenants, f.tables
}

type lister struct {
	fsys    fs.FS
	p       *problems
	tenants []tenantFile
	tables  []string
	above   []fs.FileInfo // the folders on the way, as a link may lead back to one of them
	count   int           // names, without those in tenants
}

func (f *lister) list(dir string) {
	entries, err := fs.ReadDir(f.fsys, dir)
	if err != nil {
		f.p.add(CodeFileUnreadable, dir, 0, 0, "cannot be read, so that nobody knows what it holds: %v", err)
	}
	for _, e := range entries {
		if strings.HasPrefix(e.Name(), ".") {
			continue // editors' and ConfigMaps' own
		}
		if dir != TenantsFolder {
			f.count++
		}
		if f.count > maxStrays || len(f.above) > maxFolders {
			f.p.add(CodeFolderTooLarge, dir, 0, 0, "holds too much to look through: give the policy a folder of its own")
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
		f.p.add(CodeFileMisplaced, name, 0, 0, "%s", why)
		return
	}
	if id, ok := tenantOf(dir, e.Name()); ok {
		f.tenants = append(f.tenants, tenantFile{id: id, name: name})
	}
	if dir == "." && !isDir && strings.HasSuffix(name, tableSuffix) {
		f.tables = append(f.tables, name)
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
	base, isCSV := strings.CutSuffix(name, csvSuffix)
	id, err := tenant.FromFileName(base)
	return id, dir == TenantsFolder && isCSV && err == nil
}

// misplaced says what is wrong with a name in a folder, and what its author likely means; ""
// for what is read, and for what is none of the policy's.
func misplaced(dir, name string, isDir bool) string {
	lower := strings.ToLower(name)
	looks := strings.HasSuffix(lower, csvSuffix) || strings.HasSuffix(lower, confSuffix)
	switch {
	case looks && isDir:
		return "a folder by the name of a policy's file: name it otherwise, or put the file in its place"
	case isDir:
		return "" // its content is looked at
	case dir == "." && lower == TenantsFolder:
		return "is no folder, or a link that leads nowhere: tenants' files stand in it"
	case dir == TenantsFolder:
		return misplacedTenant(name, lower, looks)
	case !looks:
		return ""
	case dir != ".":
		return "is not read: " + intention(dir, lower)
	}
	switch name {
	case ModelFile, PolicyFile, AttributesFile, CeilingFile:
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
	if _, ok := tenantOf(TenantsFolder, name); ok {
		return ""
	}
	const why = "not a tenant's file: these are named <tenant>.csv, in lower case"
	base := strings.TrimSuffix(name, path.Ext(name))
	if id, err := tenant.Parse(base); looks && err == nil && path.Ext(name) == ".csv" {
		// Where disks fold case, the file of Acme would be that of acme.
		return why + ": do you mean " + TenantsFolder + "/" + strings.ToLower(base) + ".csv? The file of the tenant " + base + " is " + TenantsFolder + "/" + id.FileName() + ".csv"
	}
	stem := strings.TrimSuffix(lower, path.Ext(lower))
	_, err := tenant.Parse(stem)
	switch {
	case looks && err == nil:
		return why + ": do you mean " + TenantsFolder + "/" + stem + ".csv?"
	case looks:
		return why
	case err != nil || stem != strings.TrimSuffix(name, path.Ext(name)):
		return "" // README.md, acme.csv.bak
	}
	switch path.Ext(name) {
	case ".go", ".md":
		return ""
	}
	return why + ": do you mean " + TenantsFolder + "/" + stem + ".csv?"
}

// intention says what the author of a file that is not read likely means.
func intention(dir, lower string) string {
	if dir == "." {
		return likely(lower)
	}
	// tenant/acme.csv, Tenants/acme.csv, tenants/sub/acme.csv, config/tenants/acme.csv.
	inTenants := false
	for part := range strings.SplitSeq(strings.ToLower(dir), "/") {
		inTenants = inTenants || part == "tenant" || part == TenantsFolder
	}
	base, isCSV := strings.CutSuffix(lower, csvSuffix)
	_, err := tenant.Parse(base)
	switch known := lower == ModelFile || lower == PolicyFile || lower == AttributesFile; {
	case inTenants && isCSV && err == nil && !known:
		return "do you mean " + TenantsFolder + "/" + lower + "? Tenants' files stand in the folder " + TenantsFolder + " beside " + PolicyFile
	case strings.HasSuffix(lower, tableSuffix):
		return "a table of requests stands beside " + PolicyFile
	}
	return "a policy is one folder, and of the folders in it " + TenantsFolder + " alone is read: keep other policies elsewhere; " + likely(lower)
}

// likely names the file that a file which is not read is likely meant for.
func likely(lower string) string {
	base := strings.TrimSuffix(strings.TrimSuffix(lower, csvSuffix), confSuffix)
	base = strings.TrimSuffix(strings.TrimSuffix(base, csvSuffix), confSuffix)
	stem := func(of ...string) bool { return slices.Contains(of, base) }
	switch {
	case stem("policy", "policies", "rules"):
		return "do you mean " + PolicyFile + "?"
	case stem("attributes", "attribute"):
		return "do you mean " + AttributesFile + "?"
	case stem("ceiling", "ceilings"):
		return "do you mean " + CeilingFile + "?"
	case stem("model", "models"):
		return "do you mean " + ModelFile + "?"
	case stem("tenants", "tenant"):
		return "do you mean the folder " + TenantsFolder + "? A tenant's rows belong in " + TenantsFolder + "/<tenant>.csv"
	case strings.HasSuffix(lower, tableSuffix):
		return "the name of a table of requests is in lower case and ends in " + tableSuffix
	case strings.HasSuffix(lower, confSuffix):
		return "the model is " + ModelFile
	case strings.Contains(base, "attribute"):
		return "rows of attributes belong in " + AttributesFile
	case strings.Contains(base, "test"):
		return "a table of requests is named …" + tableSuffix
	}
	return "rows belong in " + PolicyFile + ", and those of one tenant in " + TenantsFolder + "/<tenant>.csv"
}
