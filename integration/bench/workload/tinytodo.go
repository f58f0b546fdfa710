package workload

import (
	"fmt"
	"math/rand/v2"
	"strings"

	"github.com/reevehq/reeve/authz/policy"
)

// tinytodo is lists with an owner, a team of readers and a team of editors; teams are in teams.
func tinytodo(random *rand.Rand, size int) *Workload {
	type list struct{ owner, readers, editors string }
	members := graph{} // users and teams to teams
	for i := range size {
		members[name("user_", i)] = some(random, "team_", size)
	}
	teams := nested(random, "team_", size)
	for team, in := range teams {
		members[team] = in
	}
	lists := make([]list, size)
	for i := range lists {
		lists[i] = list{name("user_", random.IntN(size)), name("team_", random.IntN(size)), name("team_", random.IntN(size))}
	}

	modifying := []string{"UpdateList", "CreateTask", "UpdateTask", "DeleteTask"}
	w := &Workload{Policies: 4, Model: tinytodoModel, Cedar: tinytodoCedar, Rego: tinytodoRego,
		Attributes: "list, owner, string, no,\nlist, readers, string, no,\nlist, editors, string, no,\n",
		Rows:       map[string][][]string{"g": members.rows()}}
	var rows strings.Builder
	rows.WriteString("p, role:authenticated, *, application, create_list, true, allow\n" +
		"p, role:authenticated, *, application, get_lists, true, allow\n" +
		"p, role:authenticated, *, list, *, r.obj.owner == r.sub.id, allow\n" +
		"p, role:authenticated, *, list, get_list, r.obj.readers in r.sub.roles || r.obj.editors in r.sub.roles, allow\n")
	for _, action := range modifying {
		fmt.Fprintf(&rows, "p, role:authenticated, *, list, %s, r.obj.editors in r.sub.roles, allow\n", word(action))
	}
	rows.WriteString(roleRows(teams))
	w.Policy = rows.String()

	roles, data := map[string]any{}, map[string]any{}
	w.Entities = append(w.Entities, Entity{UID: UID{"Application", "TinyTodo"}})
	for i := range size {
		user, team, l := name("user_", i), name("team_", i), lists[i]
		w.Entities = append(w.Entities,
			Entity{UID: UID{"User", user}, Parents: uids("Team", members[user])},
			Entity{UID: UID{"Team", team}, Parents: uids("Team", members[team])},
			Entity{UID: UID{"List", name("list_", i)}, Attributes: map[string]any{
				"owner": UID{"User", l.owner}, "readers": UID{"Team", l.readers}, "editors": UID{"Team", l.editors}}})
		roles[user] = set(members.closure(user))
		data[name("list_", i)] = map[string]any{"owner": l.owner, "readers": l.readers, "editors": l.editors}
	}
	w.Data = map[string]any{"roles": roles, "lists": data}

	actions := append([]string{"CreateList", "GetLists", "GetList", "DeleteList", "EditShares"}, modifying...)
	for range asked {
		user, action, i := name("user_", random.IntN(size)), one(random, actions), random.IntN(size)
		r := Request{Cedar: [3]UID{{"User", user}, {"Action", action}, {"List", name("list_", i)}},
			Rego: map[string]any{"principal": user, "action": action, "resource": name("list_", i)}}
		l := lists[i]
		r.Reeve = ask(user, members[user], action, "List", name("list_", i), policy.Values{"owner": l.owner, "readers": l.readers, "editors": l.editors})
		object := map[string]any{"Type": "List", "Owner": l.owner, "Readers": l.readers, "Editors": l.editors}
		if action == "CreateList" || action == "GetLists" {
			r.Cedar[2], r.Rego["resource"] = UID{"Application", "TinyTodo"}, "TinyTodo"
			r.Reeve = ask(user, members[user], action, "Application", "", nil)
			object = map[string]any{"Type": "Application"}
		}
		r.Casbin = []any{user, object, action}
		w.Requests = append(w.Requests, r)
	}
	return w
}

const tinytodoModel = `
[request_definition]
r = sub, obj, act
[policy_definition]
p = sub
[role_definition]
g = _, _
[policy_effect]
e = some(where (p.eft == allow))
[matchers]
m = ((r.act == "CreateList" || r.act == "GetLists") && r.obj.Type == "Application") || \
  (r.obj.Type == "List" && (r.obj.Owner == r.sub || \
    (r.act == "GetList" && (g(r.sub, r.obj.Readers) || g(r.sub, r.obj.Editors))) || \
    ((r.act == "UpdateList" || r.act == "CreateTask" || r.act == "UpdateTask" || r.act == "DeleteTask") && g(r.sub, r.obj.Editors))))
`

const tinytodoCedar = `
permit (principal, action in [Action::"CreateList", Action::"GetLists"], resource == Application::"TinyTodo");
permit (principal, action, resource is List) when { resource.owner == principal };
permit (principal, action == Action::"GetList", resource is List)
when { principal in resource.readers || principal in resource.editors };
permit (principal, action in [Action::"UpdateList", Action::"CreateTask", Action::"UpdateTask", Action::"DeleteTask"], resource is List)
when { principal in resource.editors };
`

const tinytodoRego = `package bench
default allow := false
list := data.lists[input.resource]
allow if input.action in {"CreateList", "GetLists"}
allow if list.owner == input.principal
allow if { input.action == "GetList"; data.roles[input.principal][list.readers] }
allow if { input.action == "GetList"; data.roles[input.principal][list.editors] }
allow if { input.action in {"UpdateList", "CreateTask", "UpdateTask", "DeleteTask"}; data.roles[input.principal][list.editors] }
`
