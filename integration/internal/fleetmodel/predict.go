package fleetmodel

import "time"

// Master is the load of one master. Rates are by the second.
type Master struct {
	Commands    float64
	Deliveries  float64 // messages to subscribers
	Bus         float64 // messages from and to other nodes
	Out         float64 // bytes of both, that it sends
	CPU         float64 // of one core, 1 for all of it
	Connections float64 // at most
	Memory      float64 // bytes
}

// Instance is the work of one instance.
type Instance struct {
	CPU         float64 // cores, Reeve and HTTP alone
	Loads       float64 // reads of sessions
	Messages    float64 // heard
	Connections float64 // at most
	Cache       float64 // bytes
}

// Prediction is the load of a fleet on its cluster.
type Prediction struct {
	Fleet    Fleet
	Reads    float64 // of sessions, over the fleet
	Touches  float64
	FromRAM  float64 // share of the requests that sends nothing
	Kept     float64 // seconds, see reads
	Needed   float64 // cache entries
	Changes  float64 // announced
	Average  Master  // of the masters
	Everyone Master  // the one that has everyone's epoch
	Largest  Master  // the one that has the largest tenant
	Instance Instance
}

// Predict derives it. The error names a fleet that cannot be.
func (f Fleet) Predict(c Constants) (Prediction, error) {
	if err := f.Validate(); err != nil {
		return Prediction{}, err
	}
	got := f.reads()
	p := Prediction{Fleet: f, Reads: got.Loads, Touches: got.Touches, Kept: got.Kept, Needed: got.Needed}
	p.FromRAM = max(0, 1-got.Loads/f.Requests)
	ops := []struct {
		rate  float64
		calls Calls
	}{{got.Loads, c.Load}, {got.Touches, c.Touch}, {f.SignIns, c.SignIn}, {f.Refreshes, c.Refresh}, {f.Revocations, c.Revoke}}
	var all Calls
	for _, op := range ops {
		all.User += op.rate * op.calls.User
		all.Tenant += op.rate * op.calls.Tenant
		all.Everyone += op.rate * op.calls.Everyone
		all.Changes += op.rate * op.calls.Changes
	}
	p.Changes = all.Changes
	writes := all.User - got.Loads*c.Load.User // all but loads write

	instances, masters, nodes := float64(f.Instances), float64(f.Masters), float64(f.Nodes())
	own := c.Heartbeats + c.Checks + c.Queries
	base := Master{
		Commands:    all.User/masters + instances*own,
		Deliveries:  instances * c.Heartbeats,
		Connections: instances * (float64(f.Pool) + c.FeedConnections),
		Memory:      (f.Users*c.UserBytes + f.Sessions*c.SessionBytes) / masters,
	}
	// A master sends the messages that it publishes to every other node, which delivers them too,
	// and receives those of the others. Sharded messages go to its replicas.
	published, heard := (all.Changes+instances*masters*c.Heartbeats)/masters, all.Changes
	sent, received := published*(nodes-1), published*(masters-1)
	if f.Sharded {
		heard, sent, received = all.Changes/masters, published*float64(f.Replicas), 0
	}
	base.Deliveries += instances * heard
	base.Bus = sent + received
	base.Out = instances*heard*c.ChangeBytes + sent*c.BusBytes
	base.CPU = seconds(c.UserCall)*(all.User-writes)/masters + seconds(c.WriteCall)*writes/masters +
		seconds(c.HeartbeatCall)*instances*c.Heartbeats + seconds(c.CheckCall)*instances*c.Checks + seconds(c.SharedCall)*instances*c.Queries +
		seconds(c.Delivery)*base.Deliveries + seconds(c.BusMessage)*base.Bus
	with := func(tenant, everyone float64) Master {
		m := base
		m.Commands += tenant + everyone
		m.CPU += seconds(c.SharedCall) * (tenant + everyone)
		return m
	}
	small := all.Tenant * (1 - f.Largest) / masters
	p.Average = with(all.Tenant/masters, all.Everyone/masters)
	p.Everyone = with(small, all.Everyone/float64(min(max(f.Copies, 1), f.Masters)))
	p.Largest = with(small+all.Tenant*f.Largest, 0)
	p.Instance = Instance{
		Loads:       got.Loads / instances,
		Messages:    masters * (heard + c.Heartbeats), // each master delivers what it heard of
		Connections: masters * (float64(f.Pool) + c.FeedConnections),
		Cache:       float64(f.CacheEntries) * c.EntryBytes,
	}
	p.Instance.CPU = seconds(c.Request)*f.Requests/instances + seconds(c.Read)*p.Instance.Loads + seconds(c.Heard)*p.Instance.Messages
	return p, nil
}

func seconds(d time.Duration) float64 { return d.Seconds() }
