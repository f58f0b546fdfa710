// Package tenanttest tries to cross the walls between the tenants of a service. It is for the
// service's own tests:
//
//	func TestTenantsAreApart(t *testing.T) {
//		tenanttest.Run(t, tenanttest.Service{
//			Handler:  newService(t),
//			Tenants:  [2]tenanttest.Tenant{acme, globex},
//			Requests: requests,
//			Rows:     rows,
//			Reset:    reset,
//		})
//	}
//
// It sends each request as a user of one tenant with ids of the other: in the path, in the
// query and in the body, in every combination; with names of the other tenant where a service
// might look for one; with SQL in place of values; and while the other tenant works. After each
// it looks for the other tenant's secrets in the answer and for changes in its rows.
//
// As each further user of a tenant it looks for what that user may not read, and it holds each list
// against the objects that it shows: a handler that forgets to ask, that asks with a zero in place
// of a column that its query did not select, and a list that is chosen beside the policy are found
// so. See [User] and [Request].
//
// For most uses [Run] is enough. [Check] returns the findings in place of failing a test.
package tenanttest
