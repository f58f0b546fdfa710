package requestrow_test

import (
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/reevehq/reeve/authz/policy"
	"github.com/reevehq/reeve/authz/policy/condition"
	"github.com/reevehq/reeve/authz/policy/internal/requestrow"
	"github.com/reevehq/reeve/authz/policy/policytest"
	"github.com/reevehq/reeve/tenant"
)

var declared = []policy.Attribute{
	{Type: "doc", Name: "owner", Kind: policy.KindString}, {Type: "doc", Name: "size", Kind: policy.KindInt}, {Type: "doc", Name: "score", Kind: policy.KindFloat},
	{Type: "doc", Name: "public", Kind: policy.KindBool}, {Type: "doc", Name: "tags", Kind: policy.KindStrings}, {Type: "doc", Name: "ends", Kind: policy.KindTime},
	{Type: "doc", Name: "folder", Kind: policy.KindParent, Relation: &condition.Relation{Target: "folder"}}, {Type: "folder", Name: "owner", Kind: policy.KindString}, {Type: "folder", Name: "tags", Kind: policy.KindStrings},
	{Type: "sub", Name: "dept", Kind: policy.KindString}, {Type: "env", Name: "mfa", Kind: policy.KindBool},
}

func request(values policy.Values) policy.Request {
	acme := tenant.MustParse("acme")
	return policy.Request{
		Tenant: acme, Subject: policy.Subject{ID: "alice", Roles: policy.RoleNames{"a", "b"}, Attributes: policy.Values{"dept": "x"}}, Action: "read",
		Object: policy.Object{Type: "doc", ID: "7", Tenant: acme, Attributes: values}, Env: policy.Values{"mfa": true},
	}
}

// TestARowIsReadAsTheRequestThatItWasWrittenFrom: or it is said to be another.
func TestARowIsReadAsTheRequestThatItWasWrittenFrom(t *testing.T) {
	for _, c := range []struct {
		values policy.Values
		cannot string
	}{
		{values: policy.Values{}},
		{values: policy.Values{"owner": "", "size": int64(-5), "score": 0.1, "public": false, "ends": time.Unix(1, 5).UTC()}},
		{values: policy.Values{"owner": "a=b, \"c\" | d"}},
		{values: policy.Values{"tags": []string{}}},
		{values: policy.Values{"tags": []string{"a"}}},
		{values: policy.Values{"tags": []string{"", "b", ""}}},
		{values: policy.Values{"folder": policy.Values{}}},
		{values: policy.Values{"folder": policy.Values{"owner": "x", "tags": []string{}}}},
		{values: policy.Values{"owner": nil}, cannot: "owner is NULL"},
		{values: policy.Values{"folder": policy.Values{"owner": nil}}, cannot: "folder.owner is NULL"},
		{values: policy.Values{"folder": nil}, cannot: "folder is NULL"},
		{values: policy.Values{"tags": []string{""}}, cannot: "tags is a list of one empty text"},
		{values: policy.Values{"tags": []string{"a|b"}}, cannot: "tags has a text with | in it"},
		{values: policy.Values{"tags": []string{"a;b"}}, cannot: "tags has a semicolon"},
		{values: policy.Values{"owner": "a;b"}, cannot: "owner has a semicolon"},
		{values: policy.Values{"owner": "a\nb"}, cannot: "owner has a semicolon or a line break"},
		{values: policy.Values{"owner": " a"}, cannot: "owner begins or ends with a space"},
		{values: policy.Values{"owner": "'a'"}, cannot: "owner stands in quotes"},
		{values: policy.Values{"tags": []string{"'a", "b'"}}, cannot: "tags stands in quotes"},
	} {
		r := request(c.values)
		row, err := requestrow.Of(r)
		if c.cannot != "" {
			if err == nil || !strings.HasPrefix(err.Error(), c.cannot) {
				t.Errorf("%v: got %v, want %s", c.values, err, c.cannot)
			}
			continue
		}
		if err != nil {
			t.Errorf("%v: %v", c.values, err)
			continue
		}
		got, err := policytest.ParseRequest(row[0], row[1], row[2], row[3], row[4], row[5], declared)
		if err != nil || !reflect.DeepEqual(got, r) {
			t.Errorf("%q is read as\n%+v, and was written from\n%+v\n%v", row, got, r, err)
		}
	}
}

func TestANobodyIsWrittenWithoutATenant(t *testing.T) {
	row, err := requestrow.Of(policy.Request{Action: "GET", Object: policy.Route("/login")})
	if want := [6]string{"", "anonymous", "", "GET", "/login", ""}; err != nil || row != want {
		t.Errorf("%q %v, want %q", row, err, want)
	}
}
