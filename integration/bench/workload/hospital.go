package workload

import (
	"fmt"
	"math/rand/v2"
	"strings"

	"github.com/reevehq/reeve/authz/policy"
	"github.com/reevehq/reeve/tenant"
)

// duty has the actions of a role on a type, in each department that the staff is in.
type duty struct {
	typ     string
	actions string
}

// duties are SAPL's: nine roles, 32 pairs of role and type.
var duties = []struct {
	role      string
	clearance int
	duties    []duty
}{
	{"attending", 4, []duty{{"PatientRecord", "read write create"}, {"LabResult", "read order"}, {"Prescription", "read write prescribe"},
		{"Imaging", "read order"}, {"CareNote", "read write create"}, {"Referral", "read write create"}}},
	{"resident", 3, []duty{{"PatientRecord", "read write"}, {"LabResult", "read"}, {"Prescription", "read"},
		{"Imaging", "read order"}, {"CareNote", "read write create"}, {"Referral", "read create"}}},
	{"nurse", 3, []duty{{"PatientRecord", "read write"}, {"LabResult", "read"}, {"Prescription", "read"}, {"CareNote", "read write create"}, {"Schedule", "read write"}}},
	{"labTech", 2, []duty{{"LabResult", "read write create"}, {"Imaging", "read write create"}}},
	{"pharmacist", 3, []duty{{"Prescription", "read write approve"}, {"PatientRecord", "read"}}},
	{"admin", 2, []duty{{"Schedule", "read write create delete"}, {"BillingRecord", "read write"}, {"AuditLog", "read"}}},
	{"billing", 2, []duty{{"BillingRecord", "read write create bill"}, {"PatientRecord", "read"}}},
	{"auditor", 4, []duty{{"AuditLog", "read write create audit"}, {"PatientRecord", "read"}, {"BillingRecord", "read"}}},
	{"researcher", 1, []duty{{"PatientRecord", "read"}, {"LabResult", "read"}, {"Imaging", "read"}}},
}

var (
	hospitalTypes    = strings.Fields("PatientRecord LabResult Prescription Imaging BillingRecord Schedule CareNote Referral Consent AuditLog")
	emergencyTypes   = strings.Fields("PatientRecord LabResult Prescription Imaging CareNote")
	emergencyActions = strings.Fields("read write prescribe override")

	// The actions and types that are asked for, each as often as it stands here.
	hospitalActions = strings.Fields("read read read read read read read write write write create create order prescribe approve bill audit delete")
	hospitalAsked   = strings.Fields("PatientRecord PatientRecord PatientRecord LabResult LabResult CareNote CareNote Prescription Imaging Schedule BillingRecord AuditLog Referral")
)

const (
	staffPerDepartment = 5
	teamsPerDepartment = 2
	mostSensitive      = 4
)

