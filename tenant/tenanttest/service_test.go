package tenanttest_test

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"

	"github.com/reevehq/reeve/tenant/tenanttest"
)

// shop is a service in memory that can be given leaks. The bearer token is the tenant's name.
type shop struct {
	leak string // the one leak, "" for none

	mu      sync.Mutex
	next    int
	items   map[string]item // by id
	shelves map[string]string
	cache   map[string]string
	last    string // the tenant of the latest request
	jobs    []func()
}

type item struct {
	ID, Tenant, Name, Note, Shelf string
	Private                       bool // not for guests
}

func (s *shop) reset(context.Context) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.next, s.cache, s.jobs = 100, map[string]string{}, nil
	s.shelves = map[string]string{"shelf-71": "acme", "shelf-82": "globex"}
	s.items = map[string]item{
		"item-1001": {"item-1001", "acme", "anvil of acme", "acme-secret-note", "shelf-71", false},
		"item-2002": {"item-2002", "globex", "globe of globex", "globex <secret> note", "shelf-82", false},
		"item-1003": {"item-1003", "acme", "ledger of acme", "acme-private-note", "shelf-71", true},
		"item-2004": {"item-2004", "globex", "ledger of globex", "globex-private-note", "shelf-82", true},
	}
	return nil
}

func (s *shop) rows(_ context.Context, tenant string) ([]string, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	rows := []string{"tenant " + tenant}
	for _, i := range s.items {
		if i.Tenant == tenant {
			rows = append(rows, fmt.Sprint(i))
		}
	}
	return rows, nil
}

func (s *shop) drain(context.Context) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, job := range s.jobs {
		job()
	}
	s.jobs = nil
	return nil
}

func (s *shop) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	tenant := strings.TrimPrefix(r.Header.Get("Authorization"), "Bearer ")
	if tenant == "" && s.leak != "no credential asked for" {
		w.WriteHeader(http.StatusUnauthorized)
		return
	}
	if name := r.Header.Get("X-Tenant-ID"); s.leak == "header names the tenant" && name != "" {
		tenant = name
	}
	if cookie, err := r.Cookie("tenant"); s.leak == "cookie names the tenant" && err == nil {
		tenant = cookie.Value
	}
	if name, _, ok := strings.Cut(r.Host, ".example."); s.leak == "host names the tenant" && ok {
		tenant = name
	}
	if name := r.URL.Query().Get("org"); s.leak == "parameter names the tenant" && name != "" {
		tenant = name
	}
	if s.leak == "tenant in a variable" {
		s.mu.Unlock()
		s.mu.Lock()
		tenant, s.last = s.last, tenant
		if tenant == "" {
			tenant = s.last
		}
	}
	tenant, guest := strings.CutSuffix(tenant, "/guest")
	var in item
	json.NewDecoder(r.Body).Decode(&in)
	id := strings.TrimPrefix(r.URL.Path, "/items/")
	switch {
	case r.URL.Path == "/items" && r.Method == http.MethodGet:
		s.list(w, tenant, guest, r.URL.Query().Get("q"))
	case r.URL.Path == "/items":
		s.create(w, tenant, in)
	case r.URL.Path == "/exports":
		s.jobs = append(s.jobs, func() { s.export(tenant) })
		w.WriteHeader(http.StatusAccepted)
	default:
		s.one(w, r, tenant, guest, id, in)
	}
}

func (s *shop) list(w http.ResponseWriter, tenant string, guest bool, q string) {
	var names []string
	total := 0
	for _, id := range slices.Sorted(mapKeys(s.items)) {
		i := s.items[id]
		if guest && i.Private && s.leak != "list beside the policy" && s.leak != "neither asks" {
			continue
		}
		mine := i.Tenant == tenant || strings.HasPrefix(s.leak, "list without the tenant")
		if s.leak == "search by OR" && q != "" {
			mine = mine || strings.Contains(i.Name, strings.Trim(q, "%"))
		}
		if s.leak == "SQL in the search" && strings.Contains(q, "OR 1=1") {
			mine = true
		}
		if mine && strings.Contains(i.Name, strings.Trim(q, "%")) || mine && strings.Contains(q, "1=1") {
			names = append(names, i.Name)
		}
		if i.Tenant == tenant || strings.HasPrefix(s.leak, "count without the tenant") {
			total++
		}
	}
	text, _ := json.Marshal(map[string]any{"names": names, "total": total})
	if key := fmt.Sprint("list ", tenant, guest, q); s.leak == "count without the tenant, in a cache" {
		if _, ok := s.cache[key]; !ok {
			s.cache[key] = string(text)
		}
		text = []byte(s.cache[key])
	}
	switch s.leak {
	case "list without the tenant, packed":
		w.Header().Set("Content-Encoding", "gzip")
		packed := gzip.NewWriter(w)
		defer packed.Close()
		packed.Write(text)
		return
	case "list without the tenant, in a coding that nobody reads":
		w.Header().Set("Content-Encoding", "br")
		text = bytes.ToUpper(text)
	}
	w.Write(text)
}

