package workload

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"

	"github.com/reevehq/reeve/authz/policy"
)

// gdrive is documents in folders in folders; users and groups own them, or may view them. Half of
// the documents are public.
//
// In the generator of Cedar's paper views of users are called one thing where they are made and
// another where they are referred to, so that none leads anywhere. Here they do, as in SAPL's.
func gdrive(random *rand.Rand, size int) *Workload {
	groups, documents := graph{}, graph{} // users to groups; documents to folders
	owns, ownsFolders := graph{}, graph{} // users to documents and to folders
	views, groupViews := graph{}, graph{} // documents and folders to users and to groups
	public := map[string]bool{}
	for i := range size {
		user := name("user_", i)
		groups[user], owns[user], ownsFolders[user] = some(random, "group_", size), some(random, "doc_", size), some(random, "folder_", size)
	}
	for i := range size {
		doc := name("doc_", i)
		public[doc] = random.IntN(2) == 0
		documents[doc], views[doc], groupViews[doc] = some(random, "folder_", size), some(random, "user_", size), some(random, "group_", size)
	}
	folders := nested(random, "folder_", size)
	for i := range size {
		folder := name("folder_", i)
		views[folder], groupViews[folder] = some(random, "user_", size), some(random, "group_", size)
	}

	w := &Workload{Policies: 5, Policy: gdrivePolicy(), Attributes: gdriveAttributes, Model: gdriveModel, Cedar: gdriveCedar, Rego: gdriveRego}
	members := graph{} // groups to users
	for i := range size {
		for _, g := range groups[name("user_", i)] {
			members[g] = append(members[g], name("user_", i))
		}
	}
	inside := graph{} // documents and folders to folders
	for _, g := range []graph{documents, folders} {
		for from, to := range g {
			inside[from] = to
		}
	}
	viewers := func(of string) (users, byGroup []string) {
		for _, folder := range inside.closure(of) {
			users, byGroup = append(users, views[folder]...), append(byGroup, groupViews[folder]...)
		}
		slices.Sort(users)
		slices.Sort(byGroup)
		return slices.Compact(users), slices.Compact(byGroup)
	}

	w.Rows = map[string][][]string{"g": gdriveEdges(inside, views, groupViews, members, owns, ownsFolders)}
	users, resources := map[string]any{}, map[string]any{}
	values := map[string]policy.Values{}
	for i := range size {
		user, group, doc, folder := name("user_", i), name("group_", i), name("doc_", i), name("folder_", i)
		w.Entities = append(w.Entities,
			Entity{UID: UID{"User", user}, Parents: uids("Group", groups[user]), Attributes: map[string]any{
				"viewable": UID{"View", user}, "ownedDocuments": uids("Document", owns[user]), "ownedFolders": uids("Folder", ownsFolders[user])}},
			Entity{UID: UID{"View", user}}, Entity{UID: UID{"Group", group}},
			Entity{UID: UID{"View", group}, Parents: uids("View", members[group])},
			Entity{UID: UID{"Document", doc}, Attributes: map[string]any{"isPublic": public[doc]},
				Parents: slices.Concat(uids("Folder", documents[doc]), uids("View", views[doc]), uids("View", groupViews[doc]))},
			Entity{UID: UID{"Folder", folder},
				Parents: slices.Concat(uids("Folder", folders[folder]), uids("View", views[folder]), uids("View", groupViews[folder]))})
		users[user] = map[string]any{"documents": set(owns[user]), "folders": set(ownsFolders[user])}
		for _, resource := range []string{doc, folder} {
			path := inside.closure(resource)
			byUser, byGroup := viewers(resource)
			v := policy.Values{"path": path, "viewers": byUser, "view_groups": byGroup}
			if resource == doc {
				v["public"] = public[doc]
			}
			values[resource] = v
			all := slices.Clone(byUser)
			for _, g := range byGroup {
				all = append(all, members[g]...)
			}
			resources[resource] = map[string]any{"public": public[resource], "path": set(path), "viewers": set(all)}
		}
	}
	w.Data = map[string]any{"users": users, "resources": resources}

	for range asked {
		user, action := name("user_", random.IntN(size)), one(random, []string{"read", "write", "share", "changeOwner", "createDocument"})
		typ, resource := "Document", name("doc_", random.IntN(size))
		if action == "createDocument" || action != "changeOwner" && random.IntN(2) == 0 {
			typ, resource = "Folder", name("folder_", random.IntN(size))
		}
		r := Request{Cedar: [3]UID{{"User", user}, {"Action", action}, {typ, resource}},
			Rego: map[string]any{"principal": user, "action": action, "resource": resource}}
		r.Reeve = ask(user, groups[user], action, typ, resource, values[resource])
		r.Reeve.Subject.Attributes = policy.Values{"owned_documents": owns[user], "owned_folders": ownsFolders[user]}
		r.Casbin = []any{
			map[string]any{"View": "view:" + user, "Own": "own:" + user, "Documents": anys(owns[user]), "Folders": anys(ownsFolders[user])},
			map[string]any{"ID": resource, "Public": public[resource]}, action}
		w.Requests = append(w.Requests, r)
	}
	return w
}

