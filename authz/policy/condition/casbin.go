package condition

import (
	"strings"

	"github.com/reevehq/reeve/internal/ascii"
)

// sameInCasbin refuses a condition with a text that Casbin would read as something else. All
// other tokens it reads as we do, and parses them the same way: Casbin is not asked about a
// text at load, where that would cost most of the time, but about every condition of the
// differential tests and of FuzzCondition.
func sameInCasbin(text string, tokens []token) *Error {
	for _, t := range tokens {
		if t.kind != tokenString {
			continue
		}
		if looksLikeTime(t.value(text)) {
			return &Error{int(t.at), "Casbin reads " + t.of(text) + " as something else, a number: write a time as '" + timeLayout + "'"}
		}
		if looksLikeName(t.quoted(text)) {
			return &Error{int(t.at), "Casbin reads " + t.of(text) + " as something else: \" r.\" in a text as a name"}
		}
	}
	return nil
}

// looksLikeTime reports whether a text has the form of a time, in any of the fourteen that
// Casbin looks for. It asks for the form alone: 2024-02-31 looks like a date, whether or not
// there is such a day.
func looksLikeTime(s string) bool {
	return looksLikeDate(s) || looksLikeClock(s) || looksLikeStamp(s)
}

// looksLikeDate: 2006-01-02, alone or with a time of day and a zone, in digits.
func looksLikeDate(s string) bool {
	const form = "2006-01-02"
	if len(s) < len(form) {
		return false
	}
	for i := range len(form) {
		if ascii.IsDigit(s[i]) != ascii.IsDigit(form[i]) || form[i] == '-' && s[i] != '-' {
			return false
		}
	}
	rest := s[len(form):]
	if rest == "" {
		return true
	}
	return (rest[0] == 'T' || rest[0] == ' ') && strings.Trim(rest[1:], "0123456789:.,+-Z ") == ""
}

// looksLikeClock: 3:04PM.
func looksLikeClock(s string) bool {
	hour, rest, _ := strings.Cut(s, ":")
	return len(rest) == len("04PM") && ascii.IsDigit(rest[0]) && ascii.IsDigit(rest[1]) && (rest[2:] == "AM" || rest[2:] == "PM") &&
		0 < len(hour) && len(hour) <= 2 && ascii.All(hour, ascii.IsDigit)
}

// looksLikeStamp: a day of the week and a month, as in Mon Jan 2 15:04:05 2006.
func looksLikeStamp(s string) bool {
	if len(s) < len("Mon Jan 2 3:04:05 2006") || !strings.Contains(s, ":") {
		return false
	}
	month := strings.TrimLeft(s[3:], " ")
	return s[3] == ' ' && len(month) > 3 && month[3] == ' ' &&
		beginsWithOne(s, "Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat") &&
		beginsWithOne(month, "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
}

// beginsWithOne reports whether s, of three bytes or more, begins with a name, in any case.
func beginsWithOne(s string, names ...string) bool {
	for _, name := range names {
		if strings.EqualFold(s[:len(name)], name) {
			return true
		}
	}
	return false
}

// looksLikeName reports whether a text holds r or p, perhaps a number, and a dot, after a
// space or a sign: Casbin takes it for a name of the request or the rule and writes _ for the
// dot.
func looksLikeName(s string) bool {
	for dot := range len(s) {
		if s[dot] != '.' {
			continue
		}
		i := dot - 1
		for i >= 0 && ascii.IsDigit(s[i]) {
			i--
		}
		if i > 0 && (s[i] == 'r' || s[i] == 'p') && strings.IndexByte("() |&,=!><+-*/", s[i-1]) >= 0 {
			return true
		}
	}
	return false
}
