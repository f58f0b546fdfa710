//go:build unix

package attacks_test

import (
	"context"
	"database/sql"
	"testing"

	"gorm.io/driver/postgres"
	"gorm.io/gorm"
	"gorm.io/gorm/clause"
	"gorm.io/gorm/logger"

	"github.com/reevehq/reeve/integration/attacks"
	"github.com/reevehq/reeve/tenant/gormscope"
)

type gormProject struct {
	TenantID string `gorm:"primaryKey;default:(-)"`
	ID       string `gorm:"primaryKey"`
	Name     string
	Notes    []gormNote `gorm:"foreignKey:ProjectID;references:ID"`
}

type gormNote struct {
	TenantID  string `gorm:"primaryKey;default:(-)"`
	ID        string `gorm:"primaryKey"`
	ProjectID string
	Project   *gormProject `gorm:"foreignKey:ProjectID;references:ID"`
	Title     string
	Body      string
	Votes     int
}

type gormTag struct {
	TenantID string `gorm:"primaryKey;default:(-)"`
	ID       string `gorm:"primaryKey"`
	Name     string
}

// gormNoteTag is the table between two.
type gormNoteTag struct {
	TenantID string    `gorm:"primaryKey;default:(-)"`
	NoteID   string    `gorm:"primaryKey"`
	TagID    string    `gorm:"primaryKey"`
	Note     *gormNote `gorm:"foreignKey:NoteID;references:ID"`
}

func (gormProject) TableName() string { return "project" }
func (gormNote) TableName() string    { return "note" }
func (gormTag) TableName() string     { return "tag" }
func (gormNoteTag) TableName() string { return "note_tag" }

// openGORM opens GORM on a pool.
func openGORM(t *testing.T, pool *sql.DB, plugins ...gorm.Plugin) *gorm.DB {
	t.Helper()
	db, err := gorm.Open(postgres.New(postgres.Config{Conn: pool}), &gorm.Config{Logger: logger.Discard, DisableAutomaticPing: true})
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range plugins {
		if err := db.Use(p); err != nil {
			t.Fatal(err)
		}
	}
	return db
}

