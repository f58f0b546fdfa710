// Package schema describes what the generated client is of: notes in projects, with tags. It says
// nothing of tenants but the column, which nobody sets: the database does.
package schema

import (
	"entgo.io/ent"
	"entgo.io/ent/dialect/entsql"
	"entgo.io/ent/schema"
	"entgo.io/ent/schema/edge"
	"entgo.io/ent/schema/field"
)

func table(name string) []schema.Annotation {
	return []schema.Annotation{entsql.Annotation{Table: name}}
}

// Project has notes.
type Project struct{ ent.Schema }

// Fields of a project.
func (Project) Fields() []ent.Field {
	return []ent.Field{field.String("id"), field.String("tenant_id").Optional(), field.String("name")}
}

// Edges of a project.
func (Project) Edges() []ent.Edge { return []ent.Edge{edge.To("notes", Note.Type)} }

// Annotations of a project.
func (Project) Annotations() []schema.Annotation { return table("project") }

// Note is in a project.
type Note struct{ ent.Schema }

// Fields of a note.
func (Note) Fields() []ent.Field {
	return []ent.Field{
		field.String("id"), field.String("tenant_id").Optional(), field.String("project_id").Optional(),
		field.String("title").Default(""), field.String("body").Default(""), field.Int("votes").Default(0),
	}
}

// Edges of a note.
func (Note) Edges() []ent.Edge {
	return []ent.Edge{
		edge.From("project", Project.Type).Ref("notes").Unique().Field("project_id"),
		edge.To("tags", Tag.Type).StorageKey(edge.Table("note_tag"), edge.Columns("note_id", "tag_id")),
	}
}

// Annotations of a note.
func (Note) Annotations() []schema.Annotation { return table("note") }

// Tag is on notes.
type Tag struct{ ent.Schema }

// Fields of a tag.
func (Tag) Fields() []ent.Field {
	return []ent.Field{field.String("id"), field.String("tenant_id").Optional(), field.String("name")}
}

// Edges of a tag.
func (Tag) Edges() []ent.Edge { return []ent.Edge{edge.From("notes", Note.Type).Ref("tags")} }

// Annotations of a tag.
func (Tag) Annotations() []schema.Annotation { return table("tag") }
