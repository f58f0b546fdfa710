package condition

import (
	"net/netip"
	"strconv"
	"strings"
	"time"

	"github.com/reevehq/reeve/internal/ascii"

	"github.com/reevehq/reeve/internal/hint"
)

// mismatch is the error of comparing a with b, which are of kinds that do not compare, where
// they are compared.
func mismatch(at int, a, b *operand) *Error {
	why := a.what() + " and " + b.what() + " cannot be compared"
	switch {
	case a.Attr != nil && b.Attr != nil:
		return &Error{at, why + ": attributes.csv declares " + a.text + " as " + a.kind().String() + " and " + b.text + " as " + b.kind().String()}
	case a.Attr == nil && b.Attr == nil:
		return &Error{at, why + ": compare an attribute with a constant"}
	case a.Attr == nil:
		a, b = b, a
	}
	if more := constantFor(a, b); more != "" {
		why += ": " + more
	}
	return &Error{at, why}
}

// constantFor says what to write instead of the constant c, beside the attribute a of another
// kind; "" when nobody knows.
func constantFor(a, c *operand) string {
	switch {
	case a.kind().IsNumber():
		return numberFor(a, c)
	case a.kind() == KindString && c.kind() == KindInt: // a time
		return a.text + " is a text, and times are numbers: declare it as int in attributes.csv"
	case a.kind() == KindString:
		return a.text + " is a text: write '" + hint.Text(c.text) + "'"
	case a.kind() == KindBool:
		switch strings.ToLower(strings.Trim(c.text, `'"`)) {
		case "true", "yes", "y", "t", "on", "1":
			return a.text + " is true or false: write true, without quotes"
		case "false", "no", "n", "f", "off", "0":
			return a.text + " is true or false: write false, without quotes"
		}
		return a.text + " is true or false: write true or false"
	}
	return ""
}

// conditionMeant says what to write instead of an operand that stands alone and is no bool.
func (o *operand) conditionMeant() string {
	if o.Attr == nil && o.kind() == KindString && strings.EqualFold(strings.TrimSpace(o.Value.text), "true") {
		return "write true, without quotes"
	}
	if o.Attr == nil {
		return "write true for none, or compare it with an attribute"
	}
	return "compare it with something"
}

// numberFor says what to write beside an attribute that is a number.
func numberFor(a, c *operand) string {
	if c.kind() != KindString {
		return a.text + " is a number"
	}
	if a.isEnv(EnvHour) {
		if hour := hourOf(c.Value.text); hour >= 0 {
			return "r.env.hour is a number from 0 to 23, in UTC: write " + strconv.Itoa(hour)
		}
		return "r.env.hour is a number from 0 to 23, in UTC"
	}
	if a.isEnv(EnvWeekday) {
		if day := weekdayOf(c.Value.text); day > 0 {
			return "r.env.weekday is a number from 1 (Monday) to 7 (Sunday), in UTC: write " + strconv.Itoa(day)
		}
		return "r.env.weekday is a number from 1 (Monday) to 7 (Sunday), in UTC"
	}
	if _, err := strconv.ParseFloat(c.Value.text, 64); err == nil && ascii.All(c.Value.text, func(b byte) bool { return ascii.IsDigit(b) || b == '.' || b == '-' }) {
		return a.text + " is a number: write " + hint.Text(c.Value.text) + ", without quotes"
	}
	if utc := timeIn(c.Value.text); utc != "" {
		return "write a time as '" + timeLayout + "', in UTC: '" + utc + "'"
	}
	if a.isEnv(EnvTime) || looksLikeTime(c.Value.text) || strings.Count(c.Value.text, "-")+strings.Count(c.Value.text, "/")+strings.Count(c.Value.text, ":") > 1 {
		return "write a time as '" + timeLayout + "', in UTC"
	}
	return a.text + " is a number"
}

// timeIn returns a time that is written in another form as conditions write it, "" for a text
// that is none, or could be two.
func timeIn(s string) string {
	if len(s) > 40 {
		return ""
	}
	for _, layout := range [...]string{time.RFC3339Nano, "2006-01-02T15:04:05", "2006-01-02T15:04Z07:00", "2006-01-02T15:04", "2006-01-02 15:04:05Z07:00", "2006-01-02 15:04:05", "2006-01-02 15:04", time.DateOnly, "2006/01/02", "02.01.2006"} {
		t, err := time.Parse(layout, strings.ToUpper(s))
		if err != nil {
			continue
		}
		if utc := t.UTC(); utc.Year() >= 0 && utc.Year() <= 9999 {
			return utc.Format(timeLayout)
		}
	}
	return ""
}

// hourOf returns the hour of a time of day such as 9, 09:00 or 9pm, or -1.
func hourOf(s string) int {
	for _, layout := range [...]string{"15", "15:04", "15:04:05", "3PM", "3 PM", "3:04PM", "3:04 PM"} {
		if t, err := time.Parse(layout, strings.ToUpper(s)); err == nil {
			return t.Hour()
		}
	}
	return -1
}

// weekdayOf returns the number of a day by its English name, or 0.
func weekdayOf(s string) int {
	for day := 1; day <= 7; day++ {
		name := time.Weekday(day % 7).String()
		if len(s) >= 2 && len(s) <= len(name) && strings.EqualFold(s, name[:len(s)]) {
			return day
		}
	}
	return 0
}

// neverAddress refuses a constant that is meant for a network, or an address in a form that the
// client's never has: a deny rule for such a one would be in force for nobody.
func neverAddress(a, c *operand) *Error {
	if !a.isEnv(EnvIP) || c.Attr != nil || c.kind() != KindString {
		return nil
	}
	if ip, err := netip.ParseAddr(c.Value.text); err == nil {
		if form := ip.WithZone("").Unmap().String(); form != c.Value.text {
			return c.wrong("r.env.ip never has this form: write '" + form + "'")
		}
		return nil
	}
	network := "192.0.2.0/24"
	if n, err := netip.ParsePrefix(c.Value.text); err == nil {
		network = n.Masked().String()
	} else if !strings.Contains(c.Value.text, "*") || !ascii.All(c.Value.text, func(b byte) bool { return ascii.IsDigit(b) || b == '.' || b == '*' }) {
		return nil
	}
	return c.wrong("r.env.ip is one address and no network: write ipMatch(r.env.ip, '" + network + "')")
}