func (s *shop) create(w http.ResponseWriter, tenant string, in item) {
	if in.Tenant != "" && s.leak == "body names the tenant" {
		tenant = in.Tenant
	}
	for _, i := range s.items {
		if i.Name == in.Name && (i.Tenant == tenant || s.leak == "name exists once for all") {
			w.WriteHeader(http.StatusConflict)
			return
		}
	}
	if s.shelves[in.Shelf] != tenant && s.leak != "foreign shelf" {
		w.WriteHeader(http.StatusNotFound)
		return
	}
	s.next++
	id := "item-" + strconv.Itoa(s.next) + tenant
	s.items[id] = item{id, tenant, in.Name, "", in.Shelf, false}
	w.WriteHeader(http.StatusCreated)
}

func (s *shop) export(tenant string) {
	if s.leak == "job copies what it finds" {
		all := ""
		for _, i := range s.items {
			all += i.Note
		}
		s.items["item-copy-"+tenant] = item{"item-copy-" + tenant, tenant, "copy", all, "", false}
	}
	for id, i := range s.items {
		if i.Tenant == tenant || s.leak == "job without the tenant" {
			i.Note += " (exported)"
			s.items[id] = i
		}
	}
}

func (s *shop) one(w http.ResponseWriter, r *http.Request, tenant string, guest bool, id string, in item) {
	key := fmt.Sprint(tenant, guest, r.URL.Path)
	if s.leak == "cache without the tenant" {
		key = r.URL.Path
		if strings.HasPrefix(id, "latest") {
			key = "latest"
		}
	}
	if text, ok := s.cache[key]; ok && r.Method == http.MethodGet {
		fmt.Fprint(w, text)
		return
	}
	if id == "latest" {
		for _, i := range s.items {
			if i.Tenant == tenant && !i.Private {
				id = i.ID
			}
		}
	}
	i, ok := s.items[id]
	foreign := ok && i.Tenant != tenant
	asked := i
	if s.leak == "a column that was not selected" {
		asked.Private = false
	}
	if guest && asked.Private && s.leak != "an object that nobody asked about" && s.leak != "neither asks" {
		w.WriteHeader(http.StatusNotFound)
		return
	}
	if foreign && s.leak == "forbidden in place of not found" {
		w.WriteHeader(http.StatusForbidden)
		return
	}
	loose := r.Method == http.MethodGet && s.leak == "read by id alone" ||
		r.Method == http.MethodPut && s.leak == "update by id alone" ||
		r.Method == http.MethodDelete && s.leak == "delete by id alone"
	if foreign && s.leak == "error text" {
		w.WriteHeader(http.StatusNotFound)
		fmt.Fprintf(w, "%q is not yours", i.Note)
		return
	}
	if !ok || foreign && !loose {
		w.WriteHeader(http.StatusNotFound)
		return
	}
	switch r.Method {
	case http.MethodPut:
		i.Note = in.Note
		s.items[id] = i
	case http.MethodDelete:
		delete(s.items, id)
	default:
		text, _ := json.Marshal(i)
		s.cache[key] = string(text)
		w.Write(text)
	}
}

func mapKeys[V any](m map[string]V) func(func(string) bool) {
	return func(yield func(string) bool) {
		for k := range m {
			if !yield(k) {
				return
			}
		}
	}
}

// service describes the shop.
func service(s *shop) tenanttest.Service {
	member := func(name, item, private, shelf string, secrets ...string) tenanttest.Tenant {
		return tenanttest.Tenant{
			Name: name, Secrets: secrets,
			Sign:    func(r *http.Request) { r.Header.Set("Authorization", "Bearer "+name) },
			Values:  map[string]string{"item": item, "shelf": shelf},
			Objects: map[string]map[string]string{"item": {item: secrets[0], private: "ledger of " + name}},
			Users: []tenanttest.User{{
				Name: "a guest", Hidden: []string{"ledger of " + name, name + "-private-note"}, Values: map[string]string{"item": private},
				Sign: func(r *http.Request) { r.Header.Set("Authorization", "Bearer "+name+"/guest") },
			}},
		}
	}
	return tenanttest.Service{
		Handler: s, Rows: s.rows, Reset: s.reset, Settle: s.drain,
		TenantNames: []string{"Tenant"},
		Tenants: [2]tenanttest.Tenant{
			member("acme", "item-1001", "item-1003", "shelf-71", "anvil of acme", "acme-secret-note"),
			member("globex", "item-2002", "item-2004", "shelf-82", "globe of globex", "globex <secret> note"),
		},
		Requests: []tenanttest.Request{
			{Method: "GET", Path: "/items", Lists: "item"},
			{Method: "GET", Path: "/items?q=o", Lists: "item"},
			{Method: "GET", Path: "/items/latest"},
			{Method: "GET", Path: "/items/{item}", Reads: "item"},
			{Method: "PUT", Path: "/items/{item}", Body: `{"Note":"new"}`},
			{Method: "POST", Path: "/items", Body: `{"Name":"hammer","Shelf":"{shelf}"}`},
			{Method: "POST", Path: "/exports"},
			{Method: "DELETE", Path: "/items/{item}"},
		},
	}
}