// gdriveEdges are all ways from a document to its owners and to those who may view it, since Casbin
// follows edges and looks into no lists of its own accord.
func gdriveEdges(inside, views, groupViews, members, owns, ownsFolders graph) [][]string {
	all := graph{}
	add := func(from, to string) { all[from] = append(all[from], to) }
	for from, folders := range inside {
		for _, f := range folders {
			add(from, f)
		}
	}
	for _, g := range []graph{views, groupViews} {
		for resource, to := range g {
			for _, v := range to {
				add(resource, "view:"+v)
			}
		}
	}
	for group, users := range members {
		for _, u := range users {
			add("view:"+group, "view:"+u)
		}
	}
	for _, g := range []graph{owns, ownsFolders} {
		for user, resources := range g {
			for _, r := range resources {
				add(r, "own:"+user)
			}
		}
	}
	for from := range all {
		slices.Sort(all[from])
	}
	return all.rows()
}

func anys(names []string) []any {
	all := make([]any, len(names))
	for i, n := range names {
		all[i] = n
	}
	return all
}

// gdrivePolicy writes the five policies for each type and action.
func gdrivePolicy() string {
	var rows strings.Builder
	add := func(typ, action, condition string) {
		fmt.Fprintf(&rows, "p, role:authenticated, *, %s, %s, \"%s\", allow\n", typ, action, condition)
	}
	add("document", "read", "r.obj.public")
	for _, typ := range []string{"document", "folder"} {
		add(typ, "read", "r.sub.id in r.obj.viewers || containsAny(r.sub.roles, r.obj.view_groups)")
	}
	for _, action := range []string{"read", "write", "share"} {
		add("document", action, "r.obj.id in r.sub.owned_documents || containsAny(r.obj.path, r.sub.owned_folders)")
		add("folder", action, "containsAny(r.obj.path, r.sub.owned_folders)")
	}
	add("document", "change_owner", "r.obj.id in r.sub.owned_documents")
	add("folder", "create_document", "r.obj.id in r.sub.owned_folders")
	return rows.String()
}

const gdriveAttributes = `document, public, bool, no,
document, path, strings, no,
document, viewers, strings, no,
document, view_groups, strings, no,
folder, path, strings, no,
folder, viewers, strings, no,
folder, view_groups, strings, no,
sub, owned_documents, strings, no,
sub, owned_folders, strings, no,
`

const gdriveModel = `
[request_definition]
r = sub, obj, act
[policy_definition]
p = sub
[role_definition]
g = _, _
[policy_effect]
e = some(where (p.eft == allow))
[matchers]
m = (r.act == "read" && (r.obj.Public || g(r.obj.ID, r.sub.View))) || \
  ((r.act == "read" || r.act == "write" || r.act == "share") && g(r.obj.ID, r.sub.Own)) || \
  (r.act == "changeOwner" && r.obj.ID in r.sub.Documents) || \
  (r.act == "createDocument" && r.obj.ID in r.sub.Folders)
`

const gdriveCedar = `
permit (principal, action == Action::"read", resource) when { resource in principal.viewable };
permit (principal, action == Action::"read", resource is Document) when { resource.isPublic };
permit (principal, action in [Action::"read", Action::"write", Action::"share"], resource)
when { resource in principal.ownedDocuments || resource in principal.ownedFolders };
permit (principal, action == Action::"changeOwner", resource) when { principal.ownedDocuments.contains(resource) };
permit (principal, action == Action::"createDocument", resource) when { principal.ownedFolders.contains(resource) };
`

const gdriveRego = `package bench
default allow := false
resource := data.resources[input.resource]
allow if { input.action == "read"; resource.viewers[input.principal] }
allow if { input.action == "read"; resource.public }
allow if { input.action in {"read", "write", "share"}; data.users[input.principal].documents[input.resource] }
allow if { input.action in {"read", "write", "share"}; some folder, _ in data.users[input.principal].folders; resource.path[folder] }
allow if { input.action == "changeOwner"; data.users[input.principal].documents[input.resource] }
allow if { input.action == "createDocument"; data.users[input.principal].folders[input.resource] }
`
