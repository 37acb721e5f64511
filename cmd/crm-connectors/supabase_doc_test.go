package main

import (
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"crm-connectors/api"
)

const docs = "../../docs"

func supabasePage(t *testing.T) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(docs, "supabase.md"))
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// notOurs are words of the page in the form of a variable that serve does not read.
func notOurs() []string {
	return []string{
		"POSTGRES_DB", "POSTGRES_HOST", "POSTGRES_PASSWORD", "POSTGRES_PORT", "SERVICE_ROLE_KEY", "SITE_URL", // of self-hosted Supabase's .env
		"CRM_CONNECTORS_URL", // of the forwarding function
		"PUBLISHABLE_KEY", "STRICT_DNS", "TENANT_REQUESTS", string(api.CodeTimeout),
	}
}

func TestThePageOnSupabaseNamesVariablesThatExist(t *testing.T) {
	t.Parallel()
	known := notOurs()
	for _, v := range allVariables() {
		known = append(known, v.name)
	}
	page := supabasePage(t)
	for _, name := range regexp.MustCompile(`\b[A-Z][A-Z0-9]*_[A-Z0-9_]+\b`).FindAllString(page, -1) {
		if !slices.Contains(known, name) {
			t.Errorf("the page names %s, which serve does not read", name)
		}
	}
	for _, name := range notOurs() {
		if !strings.Contains(page, name) {
			t.Errorf("the page does not name %s any more", name)
		}
	}
	forward, err := os.ReadFile(filepath.Join(docs, "supabase/functions/forward/index.ts"))
	if err != nil || !strings.Contains(string(forward), "Deno.env.get('CRM_CONNECTORS_URL')") {
		t.Errorf("the forwarding function does not read CRM_CONNECTORS_URL: %v", err)
	}
}

func TestThePageOnSupabaseNamesRoutesThatExist(t *testing.T) {
	t.Parallel()
	spec, err := api.GetSpec()
	if err != nil {
		t.Fatal(err)
	}
	page := supabasePage(t)
	routes := regexp.MustCompile("(?:/functions/v1|`(?:GET |POST )?)(/[a-z][a-z-]*(?:/[a-z{}-]+)*)").FindAllStringSubmatch(page, -1)
	for _, m := range routes {
		path := strings.Replace(m[1], "{id}", "{target}", 1)
		if path == "/functions/v1" || strings.HasPrefix(path, "/functions/v") {
			continue
		}
		begins := func(known string) bool { return strings.HasPrefix(known, path+"/") } // a gateway passes on all below it
		if spec.Paths.Value(path) == nil && !slices.ContainsFunc(slices.Collect(maps.Keys(spec.Paths.Map())), begins) {
			t.Errorf("the page names %s, which the contract does not have", m[1])
		}
	}
	if len(routes) < 12 {
		t.Errorf("the page names %d routes", len(routes))
	}
	_, names, _ := strings.Cut(page, "The names:")
	names, _, _ = strings.Cut(names, "\n\n")
	for path := range spec.Paths.Map() {
		if first, _, _ := strings.Cut(strings.TrimPrefix(path, "/"), "/"); !strings.Contains(names, "`"+first+"`") && !strings.Contains("health healthz readyz _internal", first) {
			t.Errorf("the page does not name the function %s", first)
		}
	}
}

func TestThePageOnSupabaseNamesFilesCommandsAndColumnsThatExist(t *testing.T) {
	t.Parallel()
	page := supabasePage(t)
	for _, m := range regexp.MustCompile(`\]\(([^)#]+)\)`).FindAllStringSubmatch(page, -1) {
		if _, err := os.Stat(filepath.Join(docs, m[1])); err != nil {
			t.Errorf("the page leads to a file that is not there: %v", err)
		}
	}
	for _, m := range regexp.MustCompile(`docs/(supabase/[\w./-]+)`).FindAllStringSubmatch(page, -1) {
		if _, err := os.Stat(filepath.Join(docs, m[1])); err != nil {
			t.Errorf("the page copies a file that is not there: %v", err)
		}
	}
	for _, m := range regexp.MustCompile(`crm-connectors (serve|migrate|dev|keys)\b`).FindAllStringSubmatch(page, -1) {
		if !slices.ContainsFunc(commands(), func(c command) bool { return c.name == m[1] }) {
			t.Errorf("there is no command %s", m[1])
		}
	}
	policies, err := os.ReadFile("../../migrations/20261125181003_who_may_read_what.sql")
	if err != nil {
		t.Fatal(err)
	}
	granted := regexp.MustCompile(`(?s)grant select \(([^)]+)\) on (\w+) to authenticated`).FindAllStringSubmatch(string(policies), -1)
	if len(granted) != 2 {
		t.Fatalf("%d tables are granted, want 2", len(granted))
	}
	for _, m := range granted {
		if columns := strings.Join(strings.Fields(m[1]), " "); !strings.Contains(page, "`"+m[2]+"`: "+columns) {
			t.Errorf("the page does not list the columns of %s: %s", m[2], columns)
		}
	}
}
