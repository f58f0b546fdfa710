-- The words of types are PostgreSQL's. For SQLite they are replaced, see sqlite.go.
-- Every key begins with the tenant, and so does every reference: a row cannot refer to one of
-- another tenant, whatever a handler forgot.
CREATE TABLE IF NOT EXISTS organisations (
	tenant_id TEXT NOT NULL PRIMARY KEY,
	name TEXT NOT NULL
);
CREATE TABLE IF NOT EXISTS members (
	tenant_id TEXT NOT NULL REFERENCES organisations,
	user_id TEXT NOT NULL,
	name TEXT NOT NULL,
	role TEXT NOT NULL,
	PRIMARY KEY (tenant_id, user_id)
);
CREATE TABLE IF NOT EXISTS projects (
	tenant_id TEXT NOT NULL REFERENCES organisations,
	id TEXT NOT NULL,
	name TEXT NOT NULL,
	PRIMARY KEY (tenant_id, id)
);
CREATE TABLE IF NOT EXISTS tasks (
	tenant_id TEXT NOT NULL,
	id TEXT NOT NULL,
	project_id TEXT NOT NULL,
	title TEXT NOT NULL,
	body TEXT NOT NULL,
	owner TEXT NOT NULL,
	private BOOLEAN NOT NULL,
	PRIMARY KEY (tenant_id, id),
	FOREIGN KEY (tenant_id, project_id) REFERENCES projects (tenant_id, id)
);
-- A list is one range of an index: of a project, of those that are open to all, in an order.
CREATE INDEX IF NOT EXISTS tasks_of_project ON tasks (tenant_id, project_id, private, id);
CREATE INDEX IF NOT EXISTS tasks_by_title ON tasks (tenant_id, project_id, private, title, id);
CREATE INDEX IF NOT EXISTS tasks_of_owner ON tasks (tenant_id, owner);
CREATE TABLE IF NOT EXISTS comments (
	tenant_id TEXT NOT NULL,
	id TEXT NOT NULL,
	task_id TEXT NOT NULL,
	author TEXT NOT NULL,
	body TEXT NOT NULL,
	PRIMARY KEY (tenant_id, id),
	FOREIGN KEY (tenant_id, task_id) REFERENCES tasks (tenant_id, id) ON DELETE CASCADE
);
CREATE INDEX IF NOT EXISTS comments_of_task ON comments (tenant_id, task_id);
CREATE TABLE IF NOT EXISTS attachments (
	tenant_id TEXT NOT NULL,
	id TEXT NOT NULL,
	task_id TEXT NOT NULL,
	name TEXT NOT NULL,
	content BYTEA NOT NULL,
	PRIMARY KEY (tenant_id, id),
	FOREIGN KEY (tenant_id, task_id) REFERENCES tasks (tenant_id, id) ON DELETE CASCADE
);
CREATE INDEX IF NOT EXISTS attachments_of_task ON attachments (tenant_id, task_id);
CREATE TABLE IF NOT EXISTS exports (
	tenant_id TEXT NOT NULL REFERENCES organisations,
	id TEXT NOT NULL,
	requested_by TEXT NOT NULL,
	status TEXT NOT NULL,
	content TEXT NOT NULL,
	PRIMARY KEY (tenant_id, id)
);
