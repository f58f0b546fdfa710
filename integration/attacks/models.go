package attacks

// list is a case of a filter that goes into a query.
func list(name, filter string) Case {
	return Case{Family: "model", Name: "list with " + name, Store: true, Run: func(a *Attack) { a.See(a.Store.List(a.Context, filter, "")) }}
}

// store is a case by the models.
func store(name string, run func(a *Attack)) Case {
	return Case{Family: "model", Name: name, Store: true, Plain: true, Run: run}
}

// injected is store with a text of the attacker's in a query.
func injected(name string, run func(a *Attack)) Case {
	return Case{Family: "model", Name: name, Store: true, Run: run}
}

func onPostgres(c Case) Case { c.Postgres = true; return c }

// models are reads by the models of a stack.
func models() []Case {
	return []Case{
		store("list", func(a *Attack) { a.See(a.Store.List(a.Context, "", "")) }),
		list("a condition that is true", "1 = 1"),
		list("OR", "id = 'x' OR 1 = 1"),
		list("OR between tabs", "id = 'x'\tOR\t1=1"),
		list("parentheses that close early", "1=1) OR (1=1"),
		list("a comment", "1=1 OR 1=1 --"),
		list("parentheses and a comment", "1=1) OR 1=1 --"),
		list("a query", "1=0 OR id IN (SELECT id FROM note)"),
		list("the other tenant", "tenant_id = 'globex'"),
		list("UNION", "1=0) UNION ALL SELECT * FROM note --"),
		onPostgres(injected("list in an order that asks", func(a *Attack) { // SQLite casts any text
			a.See(a.Store.List(a.Context, "id = 'a-n1'", "(SELECT CAST(max(body) AS integer) FROM note WHERE tenant_id = 'globex')"))
		})),
		store("list with a key of another", func(a *Attack) { a.See(a.Store.List(a.Context, "id = 'g-n1'", "")) }),
		store("list with two keys", func(a *Attack) { a.See(a.Store.List(a.Context, "id = 'a-n1' OR id = 'g-n1'", "")) }),
		store("get", func(a *Attack) { a.See(a.Store.Get(a.Context, "g-n1")) }),
		store("get by a key that every tenant has", func(a *Attack) {
			for range 3 {
				a.See(a.Store.Get(a.Context, "s-n1"))
			}
			a.See(a.Store.List(a.Context, "id = 's-n1'", ""))
		}),
		store("pluck", func(a *Attack) { a.See(a.Store.Pluck(a.Context, "body")) }),
		injected("pluck a query", func(a *Attack) { a.See(a.Store.Pluck(a.Context, "(SELECT max(body) FROM note)")) }),
		store("count", func(a *Attack) {
			n, err := a.Store.Count(a.Context, "")
			a.See(n, err)
			if n > ownNotes {
				a.Leak("counts %d", n)
			}
		}),
		store("count of a key of another", func(a *Attack) {
			n, err := a.Store.Count(a.Context, "id = 'g-n1'")
			a.See(n, err)
			if n > 0 {
				a.Leak("the row is there")
			}
		}),
		store("a foreign parent with its children", func(a *Attack) {
			name, notes, err := a.Store.Project(a.Context, "g-p1")
			a.See([]any{name, notes}, err)
		}),
		store("a parent of a key that every tenant has", func(a *Attack) {
			name, notes, err := a.Store.Project(a.Context, "s-p1")
			a.See([]any{name, notes}, err)
			if len(notes) > 1 {
				a.Leak("%d children", len(notes))
			}
		}),
		store("joined parents", func(a *Attack) { a.See(a.Store.Joined(a.Context, "")) }),
		injected("joined parents with OR", func(a *Attack) { a.See(a.Store.Joined(a.Context, "1=1 OR 1=1")) }),
		store("through the table between two", func(a *Attack) { a.See(a.Store.Tagged(a.Context, "s-t1")) }),
		store("through the table between two by a foreign key", func(a *Attack) { a.See(a.Store.Tagged(a.Context, "g-t1")) }),
	}
}

