package policy

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"maps"
	"slices"

	"github.com/reevehq/reeve/tenant"
)

// ErrNoCeiling means that a tenant's own file cannot be changed alone: the policy has no
// ceiling.csv, which says the most that it may grant.
var ErrNoCeiling = errors.New("policy: no " + CeilingFile + " says what a tenant's own file may grant")

// TenantRows are the rows of a tenant's own file, where somebody else than the policy's editors
// writes it.
type TenantRows struct {
	Rows string

	// Err says why nobody knows the rows. It closes the tenant, see [ErrTenantClosed].
	Err error
}

// WithTenants returns the bundle with rows of some tenants' own files, in the place of what the
// folder has of these. Engines keep such rows over a [Engine.Reload], but for a bundle that was
// made by WithTenants, which has all there are. Its revision is another one than that of the
// folder, and tells the rows apart.
func (b *Bundle) WithTenants(rows map[tenant.ID]TenantRows) *Bundle {
	b = b.folder()
	c := *b
	c.from, c.delegated = b, map[tenant.ID]TenantRows{}
	maps.Copy(c.delegated, rows)
	if len(rows) == 0 {
		return &c
	}
	c.tenants = slices.DeleteFunc(slices.Clone(b.tenants), func(f tenantFile) bool { _, there := rows[f.id]; return there })
	hash := sha256.New()
	fmt.Fprintf(hash, "tenants of %s\n", b.revision)
	for _, id := range slices.SortedFunc(maps.Keys(rows), func(a, b tenant.ID) int { return cmp.Compare(a.String(), b.String()) }) {
		r := rows[id]
		fmt.Fprintf(hash, "%s %t %d\n%s\n", id, r.Err != nil, len(r.Rows), r.Rows)
		if r.Err == nil {
			c.tenants = append(c.tenants, tenantFile{id: id, name: TenantsFolder + "/" + id.FileName() + csvSuffix, content: r.Rows, delegated: true})
		}
	}
	slices.SortFunc(c.tenants, func(a, b tenantFile) int { return cmp.Compare(a.name, b.name) })
	c.revision = hex.EncodeToString(hash.Sum(nil)[:16])
	return &c
}

// folder returns the bundle of the folder alone.
func (b *Bundle) folder() *Bundle {
	if b.from != nil {
		return b.from
	}
	return b
}

// ownFiles returns the names of the tenants' files that the folder has.
func (b *Bundle) ownFiles() map[tenant.ID]string {
	files := map[tenant.ID]string{}
	for _, f := range b.folder().tenants {
		files[f.id] = f.name
	}
	return files
}

// SetTenant replaces the rows of one tenant's own file, and nothing else, until the next call for
// the tenant or [Engine.ClearTenant]. They may be what the tenant's own people write: allow rules
// and roles are bound by ceiling.csv, without which the error is [ErrNoCeiling] and nothing
// changes. Rows that do not load are a mistake of that tenant alone, as [Engine.Reload] has it: the
// error wraps [ErrTenantHeld], and the last good rows stay or the tenant is closed.
func (e *Engine) SetTenant(id tenant.ID, rows string) error {
	return e.SetTenants(map[tenant.ID]TenantRows{id: {Rows: rows}})
}

// SetTenants is SetTenant for several tenants at once.
func (e *Engine) SetTenants(rows map[tenant.ID]TenantRows) error {
	return e.changeTenants(rows, func(all map[tenant.ID]TenantRows) { maps.Copy(all, rows) })
}

// ClearTenant ends what [Engine.SetTenant] began: the tenant has the file again that the folder has,
// or none. A tenant with a key in ceiling.csv is closed.
func (e *Engine) ClearTenant(id tenant.ID) error {
	return e.changeTenants(map[tenant.ID]TenantRows{id: {}}, func(all map[tenant.ID]TenantRows) { delete(all, id) })
}

// changeTenants changes the rows that tenants have. The error is about those of them alone.
func (e *Engine) changeTenants(about map[tenant.ID]TenantRows, change func(all map[tenant.ID]TenantRows)) error {
	if e.snapshot() == nil {
		return ErrNotLoaded
	}
	e.reload.Lock()
	defer e.reload.Unlock()
	if _, zero := about[tenant.ID{}]; zero {
		return fmt.Errorf("%w: rows of no tenant", ErrInvalid)
	}
	if !e.bundle.bounded {
		return ErrNoCeiling
	}
	all := map[tenant.ID]TenantRows{}
	maps.Copy(all, e.bundle.delegated)
	change(all)
	err := e.install(e.bundle.WithTenants(all), true)
	if err != nil && !errors.Is(err, ErrTenantHeld) {
		return err
	}
	return heldErr(slices.DeleteFunc(slices.Clone(e.snapshot().held), func(t HeldTenant) bool { _, there := about[t.Tenant]; return !there }))
}
