package rls

import "strings"

// catalog is the part of a database that the audit reads.
type catalog struct {
	app       role
	memberOf  []string // the roles that the application has the rights of, or may become
	roles     []role   // those that could pass by the policies
	tables    []*table
	byOID     map[uint32]*table
	views     []*view
	rules     []rule // of tables and views of whom policies do not bind
	functions []function
	columns   map[string]column
	creates   []grant  // schemas in which the application may create
	owns      []grant  // what else the application owns
	files     []string // functions of the server's files that the application may use
	toCome    []grant  // rights on tables that others create later
	keyRead   bool     // the application may read or write the keys
	database  database
}

type database struct {
	name               string
	app                bool  // the application owns it
	temporary, creates grant // of temporary tables, and of schemas
	encoding           string
}

type role struct {
	name                   string
	exists, super, bypass  bool
	createRole, memberOfIt bool // the application is a member of it
	replication            bool
	uses                   string // a table of tenants that it may use
}

// bound reports whether policies bind the role.
func (r role) bound() bool { return !r.super && !r.bypass }

type table struct {
	oid             uint32
	schema, name    string
	owner           role
	enabled, forced bool
	partition       bool
	partitioned     bool
	parents         []*table // from which it inherits
	column          string   // of the tenant, "" when the table has none
	notNull         bool
	deflt, typ      string
	deterministic   bool
	privileges      string // the application's: r a w d, D truncate, x references, t trigger
	public          bool   // a grant to PUBLIC
	policies        []policy
	constraints     []constraint
	leads, follows  bool // an index begins with the tenant's column, or has it later
	shared          bool
	foreign         bool // of another server
}

func (t *table) String() string { return t.schema + "." + t.name }
func (t *table) sql() string    { return ident(t.schema) + "." + ident(t.name) }

// tenants reports whether the table holds rows of tenants.
func (t *table) tenants() bool { return t.column != "" && !t.shared }

// uses reports whether the application has any of the privileges.
func (t *table) uses(any string) bool { return strings.ContainsAny(t.privileges, any) }

type policy struct {
	name         string
	permissive   bool
	command      string // * r a w d
	app, all     bool   // it is for the application's role, for every role
	using, check string // "" for none
	hasCheck     bool
	reads        []uint32 // other tables
}

type constraint struct {
	oid       uint32
	name      string
	kind      string // p u f, i for a unique index that is no constraint
	columns   []string
	refers    uint32
	refColumn []string
	onDelete  string
	onUpdate  string
	deferred  string // the text of its deferrability
	match     string
	def       string // of an index
	generated bool   // a key of one column that a generator fills
}

type view struct {
	oid               uint32
	schema, name      string
	material          bool
	invoker, barrier  bool
	reads             []uint32
	app               bool // the application may use it
	triggers          bool // the application may add some
	column, keys      bool // it has the tenant's column, or shows the keys
	def               string
	overTenants, done bool
}

func (v *view) String() string { return v.schema + "." + v.name }
func (v *view) sql() string    { return ident(v.schema) + "." + ident(v.name) }

type rule struct {
	name, schema, table, owner string
	reads                      []uint32
}

func (r rule) String() string { return r.schema + "." + r.table + " rule " + r.name }
func (r rule) sql() string    { return ident(r.schema) + "." + ident(r.table) }

type function struct {
	signature       string // schema.name(types)
	kind            string // FUNCTION or PROCEDURE
	own             bool   // in the schema reeve
	definer, leaky  bool
	volatile        bool
	arguments       int
	mighty          bool // its owner owns a table of tenants, is bound by no policy, or may use what has none
	appRuns, public bool
	path, config    bool // search_path is fixed, some setting is
	trigger         bool // a trigger runs it with the rights of somebody whom no policy binds
	body, owner     string
	name            string // schema.name
}

type column struct {
	typ           string
	notNull       bool
	deterministic bool
}
