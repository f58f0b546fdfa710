package redisstore

// CheckSHA names check.lua, which a fake server answers as a sound one does.
var CheckSHA = checkScript.sha.(string)
