package config

import (
	"bytes"
	_ "embed"
	"errors"
	"fmt"
	"net"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"github.com/santhosh-tekuri/jsonschema/v6/kind"
	"golang.org/x/text/language"
	"golang.org/x/text/message"

	"github.com/reevehq/reeve/service/fleet"
)

// Schema is the JSON Schema of the whole configuration.
//
//go:embed schema.json
var Schema []byte

// leaf is a setting, as the schema has it.
type leaf struct {
	kind   string // "string" or "integer"
	secret bool
}

// leaves returns the settings by their paths. Each is in a section.
var leaves = sync.OnceValue(func() map[string]leaf {
	all := map[string]leaf{}
	root, _ := schemaValue().(map[string]any)
	sections, _ := root["properties"].(map[string]any)
	for section, s := range sections {
		settings, _ := s.(map[string]any)["properties"].(map[string]any)
		for name, v := range settings {
			properties, _ := v.(map[string]any)
			kind, _ := properties["type"].(string)
			secret, _ := properties["x-secret"].(bool)
			all[section+"."+name] = leaf{kind, secret}
		}
	}
	return all
})

func schemaValue() any {
	v, err := jsonschema.UnmarshalJSON(bytes.NewReader(Schema))
	if err != nil {
		panic(err) // it is embedded
	}
	return v
}

var schema = sync.OnceValue(func() *jsonschema.Schema {
	c := jsonschema.NewCompiler()
	c.RegisterFormat(&jsonschema.Format{Name: "go-duration", Validate: duration(0, 24*time.Hour)})
	c.RegisterFormat(&jsonschema.Format{Name: "positive-go-duration", Validate: duration(time.Millisecond, 24*time.Hour)})
	c.RegisterFormat(&jsonschema.Format{Name: "beat", Validate: duration(fleet.MinHeartbeat, fleet.MaxHeartbeat)})
	c.RegisterFormat(&jsonschema.Format{Name: "web-address", Validate: webAddress})
	c.RegisterFormat(&jsonschema.Format{Name: "address", Validate: address})
	c.AssertFormat()
	if err := c.AddResource("schema.json", schemaValue()); err != nil {
		panic(err)
	}
	return c.MustCompile("schema.json")
})

func duration(least, most time.Duration) func(any) error {
	return func(v any) error {
		text, is := v.(string)
		if !is {
			return nil // which the type refuses
		}
		d, err := time.ParseDuration(text)
		if err != nil {
			return errors.New("write it as 500ms, 10s or 1h30m")
		}
		if d < least || d > most {
			return fmt.Errorf("it is not between %v and %v", least, most)
		}
		return nil
	}
}

func webAddress(v any) error {
	text, is := v.(string)
	if !is || text == "" || strings.HasPrefix(text, fileMark) {
		return nil
	}
	u, err := url.Parse(text)
	if err != nil || u.Host == "" || u.User != nil || u.Scheme != "http" && u.Scheme != "https" {
		return errors.New("write it as http://host:port/path, without a password")
	}
	return nil
}

func address(v any) error {
	text, is := v.(string)
	if !is {
		return nil
	}
	host, port, err := net.SplitHostPort(text)
	if err != nil {
		return errors.New("write it as host:port")
	}
	if _, err := strconv.ParseUint(port, 10, 16); err != nil || strings.ContainsAny(host, " \t") {
		return errors.New("write it as host:port")
	}
	return nil
}

// validate returns every problem of the whole, each with its position.
func validate(whole map[string]any, positions map[string]string) error {
	err := schema().Validate(whole)
	var invalid *jsonschema.ValidationError
	if !errors.As(err, &invalid) {
		return err
	}
	var problems []string
	collect(invalid, positions, &problems)
	slices.Sort(problems)
	var all []error
	for _, p := range slices.Compact(problems) {
		all = append(all, errors.New(p))
	}
	return errors.Join(all...)
}

var english = message.NewPrinter(language.English)

// collect walks to the innermost errors.
func collect(e *jsonschema.ValidationError, positions map[string]string, problems *[]string) {
	if len(e.Causes) > 0 {
		for _, c := range e.Causes {
			collect(c, positions, problems)
		}
		return
	}
	path := strings.Join(e.InstanceLocation, ".")
	switch k := e.ErrorKind.(type) {
	case *kind.AdditionalProperties:
		for _, name := range k.Properties {
			*problems = append(*problems, at(strings.TrimPrefix(path+"."+name, "."), positions, "there is no such setting"))
		}
	case *kind.Required:
		for _, name := range k.Missing {
			*problems = append(*problems, at(path, positions, name+" is missing"))
		}
	case *kind.MinLength:
		// Only what another setting asks for has a least length: that one is where to look.
		asks := "redis.url"
		switch {
		case strings.HasPrefix(path, "database."):
			asks = "database.url"
		case path == "redis.url" || strings.HasPrefix(path, "policy."):
			asks = "policy.redis"
		}
		*problems = append(*problems, at(asks, positions, path+" is missing, which it needs"))
	case *kind.MaxLength:
		*problems = append(*problems, at(path, positions, "it stands beside policy.redis, which is another policy"))
	default:
		why := e.ErrorKind.LocalizedString(english)
		if leaves()[path].secret { // whose value must not be repeated
			why = "it is not written as default.yaml shows it"
		}
		*problems = append(*problems, at(path, positions, why))
	}
}

// at names the position of a path, or of the section around it.
func at(path string, positions map[string]string, why string) string {
	for p := path; ; {
		if position, known := positions[p]; known {
			return fmt.Sprintf("%s: %s: %s", position, path, why)
		}
		i := strings.LastIndex(p, ".")
		if i < 0 {
			return fmt.Sprintf("%s: %s", path, why)
		}
		p = p[:i]
	}
}
