package tenanttest

import "fmt"

// Kind is the kind of thing that crossed the wall.
type Kind string

// The kinds of findings.
const (
	ReadsForeign   Kind = "reads-foreign"   // an answer holds a secret of the other tenant
	WritesForeign  Kind = "writes-foreign"  // rows of the other tenant changed
	CopiesForeign  Kind = "copies-foreign"  // rows of the caller's tenant hold a secret of the other
	LinksForeign   Kind = "links-foreign"   // rows of the caller's tenant refer to an object of the other
	TellsExistence Kind = "tells-existence" // an answer tells an object of the other tenant from none
	SeesWork       Kind = "sees-work"       // an answer changes by what the other tenant does
	LetsAnyoneIn   Kind = "lets-anyone-in"  // an answer is given without a credential
	ReadsHidden    Kind = "reads-hidden"    // an answer holds what the user of the tenant may not read
	ListsHidden    Kind = "lists-hidden"    // a list shows an object that the user is refused by itself
	Refused        Kind = "refused"         // the tenant's own request fails: nothing was tested
)

// Finding is a place where tenants are not apart.
type Finding struct {
	Kind    Kind
	Request string // method and path as listed in the service
	Probe   string // what was done
	Message string // what was seen, and what is likely missing
}

func (f Finding) String() string {
	return fmt.Sprintf("%s: %s: %s: %s", f.Request, f.Kind, f.Probe, f.Message)
}
