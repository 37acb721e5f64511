package main

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"crm-connectors/api"
)

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
	readPage(t, "supabase.md").namesVariables(notOurs()...)
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
	page := readPage(t, "supabase.md")
	page.namesRoutes(12)
	_, names, _ := strings.Cut(page.text, "The names:")
	names, _, _ = strings.Cut(names, "\n\n")
	for path := range spec.Paths.Map() {
		if first, _, _ := strings.Cut(strings.TrimPrefix(path, "/"), "/"); !strings.Contains(names, "`"+first+"`") && !strings.Contains("health healthz readyz _internal", first) {
			t.Errorf("the page does not name the function %s", first)
		}
	}
}

func TestThePageOnSupabaseNamesFilesCommandsAndColumnsThatExist(t *testing.T) {
	t.Parallel()
	page := readPage(t, "supabase.md")
	for _, m := range regexp.MustCompile(`docs/(supabase/[\w./-]+)`).FindAllStringSubmatch(page.text, -1) {
		if _, err := os.Stat(filepath.Join(docs, m[1])); err != nil {
			t.Errorf("the page copies a file that is not there: %v", err)
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
		if columns := strings.Join(strings.Fields(m[1]), " "); !strings.Contains(page.text, "`"+m[2]+"`: "+columns) {
			t.Errorf("the page does not list the columns of %s: %s", m[2], columns)
		}
	}
}
