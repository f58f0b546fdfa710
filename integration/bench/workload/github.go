package workload

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"

	"github.com/reevehq/reeve/authz/policy"
)

// levels are the uses of a repository, from the least to the most, each with its roles: of
// the repository, and of the organization that owns it.
var levels = []struct{ action, repo, org string }{
	{"read", "readers", "readers"}, {"triage", "triagers", ""}, {"write", "writers", "writers"},
	{"maintain", "maintainers", ""}, {"admin", "admins", "admins"},
}

// github is repositories of organizations; users and teams may use them in five ways, or all of an
// organization's in three. Teams are in teams.
func github(random *rand.Rand, size int) *Workload {
	orgRole := func(i int) string {
		return name("org_", i) + "_" + one(random, []string{"readers", "writers", "admins"})
	}
	repoRole := func(i int) string { return name("repo_", i) + "_" + levels[random.IntN(len(levels))].repo }
	members := graph{} // organizations, teams and users to what they may
	edges := func(from string, size int, to func(int) string) {
		for i := range size {
			if random.Float64() < chance {
				members[from] = append(members[from], to(i))
			}
		}
	}
	for i := range size {
		edges(name("org_", i), size, orgRole)
	}
	owners := make([]string, size)
	for i := range owners {
		owners[i] = name("org_", random.IntN(size))
	}
	for team, in := range nested(random, "team_", size) {
		members[team] = in
	}
	for i := range size {
		edges(name("team_", i), size, repoRole)
	}
	groups := graph{} // members without the users
	for from, to := range members {
		groups[from] = slices.Clone(to)
	}
	for i := range size {
		user := name("user_", i)
		edges(user, size, repoRole)
		members[user] = slices.Concat(members[user], some(random, "team_", size), some(random, "org_", size))
		edges(user, size, orgRole)
	}

	w := &Workload{Policies: 8, Cedar: githubCedar(), Model: githubModel(), Rego: githubRego,
		Policy:     githubPolicy() + roleRows(groups),
		Attributes: "repo, owner, parent, yes, owner_id, org, orgs, id\n",
		Rows:       map[string][][]string{"g": members.rows()}}
	for _, l := range levels {
		w.Attributes += "repo, " + l.repo + ", string, no,\n"
		if l.org != "" {
			w.Attributes += "org, " + l.org + ", string, no,\n"
		}
	}
	roles, repos := map[string]any{}, map[string]any{}
	w.Data = map[string]any{"roles": roles, "repos": repos}
	values, plain := make([]policy.Values, size), make([]map[string]any, size)
	for i := range size {
		org, repo, team, user := name("org_", i), name("repo_", i), name("team_", i), name("user_", i)
		attributes := map[string]any{"owner": UID{"Organization", owners[i]}}
		orgAttributes := map[string]any{}
		owner := policy.Values{}
		values[i], plain[i] = policy.Values{"owner": owner}, map[string]any{}
		for _, l := range levels {
			attributes[l.repo] = UID{"Permission", repo + "_" + l.repo}
			values[i][l.repo], plain[i][l.repo] = repo+"_"+l.repo, repo+"_"+l.repo
			w.Entities = append(w.Entities, Entity{UID: UID{"Permission", repo + "_" + l.repo}})
			if l.org != "" {
				owner[l.org], plain[i]["owner_"+l.org] = owners[i]+"_"+l.org, owners[i]+"_"+l.org
				orgAttributes[l.org] = UID{"Permission", org + "_" + l.org}
				w.Entities = append(w.Entities, Entity{UID: UID{"Permission", org + "_" + l.org}})
			}
		}
		w.Entities = append(w.Entities,
			Entity{UID: UID{"Organization", org}, Parents: permissions(members[org]), Attributes: orgAttributes},
			Entity{UID: UID{"Repository", repo}, Attributes: attributes},
			Entity{UID: UID{"Team", team}, Parents: permissions(members[team])},
			Entity{UID: UID{"User", user}, Parents: permissions(members[user])})
		roles[user], repos[repo] = set(members.closure(user)), plain[i]
	}
	for range asked {
		user, action, i := name("user_", random.IntN(size)), levels[random.IntN(len(levels))].action, random.IntN(size)
		repo := name("repo_", i)
		w.Requests = append(w.Requests, Request{
			Reeve:  ask(user, members[user], action, "Repo", repo, values[i]),
			Casbin: []any{user, plain[i], action},
			Cedar:  [3]UID{{"User", user}, {"Action", action}, {"Repository", repo}},
			Rego:   map[string]any{"principal": user, "action": action, "resource": repo},
		})
	}
	return w
}

