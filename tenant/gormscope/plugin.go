package gormscope

import (
	"database/sql"
	"errors"
	"fmt"

	"gorm.io/gorm"
)

// name is that of the plugin and of its callbacks.
const name = "reeve:tenant"

// Name implements [gorm.Plugin].
func (p *Plugin) Name() string { return name }

// Initialize implements [gorm.Plugin]. It is an error when the pool is not scoped, or when a
// callback did not find its place.
func (p *Plugin) Initialize(db *gorm.DB) error {
	if !p.cfg.InsecureUnscopedPool && !isScoped(db.ConnPool) {
		return errors.New("gormscope: the pool is not scoped: give GORM one of sqlscope.OpenDB")
	}
	if err := p.register(db); err != nil {
		return err
	}
	c := db.Callback()
	err := errors.Join(
		c.Create().After("gorm:before_create").Before("gorm:create").Register(name, p.create),
		c.Query().Before("gorm:query").Register(name, p.query),
		c.Row().Before("gorm:row").Register(name, p.query),
		c.Update().After("gorm:before_update").Before("gorm:update").Register(name, p.update),
		c.Delete().After("gorm:before_delete").Before("gorm:delete").Register(name, p.delete),
		c.Raw().Before("gorm:raw").Register(name, p.raw),
	)
	if err != nil {
		return fmt.Errorf("gormscope: %w", err)
	}
	return p.Check(db)
}

// Check returns an error unless db has the callbacks and a scoped pool: another plugin can
// remove and replace what [Plugin.Initialize] put there.
func (p *Plugin) Check(db *gorm.DB) error {
	c := db.Callback()
	for kind, there := range map[string]bool{
		"create": c.Create().Get(name) != nil, "query": c.Query().Get(name) != nil, "row": c.Row().Get(name) != nil,
		"update": c.Update().Get(name) != nil, "delete": c.Delete().Get(name) != nil, "raw": c.Raw().Get(name) != nil,
	} {
		if !there {
			return fmt.Errorf("gormscope: the callback of %s is gone", kind)
		}
	}
	if !p.cfg.InsecureUnscopedPool && !isScoped(db.ConnPool) {
		return errors.New("gormscope: the pool is not scoped")
	}
	return nil
}

// isScoped reports whether statements of a pool run in the tenant of their context.
func isScoped(pool gorm.ConnPool) bool {
	if p, ok := pool.(*gorm.PreparedStmtDB); ok {
		pool = p.ConnPool
	}
	db, ok := pool.(*sql.DB)
	if !ok {
		return false
	}
	_, ok = db.Driver().(interface{ TenantScoped() })
	return ok
}