func gormPlugin(t *testing.T, unscoped bool) *gormscope.Plugin {
	t.Helper()
	p, err := gormscope.New(gormscope.Config{Scoped: []any{&gormProject{}, &gormNote{}, &gormTag{}, &gormNoteTag{}}, InsecureUnscopedPool: unscoped})
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// gormStack is GORM, with and without a plugin.
type gormStack struct {
	name string
	db   *gorm.DB
}

func (s *gormStack) Name() string         { return s.name }
func (s *gormStack) Store() attacks.Store { return gormStore{s.db} }

func (s *gormStack) Query(ctx context.Context, text string) ([][]string, error) {
	return gormTexts{s.db}.Query(ctx, text)
}

func (s *gormStack) Exec(ctx context.Context, text string) (int64, error) {
	return gormTexts{s.db}.Exec(ctx, text)
}

func (s *gormStack) Tx(ctx context.Context, fn func(attacks.Runner) error) error {
	return s.db.WithContext(ctx).Transaction(func(tx *gorm.DB) error { return fn(gormTexts{tx}) })
}

type gormTexts struct{ db *gorm.DB }

func (r gormTexts) Query(ctx context.Context, text string) ([][]string, error) {
	rows, err := r.db.WithContext(ctx).Raw(text).Rows()
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	return read(rows)
}

func (r gormTexts) Exec(ctx context.Context, text string) (int64, error) {
	tx := r.db.WithContext(ctx).Exec(text)
	return tx.RowsAffected, tx.Error
}

// gormStore is a service on GORM that forgot the tenant.
type gormStore struct{ db *gorm.DB }

func fromGORM(rows []gormNote) []attacks.Note {
	var notes []attacks.Note
	for _, r := range rows {
		notes = append(notes, attacks.Note{Tenant: r.TenantID, ID: r.ID, Project: r.ProjectID, Title: r.Title, Body: r.Body, Votes: r.Votes})
	}
	return notes
}

func toGORM(n attacks.Note) gormNote {
	return gormNote{TenantID: n.Tenant, ID: n.ID, ProjectID: n.Project, Title: n.Title, Body: n.Body, Votes: n.Votes}
}

func (s gormStore) where(ctx context.Context, filter string) *gorm.DB {
	db := s.db.WithContext(ctx).Model(&gormNote{})
	if filter != "" {
		db = db.Where(filter)
	}
	return db
}

func (s gormStore) List(ctx context.Context, filter, order string) ([]attacks.Note, error) {
	var rows []gormNote
	db := s.where(ctx, filter)
	if order != "" {
		db = db.Order(order)
	}
	err := db.Find(&rows).Error
	return fromGORM(rows), err
}

func (s gormStore) Get(ctx context.Context, id string) (attacks.Note, error) {
	var row gormNote
	err := s.db.WithContext(ctx).First(&row, "id = ?", id).Error
	return fromGORM([]gormNote{row})[0], err
}

func (s gormStore) Pluck(ctx context.Context, column string) (all []string, err error) {
	err = s.where(ctx, "").Pluck(column, &all).Error
	return all, err
}

func (s gormStore) Count(ctx context.Context, filter string) (int, error) {
	var n int64
	err := s.where(ctx, filter).Count(&n).Error
	return int(n), err
}

func (s gormStore) Create(ctx context.Context, notes ...attacks.Note) error {
	var rows []gormNote
	for _, n := range notes {
		rows = append(rows, toGORM(n))
	}
	return s.db.WithContext(ctx).Create(&rows).Error
}

func (s gormStore) Save(ctx context.Context, n attacks.Note) error {
	row := toGORM(n)
	return s.db.WithContext(ctx).Save(&row).Error
}

func (s gormStore) Upsert(ctx context.Context, n attacks.Note) error {
	row := toGORM(n)
	return s.db.WithContext(ctx).Clauses(clause.OnConflict{
		Columns: []clause.Column{{Name: "tenant_id"}, {Name: "id"}}, DoUpdates: clause.AssignmentColumns([]string{"title", "body"}),
	}).Create(&row).Error
}

func (s gormStore) Update(ctx context.Context, id string, set map[string]any) (int, error) {
	tx := s.where(ctx, "").Where("id = ?", id).Updates(set)
	return int(tx.RowsAffected), tx.Error
}

func (s gormStore) UpdateAll(ctx context.Context, filter string, set map[string]any) (int, error) {
	tx := s.where(ctx, filter).Session(&gorm.Session{AllowGlobalUpdate: true}).Updates(set)
	return int(tx.RowsAffected), tx.Error
}

func (s gormStore) Delete(ctx context.Context, id string) (int, error) {
	tx := s.db.WithContext(ctx).Delete(&gormNote{}, "id = ?", id)
	return int(tx.RowsAffected), tx.Error
}

func (s gormStore) DeleteAll(ctx context.Context, filter string) (int, error) {
	tx := s.where(ctx, filter).Delete(&gormNote{})
	return int(tx.RowsAffected), tx.Error
}

func (s gormStore) Increment(ctx context.Context, id string) (int, error) {
	tx := s.where(ctx, "").Where("id = ?", id).UpdateColumn("votes", gorm.Expr("votes + ?", 1))
	return int(tx.RowsAffected), tx.Error
}

func (s gormStore) Project(ctx context.Context, id string) (string, []attacks.Note, error) {
	var row gormProject
	err := s.db.WithContext(ctx).Preload("Notes").First(&row, "id = ?", id).Error
	return row.Name, fromGORM(row.Notes), err
}

func (s gormStore) Joined(ctx context.Context, filter string) ([]string, error) {
	var rows []gormNote
	err := s.where(ctx, filter).Joins("Project").Find(&rows).Error
	var names []string
	for _, r := range rows {
		if r.Project != nil {
			names = append(names, r.Project.Name)
		}
	}
	return names, err
}

func (s gormStore) Tagged(ctx context.Context, tag string) ([]attacks.Note, error) {
	var rows []gormNoteTag
	err := s.db.WithContext(ctx).Joins("Note").Find(&rows, `"note_tag"."tag_id" = ?`, tag).Error
	var notes []gormNote
	for _, r := range rows {
		if r.Note != nil {
			notes = append(notes, *r.Note)
		}
	}
	return fromGORM(notes), err
}

func (s gormStore) Tag(ctx context.Context, note, tag string) error {
	return s.db.WithContext(ctx).Create(&gormNoteTag{NoteID: note, TagID: tag}).Error
}

func (s gormStore) Untag(ctx context.Context, note, tag string) error {
	return s.db.WithContext(ctx).Delete(&gormNoteTag{}, "note_id = ? AND tag_id = ?", note, tag).Error
}

// Cases are attacks by what GORM alone has.
func (s *gormStack) Cases() []attacks.Case {
	find := func(a *attacks.Attack, change func(*gorm.DB) *gorm.DB) {
		var rows []gormNote
		err := change(s.db.WithContext(a.Context)).Find(&rows).Error
		a.See(fromGORM(rows), err)
	}
	c := func(name string, plain bool, change func(db *gorm.DB) *gorm.DB) attacks.Case {
		return attacks.Case{Family: "gorm", Name: name, Store: true, Plain: plain, Run: func(a *attacks.Attack) { find(a, change) }}
	}
	write := func(name string, by func(db *gorm.DB) *gorm.DB) attacks.Case {
		return attacks.Case{Family: "gorm", Name: name, Store: true, Plain: true, Run: func(a *attacks.Attack) {
			a.See(nil, by(s.db.WithContext(a.Context)).Error)
		}}
	}
	one := func(name string, plain bool, run func(a *attacks.Attack, db *gorm.DB)) attacks.Case {
		return attacks.Case{Family: "gorm", Name: name, Store: true, Plain: plain, Run: func(a *attacks.Attack) { run(a, s.db.WithContext(a.Context)) }}
	}
	notes := func(db *gorm.DB) *gorm.Association {
		return db.Model(&gormProject{TenantID: "globex", ID: "g-p1"}).Association("Notes")
	}
	return []attacks.Case{
		one("an association", true, func(a *attacks.Attack, db *gorm.DB) {
			var rows []gormNote
			err := notes(db).Find(&rows)
			a.See(fromGORM(rows), err)
		}),
		one("an association is counted", true, func(a *attacks.Attack, db *gorm.DB) {
			if n := notes(db).Count(); n > 0 {
				a.Leak("a foreign project has %d notes", n)
			}
		}),
		one("an association is appended to", true, func(a *attacks.Attack, db *gorm.DB) {
			a.See(nil, notes(db).Append(&gormNote{TenantID: "globex", ID: "x-1"}))
		}),
		one("an association is replaced", true, func(a *attacks.Attack, db *gorm.DB) {
			a.See(nil, notes(db).Replace(&gormNote{TenantID: "globex", ID: "x-1"}))
		}),
		one("Preload with Or", true, func(a *attacks.Attack, db *gorm.DB) {
			var projects []gormProject
			err := db.Preload("Notes", func(db *gorm.DB) *gorm.DB { return db.Or("1 = 1") }).Find(&projects).Error
			a.See(projects, err)
		}),
		one("Preload of all, and of theirs", true, func(a *attacks.Attack, db *gorm.DB) {
			var rows []gormNoteTag
			err := db.Preload(clause.Associations).Preload("Note.Project").Find(&rows).Error
			for _, r := range rows {
				if r.Note != nil {
					a.See(*r.Note, nil)
					if r.Note.Project != nil {
						a.See(*r.Note.Project, nil)
					}
				}
			}
			a.See(nil, err)
		}),
		one("FindInBatches", true, func(a *attacks.Attack, db *gorm.DB) {
			var rows []gormNote
			a.See(nil, db.FindInBatches(&rows, 100, func(*gorm.DB, int) error { a.See(fromGORM(rows), nil); return nil }).Error)
		}),
		one("FirstOrInit", true, func(a *attacks.Attack, db *gorm.DB) {
			var row gormNote
			err := db.FirstOrInit(&row, gormNote{ID: "g-n1"}).Error
			a.See(row, err)
		}),
		one("FirstOrCreate", true, func(a *attacks.Attack, db *gorm.DB) {
			row := gormNote{ProjectID: "a-p1"}
			err := db.Where("id = ?", "g-n1").FirstOrCreate(&row).Error
			a.See(row, err)
		}),
		one("Assign with FirstOrCreate", true, func(a *attacks.Attack, db *gorm.DB) {
			row := gormNote{ProjectID: "a-p1"}
			err := db.Where("id = ?", "g-n1").Assign(gormNote{Title: "overwritten"}).FirstOrCreate(&row).Error
			a.See(row, err)
		}),
		one("Rows", true, func(a *attacks.Attack, db *gorm.DB) {
			rows, err := db.Model(&gormNote{}).Rows()
			if err != nil {
				a.See(nil, err)
				return
			}
			defer rows.Close()
			a.See(read(rows))
		}),
		one("Row", true, func(a *attacks.Attack, db *gorm.DB) {
			var body string
			err := db.Model(&gormNote{}).Select("body").Where("id = ?", "g-n1").Row().Scan(&body)
			a.See(body, err)
		}),
		one("Update RETURNING", true, func(a *attacks.Attack, db *gorm.DB) {
			var rows []gormNote
			err := db.Model(&rows).Clauses(clause.Returning{}).Where("1 = 1").Update("votes", 9).Error
			a.See(fromGORM(rows), err)
		}),
		c("a clause of Or", true, func(db *gorm.DB) *gorm.DB {
			return db.Clauses(clause.Where{Exprs: []clause.Expression{clause.Or(clause.Expr{SQL: "1 = 1"})}}).Where("id = ?", "a-n1")
		}),
		c("a lock", true, func(db *gorm.DB) *gorm.DB { return db.Clauses(clause.Locking{Strength: "UPDATE"}) }),
		c("Distinct", true, func(db *gorm.DB) *gorm.DB { return db.Distinct("body") }),
		c("Unscoped", true, func(db *gorm.DB) *gorm.DB { return db.Unscoped() }),
		c("Or", true, func(db *gorm.DB) *gorm.DB { return db.Where("id = ?", "a-n1").Or("1 = 1") }),
		c("OR between tabs, which GORM does not see", true, func(db *gorm.DB) *gorm.DB { return db.Where("1 = 1\tOR\tid = 'a-n1'") }),
		c("Or first", true, func(db *gorm.DB) *gorm.DB { return db.Or("1 = 1").Where("id = ?", "a-n1") }),
		c("Not", true, func(db *gorm.DB) *gorm.DB { return db.Not("id = ?", "a-n1") }),
		c("a group", true, func(db *gorm.DB) *gorm.DB { return db.Where(s.db.Where("1 = 1").Or("2 = 2")) }),
		c("a lazy scope", true, func(db *gorm.DB) *gorm.DB {
			return db.Scopes(func(db *gorm.DB) *gorm.DB { return db.Or("1 = 1") }).Where("id = ?", "a-n1")
		}),
		c("a struct of a foreign key", true, func(db *gorm.DB) *gorm.DB { return db.Where(&gormNote{TenantID: "globex"}) }),
		c("a map of a foreign key", true, func(db *gorm.DB) *gorm.DB { return db.Where(map[string]any{"tenant_id": "globex"}) }),
		c("Select of a query", false, func(db *gorm.DB) *gorm.DB { return db.Select("id, (SELECT max(body) FROM note) AS title") }),
		c("a sub-query", true, func(db *gorm.DB) *gorm.DB {
			return db.Where("id IN (?)", db.Session(&gorm.Session{NewDB: true}).Model(&gormNote{}).Select("id"))
		}),
		c("Table", false, func(db *gorm.DB) *gorm.DB { return db.Table("note AS n") }),
		c("a join by text", false, func(db *gorm.DB) *gorm.DB { return db.Joins("JOIN note b ON true").Select("b.*") }),
		c("a new session", true, func(db *gorm.DB) *gorm.DB { return db.Session(&gorm.Session{NewDB: true, SkipHooks: true}) }),
		c("Group and Having", true, func(db *gorm.DB) *gorm.DB {
			return db.Select("max(id) AS id, max(body) AS body").Group("tenant_id").Having("count(*) > 0")
		}),
		write("UpdateColumn of all", func(db *gorm.DB) *gorm.DB {
			return db.Session(&gorm.Session{AllowGlobalUpdate: true}).Model(&gormNote{}).UpdateColumn("title", "overwritten")
		}),
		write("UpdateColumns by Or", func(db *gorm.DB) *gorm.DB {
			return db.Model(&gormNote{}).Where("id = ?", "x").Or("1 = 1").UpdateColumns(map[string]any{"title": "overwritten"})
		}),
		write("Updates of a struct", func(db *gorm.DB) *gorm.DB {
			return db.Model(&gormNote{TenantID: "globex", ID: "g-n1"}).Updates(gormNote{Title: "overwritten"})
		}),
		write("Updates of a struct gives a row away", func(db *gorm.DB) *gorm.DB {
			return db.Model(&gormNote{}).Where("id = ?", "a-n2").Updates(gormNote{TenantID: "globex", ProjectID: "g-p1"})
		}),
		write("UpdateColumn gives a row away", func(db *gorm.DB) *gorm.DB {
			return db.Model(&gormNote{}).Where("id = ?", "a-n2").UpdateColumns(map[string]any{"tenant_id": "globex", "project_id": "g-p1"})
		}),
		write("Delete by a struct", func(db *gorm.DB) *gorm.DB { return db.Delete(&gormNote{TenantID: "globex", ID: "g-n2"}) }),
		write("Delete of structs", func(db *gorm.DB) *gorm.DB {
			return db.Delete([]gormNote{{TenantID: "globex", ID: "g-n2"}, {TenantID: "initech", ID: "i-n2"}})
		}),
		write("Create by a map", func(db *gorm.DB) *gorm.DB {
			return db.Model(&gormNote{}).Create(map[string]any{"tenant_id": "globex", "id": "x-1", "project_id": "g-p1"})
		}),
		write("Create in batches", func(db *gorm.DB) *gorm.DB {
			return db.CreateInBatches([]gormNote{{ID: "a-n8", ProjectID: "a-p1", TenantID: "acme"}, {ID: "x-1", ProjectID: "g-p1", TenantID: "globex"}}, 1)
		}),
		write("an upsert of everything", func(db *gorm.DB) *gorm.DB {
			return db.Clauses(clause.OnConflict{UpdateAll: true}).Create(&gormNote{TenantID: "globex", ID: "g-n1", ProjectID: "g-p1", Title: "overwritten"})
		}),
		write("an association is created with its parent", func(db *gorm.DB) *gorm.DB {
			return db.Create(&gormProject{TenantID: "globex", ID: "x-p9", Name: "planted", Notes: []gormNote{{TenantID: "globex", ID: "x-1", ProjectID: "x-p9"}}})
		}),
		{Family: "gorm", Name: "the pool itself", Store: true, Run: func(a *attacks.Attack) {
			rows, err := s.db.ConnPool.QueryContext(a.Context, "SELECT * FROM note")
			if err != nil {
				a.See(nil, err)
				return
			}
			defer rows.Close()
			a.See(read(rows))
		}},
		{Family: "gorm", Name: "callbacks are removed", Store: true, Run: func(a *attacks.Attack) {
			db, err := gorm.Open(s.db.Dialector, &gorm.Config{Logger: logger.Discard, DisableAutomaticPing: true, ConnPool: s.db.ConnPool})
			if err != nil {
				a.See(nil, err)
				return
			}
			var rows []gormNote
			err = db.WithContext(a.Context).Find(&rows).Error
			a.See(fromGORM(rows), err)
		}},
		{Family: "gorm", Name: "no context", Store: true, Run: func(a *attacks.Attack) {
			var rows []gormNote
			err := s.db.Find(&rows).Error
			a.See(fromGORM(rows), err)
			if err == nil {
				a.Leak("a query without a tenant is no error")
			}
		}},
	}
}

func TestGORMStopsEveryAttack(t *testing.T) {
	w := attacks.NewPostgres(t)
	db := openGORM(t, scopedPool(t, connectors(t, w.App())["pgx"], w.Signer), gormPlugin(t, false))
	attacks.Run(t, w, &gormStack{"GORM", db})
}

// TestGORMStopsEveryAttackByTheEngine is GORM without a plugin, on a scoped pool.
func TestGORMStopsEveryAttackByTheEngine(t *testing.T) {
	w := attacks.NewPostgres(t)
	db := openGORM(t, scopedPool(t, connectors(t, w.App())["pgx"], w.Signer))
	attacks.RunSome(t, w, &gormStack{"GORM without a plugin", db}, func(c attacks.Case) bool { return c.Store })
}

// TestGORMStopsWhatItClaimsWithoutTheEngine is the plugin alone, on a database without any
// security: where no text of the attacker's is in a query.
func TestGORMStopsWhatItClaimsWithoutTheEngine(t *testing.T) {
	w := attacks.NewPostgresWithoutWalls(t)
	db := openGORM(t, one(t, sql.OpenDB(connectors(t, w.App())["pgx"])), gormPlugin(t, true))
	attacks.RunSome(t, w, &gormStack{"GORM without the engine", db}, func(c attacks.Case) bool { return c.Plain })
}
