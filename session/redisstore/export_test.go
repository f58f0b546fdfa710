package redisstore

import "context"

// CheckSHA names check.lua, which a fake server answers as a sound one does.
var CheckSHA = checkScript.sha.(string)

// PutBack puts back an epoch of everyone into the server of that id, any server for ”.
func (s *Store) PutBack(ctx context.Context, server string) error {
	s.memory.shared.max(s.names.global(), 5)
	return push{s, server}.putBack(ctx)
}