// hospital is departments with 33 policies each: 32 that permit, and one that denies what is more
// sensitive than somebody's clearance. Staff is in teams of one department, and by chance of others.
// Five policies for emergencies hold everywhere; nobody drawn has that role, as with SAPL.
//
// A department is a tenant of Reeve's and a domain of Casbin's.
func hospital(random *rand.Rand, size int) *Workload {
	type person struct {
		id         string
		role, home int
		teams      []string
		in         []int // departments
	}
	department := func(i int) string { return fmt.Sprintf("dept-%d", i) }
	team := func(d int) string {
		return name("team_", d*teamsPerDepartment+random.IntN(teamsPerDepartment))
	}
	var staff []person
	for d := range size {
		for range staffPerDepartment {
			p := person{id: name("staff_", len(staff)), role: random.IntN(len(duties)), home: d, teams: []string{team(d)}, in: []int{d}}
			for other := range size {
				if other != d && random.Float64() < chance {
					p.teams, p.in = append(p.teams, team(other)), append(p.in, other)
				}
			}
			staff = append(staff, p)
		}
	}

	w := &Workload{Policies: 33*size + len(emergencyTypes), Model: hospitalModel, Rego: hospitalRego, Attributes: "sub, clearance, int, no,\n"}
	for _, typ := range hospitalTypes {
		w.Attributes += word(typ) + ", sensitivity, int, no,\n"
	}
	var rows, text strings.Builder
	var p, g [][]string
	permits, members := map[string]any{}, map[string]any{}
	for d := range size {
		dept := department(d)
		for _, role := range duties {
			for _, duty := range role.duties {
				actions := strings.Fields(duty.actions)
				for _, action := range actions {
					fmt.Fprintf(&rows, "p, role:%s, %s, %s, %s, true, allow\n", role.role, dept, word(duty.typ), action)
				}
				p = append(p, []string{role.role, dept, duty.typ, "^(" + strings.Join(actions, "|") + ")$", "allow"})
				fmt.Fprintf(&text, "permit (principal in Department::%q, action in [Action::\"%s\"], resource is %s in Department::%[1]q) when { principal.role == %[4]q };\n",
					dept, strings.Join(actions, "\", Action::\""), duty.typ, role.role)
				put(permits, set(actions), dept, role.role, duty.typ)
			}
		}
		for _, typ := range hospitalTypes {
			fmt.Fprintf(&rows, "p, role:authenticated, %s, %s, *, r.obj.sensitivity > r.sub.clearance, deny\n", dept, word(typ))
		}
		p = append(p, []string{"*", dept, "*", "*", "deny"})
		fmt.Fprintf(&text, "forbid (principal, action, resource in Department::%q) when { resource.sensitivity > principal.clearance };\n", dept)
		w.Entities = append(w.Entities, Entity{UID: UID{"Department", dept}})
		for t := range teamsPerDepartment {
			w.Entities = append(w.Entities, Entity{UID: UID{"Team", name("team_", d*teamsPerDepartment+t)}, Parents: uids("Department", []string{dept})})
		}
		for _, typ := range hospitalTypes {
			for level := range mostSensitive {
				w.Entities = append(w.Entities, Entity{UID: UID{typ, fmt.Sprintf("%s/%d", dept, level+1)},
					Parents: uids("Department", []string{dept}), Attributes: map[string]any{"sensitivity": level + 1}})
			}
		}
	}
	for _, typ := range emergencyTypes {
		for _, action := range emergencyActions {
			fmt.Fprintf(&rows, "p, role:emergency, *, %s, %s, true, allow\n", word(typ), action)
		}
		p = append(p, []string{"emergency", "*", typ, "^(" + strings.Join(emergencyActions, "|") + ")$", "allow"})
		fmt.Fprintf(&text, "permit (principal, action in [Action::\"%s\"], resource is %s) when { principal.role == \"emergency\" };\n", strings.Join(emergencyActions, "\", Action::\""), typ)
	}
	for _, s := range staff {
		role := duties[s.role]
		in := make([]string, len(s.in))
		for i, d := range s.in {
			in[i] = department(d)
			fmt.Fprintf(&rows, "g, user:%s, role:%s, %s\n", s.id, role.role, in[i])
			g = append(g, []string{s.id, role.role, in[i]})
		}
		members[s.id] = set(in)
		w.Entities = append(w.Entities, Entity{UID: UID{"User", s.id}, Parents: uids("Team", s.teams),
			Attributes: map[string]any{"role": role.role, "clearance": role.clearance}})
	}
	w.Policy, w.Cedar = rows.String(), text.String()
	w.Rows = map[string][][]string{"p": p, "g": g}
	w.Data = map[string]any{"permits": permits, "members": members,
		"emergency": map[string]any{"types": set(emergencyTypes), "actions": set(emergencyActions)}}

	for range asked {
		s, action, typ := one(random, staff), one(random, hospitalActions), one(random, hospitalAsked)
		dept, sensitivity := department(s.home), 1
		if random.Float64() >= 0.8 {
			dept = department(random.IntN(size))
		}
		if random.Float64() >= 0.7 {
			sensitivity = 1 + random.IntN(mostSensitive)
		}
		role := duties[s.role]
		t := tenant.MustParse(dept)
		w.Requests = append(w.Requests, Request{
			Reeve: policy.Request{Tenant: t, Action: policy.Action(action),
				Subject: policy.Subject{ID: s.id, Attributes: policy.Values{"clearance": role.clearance}},
				Object:  policy.Object{Type: word(typ), ID: fmt.Sprint(sensitivity), Tenant: t, Attributes: policy.Values{"sensitivity": sensitivity}}},
			Casbin: []any{map[string]any{"ID": s.id, "Clearance": role.clearance}, dept, map[string]any{"Type": typ, "Sensitivity": sensitivity}, action},
			Cedar:  [3]UID{{"User", s.id}, {"Action", action}, {typ, fmt.Sprintf("%s/%d", dept, sensitivity)}},
			Rego: map[string]any{"subject": map[string]any{"id": s.id, "role": role.role, "clearance": role.clearance}, "action": action,
				"resource": map[string]any{"type": typ, "department": dept, "sensitivity": sensitivity}},
		})
	}
	return w
}

// put sets a value of maps in maps.
func put(m map[string]any, value any, path ...string) {
	for _, key := range path[:len(path)-1] {
		next, ok := m[key].(map[string]any)
		if !ok {
			next = map[string]any{}
			m[key] = next
		}
		m = next
	}
	m[path[len(path)-1]] = value
}

const hospitalModel = `
[request_definition]
r = sub, dom, obj, act
[policy_definition]
p = sub, dom, obj, act, eft
[role_definition]
g = _, _, _
[policy_effect]
e = some(where (p.eft == allow)) && !some(where (p.eft == deny))
[matchers]
m = (p.dom == r.dom || p.dom == "*") && ((p.obj == r.obj.Type && g(r.sub.ID, p.sub, r.dom) && regexMatch(r.act, p.act)) || \
  (p.eft == "deny" && r.obj.Sensitivity > r.sub.Clearance))
`

const hospitalRego = `package bench
default allow := false
allow if { permit; not deny }
permit if {
	data.permits[input.resource.department][input.subject.role][input.resource.type][input.action]
	data.members[input.subject.id][input.resource.department]
}
permit if { input.subject.role == "emergency"; data.emergency.types[input.resource.type]; data.emergency.actions[input.action] }
deny if input.resource.sensitivity > input.subject.clearance
`
