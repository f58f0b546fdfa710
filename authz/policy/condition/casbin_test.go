package condition_test

import (
	"strings"
	"testing"
	"time"

	"github.com/casbin/casbin/v2/util"
	"github.com/casbin/govaluate"

	"github.com/reevehq/reeve/authz/policy/condition"
	"github.com/reevehq/reeve/authz/policy/internal/conditiontest"
	"github.com/reevehq/reeve/internal/testneed"
)

// casbinTimes are the forms of a time that Casbin's expressions look for in every text.
var casbinTimes = []string{
	time.ANSIC, time.UnixDate, time.RubyDate, time.Kitchen, time.RFC3339, time.RFC3339Nano,
	"2006-01-02", "2006-01-02 15:04", "2006-01-02 15:04:05", "2006-01-02 15:04:05-07:00",
	"2006-01-02T15Z0700", "2006-01-02T15:04Z0700", "2006-01-02T15:04:05Z0700", "2006-01-02T15:04:05.999999999Z0700",
}

func casbinReadsATime(t *testing.T, text string) bool {
	t.Helper()
	expression, err := govaluate.NewEvaluableExpression("'" + text + "'")
	if err != nil {
		t.Fatalf("%q: %v", text, err)
	}
	return len(expression.Tokens()) == 1 && expression.Tokens()[0].Kind == govaluate.TIME
}

// No text that compiles as a text is a time to Casbin.
func TestEveryTimeOfCasbinsLooksLikeOne(t *testing.T) {
	times, others, texts := 0, 0, testneed.Scale(20_000, 50)
	for seed := range uint64(texts) {
		g := newGen(seed)
		zone := pick(g, time.UTC, time.FixedZone("CET", 3600), time.FixedZone("", -9000), time.FixedZone("GMT+3", 10800))
		text := time.Unix(g.Int64N(1<<35)-1<<34, g.Int64N(1e9)).In(zone).Format(pick(g, casbinTimes...))
		for range g.IntN(4) {
			text = conditiontest.Spoil(g.Rand, text)
		}
		if !casbinReadsATime(t, text) {
			others++
			continue
		}
		times++
		if !condition.LooksLikeTime(text) && !condition.IsTime(text) {
			t.Fatalf("seed %d: %q is a time to Casbin and a text to us", seed, text)
		}
	}
	t.Log(times, others)
	if times < texts*3/10 || others < texts/5 {
		t.Errorf("%d times and %d others", times, others)
	}
}

// A text is rarely refused for its form: these are texts.
func TestWhatOnlyRemindsOfATimeIsAText(t *testing.T) {
	for _, text := range []string{
		"2024-11-0042", "2024-11", "20241122", "24-11-22", "2024/11/22", "2024-11-22-draft", "2024-11-22 1st draft", "invoice 2024-11-22",
		"9:04", "12:30", "10.0.0.1:8080", "2001:db8::1", "9:04pm", "100:04PM", "Mon", "Monday: Jan", "Sun: 12:30", "Mon Jan", "May the 4th: be with you",
		"Mon Jane Doe is not in: ask on Tue", "PM", "T", "",
	} {
		if _, at, why := compile(t, "r.obj.owner == '"+text+"'", "doc", testAttributes); why != "" {
			t.Errorf("%q: %d: %s", text, at, why)
		}
		if casbinReadsATime(t, text) {
			t.Errorf("%q is a time to Casbin", text)
		}
	}
	for _, text := range []string{"2024-02-31", "2024-13-45", "2026-02-30T22:00:00Z", "99:99PM"} {
		if _, at, why := compile(t, "r.obj.owner == '"+text+"'", "doc", testAttributes); at != 15 || !strings.Contains(why, "Casbin reads") {
			t.Errorf("%q: %d: %q", text, at, why)
		}
	}
}

// A text is refused for a name that Casbin would see in it exactly when Casbin changes it.
func TestATextIsRefusedForANameExactlyWhenCasbinChangesIt(t *testing.T) {
	changed, texts := 0, testneed.Scale(20_000, 50)
	for seed := range uint64(texts) {
		g := newGen(seed)
		text := ""
		for range 1 + g.IntN(12) {
			text += pick(g, "r", "p", " r", "r.", ".", ".", ",p1.", "1", "23", " ", "(", ")", "|", "&", ",", "=", "!", "<", ">", "+", "-", "*", "/", "a", "_", ":", "é", "#", "[", "%")
		}
		whole := "r.obj.owner == '" + text + "'"
		changes := strings.TrimPrefix(util.EscapeAssertion(whole), "r_") != strings.TrimPrefix(whole, "r.")
		if changes {
			changed++
		}
		if condition.LooksLikeName(text) != changes {
			t.Fatalf("seed %d: %q: Casbin changes it: %v", seed, text, changes)
		}
	}
	if changed < texts/20 {
		t.Errorf("Casbin changed %d texts", changed)
	}
}

// Every sequence of a few words that we take for a condition Casbin reads as the same words,
// with spaces between them and without.
func TestEveryShortConditionIsReadAsCasbinReadsIt(t *testing.T) {
	t.Parallel()
	words := []string{
		"r.obj.public", "r.obj.owner", "r.obj.size", "r.obj.tags", "r.env.time", "ipMatch", "true", "'a'", `"2026-11-22T22:00:00Z"`, "'::1'",
		"7", "0.5", "-", "!", "(", ")", ",", "==", "<", "in", "&&", "||",
	}
	most := 4
	if testneed.Race {
		most = 3
	}
	if testneed.Soak() {
		most = 5
	}
	compile := newConditions(t, testAttributes).Compile
	compiled := 0
	var extend func(spaced, tight string, n int)
	extend = func(spaced, tight string, n int) {
		for _, text := range []string{spaced, tight} {
			if _, why := compile(text, "doc"); why != "" {
				continue
			}
			compiled++
			if why := condition.CasbinReads(text); why != "" {
				t.Errorf("%q: %s", text, why)
			}
		}
		if n == most || t.Failed() {
			return
		}
		for _, w := range words {
			extend(strings.TrimPrefix(spaced+" "+w, " "), tight+w, n+1)
		}
	}
	extend("", "", 0)
	t.Log(compiled)
	if compiled < 100 {
		t.Errorf("only %d compile", compiled)
	}
}