// permissions returns the names that somebody is in, as entities.
func permissions(names []string) []UID {
	all := make([]UID, len(names))
	for i, n := range names {
		switch {
		case strings.HasPrefix(n, "team_"):
			all[i] = UID{"Team", n}
		case strings.Count(n, "_") == 1:
			all[i] = UID{"Organization", n}
		default:
			all[i] = UID{"Permission", n}
		}
	}
	return all
}

// reach calls each with an action and a level that includes it.
func reach(each func(action, repo, org string)) {
	for i, l := range levels {
		for _, included := range levels[:i+1] {
			each(included.action, l.repo, l.org)
		}
	}
}

func githubPolicy() string {
	var rows strings.Builder
	reach(func(action, repo, org string) {
		fmt.Fprintf(&rows, "p, role:authenticated, *, repo, %s, r.obj.%s in r.sub.roles, allow\n", action, repo)
		if org != "" {
			fmt.Fprintf(&rows, "p, role:authenticated, *, repo, %s, r.obj.owner.%s in r.sub.roles, allow\n", action, org)
		}
	})
	return rows.String()
}

func githubModel() string {
	terms := map[string][]string{}
	reach(func(action, repo, org string) {
		terms[action] = append(terms[action], "g(r.sub, r.obj."+repo+")")
		if org != "" {
			terms[action] = append(terms[action], "g(r.sub, r.obj.owner_"+org+")")
		}
	})
	var any []string
	for _, l := range levels {
		any = append(any, fmt.Sprintf("(r.act == %q && (%s))", l.action, strings.Join(terms[l.action], " || ")))
	}
	return "[request_definition]\nr = sub, obj, act\n[policy_definition]\np = sub\n[role_definition]\ng = _, _\n" +
		"[policy_effect]\ne = some(where (p.eft == allow))\n[matchers]\nm = " + strings.Join(any, " || ") + "\n"
}

func githubCedar() string {
	included := map[string][]string{}
	reach(func(action, repo, _ string) {
		included[repo] = append(included[repo], fmt.Sprintf("Action::%q", action))
	})
	var text strings.Builder
	for _, l := range levels {
		fmt.Fprintf(&text, "permit (principal, action in [%s], resource) when { principal in resource.%s };\n", strings.Join(included[l.repo], ", "), l.repo)
		if l.org != "" {
			fmt.Fprintf(&text, "permit (principal, action in [%s], resource) when { principal in resource.owner.%s };\n", strings.Join(included[l.repo], ", "), l.org)
		}
	}
	return text.String()
}

const githubRego = `package bench
default allow := false
repo := data.repos[input.resource]
roles := data.roles[input.principal]
levels := {
	"read": ["readers", "triagers", "writers", "maintainers", "admins", "owner_readers", "owner_writers", "owner_admins"],
	"triage": ["triagers", "writers", "maintainers", "admins", "owner_writers", "owner_admins"],
	"write": ["writers", "maintainers", "admins", "owner_writers", "owner_admins"],
	"maintain": ["maintainers", "admins", "owner_admins"],
	"admin": ["admins", "owner_admins"],
}
allow if { some level in levels[input.action]; roles[repo[level]] }
`
