// Package config reads the configuration of the service: defaults, over them the file of the
// platform, over that the operator's file, the environment and flags. The whole is validated by
// schema.json before anything is opened, and every error says where the value stands.
package config

import (
	"crypto/ed25519"
	"crypto/sha256"
	"embed"
	"fmt"
	"io/fs"
	"path"
	"slices"
	"time"

	"github.com/knadh/koanf/v2"

	"github.com/reevehq/reeve/session"
)

//go:embed default.yaml platform/*.yaml
var files embed.FS

// Platforms are those that have a file.
var Platforms = []string{"console", "systemd", "windows", "container"}

// Prefix begins the names of variables: TRACKER_LOG_LEVEL is log.level.
const Prefix = "TRACKER_"

// Sources are where values come from.
type Sources struct {
	Platform    string            // one of Platforms
	File        string            // of the operator; "" is none
	Environment []string          // as of os.Environ
	Flags       map[string]string // by path, such as log.level
	Credentials string            // folder to which file: is relative, as systemd sets it up
}

// Config is a configuration that is valid as a whole.
type Config struct {
	HTTP struct {
		Addr  string        `koanf:"addr"`
		Wait  time.Duration `koanf:"wait"`
		Drain time.Duration `koanf:"drain"`
	} `koanf:"http"`
	Ops struct {
		Addr string `koanf:"addr"`
	} `koanf:"ops"`
	Redis struct {
		URL          Secret        `koanf:"url"`
		Prefix       string        `koanf:"prefix"`
		StartTimeout time.Duration `koanf:"start_timeout"`
		Beat         time.Duration `koanf:"beat"`
	} `koanf:"redis"`
	Data struct {
		Dir string `koanf:"dir"`
	} `koanf:"data"`
	Database struct {
		URL      Secret `koanf:"url"`
		OwnerURL Secret `koanf:"owner_url"`
	} `koanf:"database"`
	Policy struct {
		Dir   string        `koanf:"dir"`
		Redis string        `koanf:"redis"`
		Poll  time.Duration `koanf:"poll"`
	} `koanf:"policy"`
	Issuers struct {
		File string        `koanf:"file"`
		Poll time.Duration `koanf:"poll"`
	} `koanf:"issuers"`
	Traces struct {
		URL           Secret `koanf:"url"`
		Authorization Secret `koanf:"authorization"`
		OneIn         int    `koanf:"one_in"`
	} `koanf:"traces"`
	Log struct {
		Level  string `koanf:"level"`
		Format string `koanf:"format"`
		File   string `koanf:"file"`
		SizeMB int    `koanf:"max_size_mb"`
		Days   int    `koanf:"max_age_days"`
		Files  int    `koanf:"max_files"`
	} `koanf:"log"`
	Audit struct {
		File  string `koanf:"file"`
		Queue int    `koanf:"queue"`
	} `koanf:"audit"`

	Detect struct {
		Alerts string `koanf:"alerts"`
	} `koanf:"detect"`

	// Keys are those of redis.url, and zero without it. TenantKey is that of database.url, and
	// Publishers are those of policy.redis.
	Keys       Keys                `koanf:"-"`
	TenantKey  session.SecretKey   `koanf:"-"`
	Publishers []ed25519.PublicKey `koanf:"-"`

	values  []Value
	secrets map[string][sha256.Size]byte // by path, of what was read
}

// Keys are the secrets that instances share.
type Keys struct{ Session, Signing, RedisName, RedisSeal session.SecretKey }

// Load reads and validates everything. Its error lists every problem, each as "file:line: path: why".
func Load(s Sources) (*Config, error) {
	layers, err := s.layers()
	if err != nil {
		return nil, err
	}
	merged := koanf.New(".")
	for _, l := range layers {
		if err := merged.Load(l, nil); err != nil {
			return nil, fmt.Errorf("%s: %w", l.name, err)
		}
	}
	o := origins(layers)
	if err := validate(merged.Raw(), o); err != nil {
		return nil, err
	}
	cfg := &Config{}
	if err := merged.Unmarshal("", cfg); err != nil {
		return nil, fmt.Errorf("config: %w", err)
	}
	if err := cfg.checkClashes(o); err != nil {
		return nil, err
	}
	if err := cfg.readSecrets(merged, o, s.Credentials); err != nil {
		return nil, err
	}
	cfg.values = list(merged, o)
	return cfg, nil
}

// layers returns the layers, the lowest first.
func (s Sources) layers() ([]layer, error) {
	if !slices.Contains(Platforms, s.Platform) {
		return nil, fmt.Errorf("platform: %q is none of %v", s.Platform, Platforms)
	}
	var all []layer
	for _, name := range []string{"default.yaml", path.Join("platform", s.Platform+".yaml")} {
		text, err := fs.ReadFile(files, name)
		if err != nil {
			return nil, err
		}
		l, err := parse(name, text)
		if err != nil {
			return nil, err
		}
		all = append(all, l)
	}
	if s.File != "" {
		l, err := readFile(s.File)
		if err != nil {
			return nil, err
		}
		all = append(all, l)
	}
	environment, err := fromEnvironment(s.Environment)
	if err != nil {
		return nil, err
	}
	flags, err := fromFlags(s.Flags)
	if err != nil {
		return nil, err
	}
	return append(all, environment, flags), nil
}