// modelWrites are writes by the models of a stack.
func modelWrites() []Case {
	overwritten := func() map[string]any { return map[string]any{"title": "overwritten"} }
	foreign := Note{Tenant: "globex", ID: "x-1", Project: "g-p1", Title: "planted"}
	theirs := Note{Tenant: "globex", ID: "g-n1", Project: "g-p1", Title: "overwritten"}
	const noTenant = "the key begins with the tenant, and without walls there is none to stamp"
	harmless := func(c Case, why string) Case { c.Harmless = why; return c }
	return []Case{
		store("create with a foreign tenant", func(a *Attack) { a.See(nil, a.Store.Create(a.Context, foreign)) }),
		store("create several, one foreign", func(a *Attack) {
			a.See(nil, a.Store.Create(a.Context, Note{Tenant: "acme", ID: "a-n9", Project: "a-p1"}, foreign))
		}),
		harmless(store("create in a foreign parent", func(a *Attack) {
			err := a.Store.Create(a.Context, Note{Tenant: "acme", ID: "a-n9", Project: "g-p1"})
			a.See(nil, err)
			if err == nil {
				a.Leak("a child of a foreign parent is there")
			}
		}), compositeKeys),
		store("save with a foreign tenant", func(a *Attack) { a.See(nil, a.Store.Save(a.Context, theirs)) }),
		harmless(store("save a foreign key", func(a *Attack) {
			a.See(nil, a.Store.Save(a.Context, Note{ID: "g-n1", Project: "a-p1", Title: "overwritten"}))
		}), noTenant),
		harmless(store("save gives a row away", func(a *Attack) {
			a.See(nil, a.Store.Save(a.Context, Note{Tenant: "globex", ID: "a-n2", Project: "g-p1", Title: "planted"}))
		}), "a stack that saves by the whole key writes a new row"),
		store("upsert with a foreign tenant", func(a *Attack) { a.See(nil, a.Store.Upsert(a.Context, theirs)) }),
		harmless(store("upsert of a foreign key", func(a *Attack) {
			a.See(nil, a.Store.Upsert(a.Context, Note{ID: "g-n1", Project: "a-p1", Title: "overwritten"}))
		}), noTenant),
		store("update", func(a *Attack) { a.See(a.Store.Update(a.Context, "g-n1", overwritten())) }),
		store("update by a key that every tenant has", func(a *Attack) { a.See(a.Store.Update(a.Context, "s-n1", overwritten())) }),
		store("update gives a row away", func(a *Attack) {
			a.See(a.Store.Update(a.Context, "a-n2", map[string]any{"tenant_id": "globex", "project_id": "g-p1"}))
		}),
		store("update steals a row", func(a *Attack) {
			a.See(a.Store.Update(a.Context, "g-n2", map[string]any{"tenant_id": "acme", "project_id": "a-p1"}))
		}),
		harmless(store("update moves one's own to a foreign parent", func(a *Attack) {
			n, err := a.Store.Update(a.Context, "a-n1", map[string]any{"project_id": "g-p1"})
			a.See(n, err)
			if err == nil && n > 0 {
				a.Leak("it is moved")
			}
		}), compositeKeys),
		store("update moves a foreign row", func(a *Attack) { a.See(a.Store.Update(a.Context, "g-n1", map[string]any{"project_id": "s-p1"})) }),
		store("update of all", func(a *Attack) { a.See(a.Store.UpdateAll(a.Context, "", overwritten())) }),
		injected("update of all with OR", func(a *Attack) { a.See(a.Store.UpdateAll(a.Context, "1=1 OR 1=1", overwritten())) }),
		injected("update of all with parentheses that close early", func(a *Attack) { a.See(a.Store.UpdateAll(a.Context, "1=1) OR (1=1", overwritten())) }),
		store("update of all gives rows away", func(a *Attack) {
			a.See(a.Store.UpdateAll(a.Context, "id = 'a-n2'", map[string]any{"tenant_id": "globex", "project_id": "g-p1"}))
		}),
		store("a counter", func(a *Attack) { a.See(a.Store.Increment(a.Context, "g-n1")) }),
		store("delete", func(a *Attack) { a.See(a.Store.Delete(a.Context, "g-n2")) }),
		store("delete of all that match", func(a *Attack) { a.See(a.Store.DeleteAll(a.Context, "id = 'g-n2'")) }),
		injected("delete of all with OR", func(a *Attack) { a.See(a.Store.DeleteAll(a.Context, "id = 'g-n2' OR id = 'i-n2'")) }),
		harmless(store("a tag on a foreign row", func(a *Attack) { a.See(nil, a.Store.Tag(a.Context, "g-n2", "g-t1")) }), noTenant),
		harmless(store("a foreign tag on one's own row", func(a *Attack) {
			err := a.Store.Tag(a.Context, "a-n2", "g-t1")
			a.See(nil, err)
			if err == nil {
				a.Leak("a reference to a foreign row is there")
			}
		}), compositeKeys),
		store("a foreign tag is taken off", func(a *Attack) { a.See(nil, a.Store.Untag(a.Context, "g-n1", "g-t1")) }),
		store("a tag is taken off a key that every tenant has", func(a *Attack) { a.See(nil, a.Store.Untag(a.Context, "s-n1", "s-t1")) }),
	}
}
