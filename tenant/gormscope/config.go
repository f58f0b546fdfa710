package gormscope

import (
	"errors"
	"fmt"
	"sync"

	"gorm.io/gorm"
	"gorm.io/gorm/schema"

	"github.com/reevehq/reeve/internal/configerr"
)

// Errors of queries that are not built. Each is a mistake of the service.
var (
	// ErrUnregistered means that it is not known whether a model's rows are of a tenant.
	ErrUnregistered = errors.New("gormscope: model is not registered")
	// ErrText means that a text in a query could get around the tenant.
	ErrText = errors.New("gormscope: text refused")
	// ErrImmutable means that an update names the tenant's column.
	ErrImmutable = errors.New("gormscope: the tenant of a row cannot be changed")
)

// DefaultColumn is the default of [Config].Column.
const DefaultColumn = "tenant_id"

// Config says which models are of a tenant.
type Config struct {
	// Scoped are the models whose rows are each of one tenant, as pointers to zero structs. Each
	// has the column. The tables of their many2many associations are scoped too. Required.
	Scoped []any

	// Global are the models whose rows are of no tenant, such as plans or countries. They are
	// queried as they are; the grants of the database say who may write to them.
	Global []any

	// Column is the name of the column that holds the tenant. Default [DefaultColumn].
	Column string

	// InsecureUnscopedPool accepts a pool that sends queries as they are: then this package is
	// all there is, and a text within a query can get around it. It is for tests, and for a
	// database that has its own way to know the tenant.
	InsecureUnscopedPool bool
}

// Plugin is a plugin of GORM, see [gorm.DB.Use].
type Plugin struct {
	cfg    Config
	tables map[string]kind
}

type kind uint8

const (
	unregistered kind = iota
	scoped
	global
)

// New returns a plugin, or everything that is wrong with cfg.
func New(cfg Config) (*Plugin, error) {
	if cfg.Column == "" {
		cfg.Column = DefaultColumn
	}
	var problems configerr.Problems
	if len(cfg.Scoped) == 0 {
		problems.Add("Scoped", "required")
	}
	for _, m := range cfg.Scoped {
		if s, err := parse(m, schema.NamingStrategy{}); err != nil {
			problems.Add("Scoped", "%T: %w", m, err)
		} else if s.LookUpField(cfg.Column) == nil {
			problems.Add("Scoped", "%T has no column %s", m, cfg.Column)
		}
	}
	for _, m := range cfg.Global {
		if s, err := parse(m, schema.NamingStrategy{}); err != nil {
			problems.Add("Global", "%T: %w", m, err)
		} else if s.LookUpField(cfg.Column) != nil {
			problems.Add("Global", "%T has the column %s", m, cfg.Column)
		}
	}
	if err := problems.Err("gormscope", nil); err != nil {
		return nil, err
	}
	return &Plugin{cfg: cfg}, nil
}

func parse(model any, names schema.Namer) (*schema.Schema, error) {
	return schema.Parse(model, new(sync.Map), names)
}

// register learns the tables of the models, by the names that db gives them.
func (p *Plugin) register(db *gorm.DB) error {
	p.tables = map[string]kind{}
	add := func(models []any, k kind) error {
		for _, m := range models {
			s, err := parse(m, db.NamingStrategy)
			if err != nil {
				return fmt.Errorf("gormscope: %T: %w", m, err)
			}
			if was := p.tables[s.Table]; was != unregistered && was != k {
				return fmt.Errorf("gormscope: the table %s is Scoped and Global", s.Table)
			}
			p.tables[s.Table] = k
			if k != scoped {
				continue
			}
			for _, r := range s.Relationships.Many2Many {
				p.tables[r.JoinTable.Table] = scoped
			}
		}
		return nil
	}
	return errors.Join(add(p.cfg.Scoped, scoped), add(p.cfg.Global, global))
}
