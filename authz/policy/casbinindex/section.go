package casbinindex

import (
	"errors"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"

	"github.com/casbin/casbin/v2"
	"github.com/casbin/casbin/v2/model"

	"github.com/reevehq/reeve/internal/ascii"
	"github.com/reevehq/reeve/internal/hint"
)

// checkSections refuses what Casbin refuses at each request of an EnforceContext: an effect
// that it does not know and a matcher that is no expression, in any section. Which sections a
// context puts together is not known before it is asked; a matcher is checked with those that
// it names.
func (ix *Index) checkSections() error {
	for _, key := range slices.Sorted(maps.Keys(ix.model["e"])) {
		if _, err := knownEffect(ix.model["e"][key]); err != nil {
			return err
		}
	}
	for _, key := range slices.Sorted(maps.Keys(ix.model["m"])) {
		if key == "m" {
			continue // that of the main model
		}
		for _, r := range ix.named("r", key) {
			for _, p := range ix.named("p", key) {
				if _, err := ix.parsedModel(casbin.EnforceContext{RType: r, PType: p, EType: "e", MType: key}); err != nil {
					return err
				}
			}
		}
	}
	return nil
}

// named returns the sections of a kind that a matcher names: the one of the same number where
// it names none, or the first.
func (ix *Index) named(kind, matcher string) []string {
	var out []string
	for _, key := range slices.Sorted(maps.Keys(ix.model[kind])) {
		if regexp.MustCompile(`\b` + key + `_`).MatchString(ix.model["m"][matcher].Value) {
			out = append(out, key)
		}
	}
	if len(out) == 0 {
		same := kind + strings.TrimPrefix(matcher, "m")
		if ix.model[kind][same] == nil {
			same = kind
		}
		out = append(out, same)
	}
	return out
}

// knownEffect returns the kind of an effect.
func knownEffect(a *model.Assertion) (effectKind, error) {
	if kind, known := parseEffectKind(a.Value); known {
		return kind, nil
	}
	advice := "write some(where (p.eft == allow)), some(where (p.eft == allow)) && !some(where (p.eft == deny)), !some(where (p.eft == deny)), priority(p.eft) || deny or subjectPriority(p.eft) || deny"
	if first := otherSection.ReplaceAllString(a.Value, "p_"); first != a.Value {
		if _, known := parseEffectKind(first); known {
			advice = fmt.Sprintf("write %s, with p.eft also where the rules are of another section", asWritten(first))
		}
	}
	return 0, fmt.Errorf("%w: %s: the effect %s is none of Casbin's: %s", ErrInvalid, a.Key, hint.Quote(asWritten(a.Value)), advice)
}

var (
	otherSection = regexp.MustCompile(`\bp[0-9]+_`)
	sectionName  = regexp.MustCompile(`\b([rp][0-9]*)_`)
)

// asWritten turns a name that Casbin made, such as p2_eft, into the file's own.
func asWritten(text string) string { return sectionName.ReplaceAllString(text, "$1.") }

// defined returns a section, or says what to do about its lack.
func (ix *Index) defined(sec, key string) (*model.Assertion, error) {
	if a := ix.model[sec][key]; a != nil {
		return a, nil
	}
	known := slices.Sorted(maps.Keys(ix.model[sec]))
	if key == sec {
		return nil, fmt.Errorf("%w: the model does not define %s", ErrInvalid, key)
	}
	return nil, fmt.Errorf("%w: the model does not define %s: define it, or name one of %s in the EnforceContext", ErrInvalid, key, strings.Join(known, ", "))
}

// matcherError says what to do about a matcher that does not parse.
func matcherError(key string, err error) error {
	text := asWritten(err.Error())
	if name, is := strings.CutPrefix(text, "Undefined function "); is {
		err = fmt.Errorf("no function %s is known: pass it in Config.Functions", name)
		if isSectionOf("g", name) {
			err = fmt.Errorf("%s is no role section: define %s under [role_definition]", name, name)
		}
	} else if text != err.Error() {
		err = errors.New(text)
	}
	return fmt.Errorf("%w: the matcher %s: %w", ErrInvalid, key, err)
}

func isSectionOf(kind, name string) bool {
	rest, is := strings.CutPrefix(name, kind)
	return is && ascii.All(rest, ascii.IsDigit)
}
