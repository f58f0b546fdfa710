package condition

// Attributes of the environment with a meaning of their own. A condition may compare them
// without a row in attributes.csv; a row may repeat one, with the same kind.
const (
	EnvTime    = "time"    // int: when the request is decided, in seconds since 1970 (UTC)
	EnvHour    = "hour"    // int: the hour of the day in UTC, 0 to 23
	EnvWeekday = "weekday" // int: the day of the week in UTC, 1 (Monday) to 7 (Sunday), as ISO 8601 counts
	EnvIP      = "ip"      // string: the client's address, see [FunctionIPMatch]
	EnvMFA     = "mfa"     // bool: whether the session began with more than one factor (RFC 8176, "mfa")
	EnvActor   = "actor"   // string: the id of the user who acts as the caller now, '' when nobody does
)

// SubRoles is the attribute of the caller with all roles that they have in the tenant, without
// "role:": those of the session and those that g rows add, near and far. It is of kind strings,
// built in, and empty for a caller without a session.
const SubRoles = "roles"

// EnvAttributes returns the attributes of the environment that are built in, as
// attributes.csv would declare them.
func EnvAttributes() []Attribute {
	return []Attribute{
		{Type: ofEnv, Name: EnvTime, Kind: KindInt},
		{Type: ofEnv, Name: EnvHour, Kind: KindInt},
		{Type: ofEnv, Name: EnvWeekday, Kind: KindInt},
		{Type: ofEnv, Name: EnvIP, Kind: KindString},
		{Type: ofEnv, Name: EnvMFA, Kind: KindBool},
		{Type: ofEnv, Name: EnvActor, Kind: KindString},
	}
}

// BuiltIn returns the attribute of a type ("sub", "env" or an object type) that there is
// without a declaration.
func BuiltIn(typ, name string) (Attribute, bool) {
	switch {
	case typ == ofSubject && name == SubRoles:
		return Attribute{Type: typ, Name: name, Kind: KindStrings}, true
	case typ != ofEnv:
		return Attribute{Type: typ, Name: "id", Kind: KindString}, name == "id"
	}
	for _, a := range EnvAttributes() {
		if a.Name == name {
			return a, true
		}
	}
	return Attribute{}, false
}
