package main

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"crm-connectors/store"
	"crm-connectors/telemetry"
)

// marker is part of every secret here, so that a test can look for a leak.
const marker = "hush"

func keyset(t *testing.T) string {
	t.Helper()
	b, err := store.GenerateKeyset()
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// goodEnv is the least that serve wants.
func goodEnv(t *testing.T) map[string]string {
	t.Helper()
	return map[string]string{
		"DATABASE_URL":              "postgres://crm:" + marker + "@db.example.com:5432/postgres",
		"TOKEN_KEYSET":              keyset(t),
		"APP_BASE_URL":              "https://app.example.com/",
		"SUPABASE_SERVICE_ROLE_KEY": marker + "-role",
		"SUPABASE_PUBLIC_URL":       "https://project.example.com",
		"HUBSPOT_CLIENT_ID":         "app",
		"HUBSPOT_CLIENT_SECRET":     marker + "-app",
	}
}

// with changes a good environment; an empty value removes a variable.
func with(t *testing.T, changes map[string]string) func(string) string {
	t.Helper()
	vars := goodEnv(t)
	maps.Copy(vars, changes)
	return func(name string) string { return vars[name] }
}

func TestTheLeastEnvironmentIsEnoughAndHasTheDocumentedDefaults(t *testing.T) {
	t.Parallel()
	cfg, err := LoadConfig(with(t, nil))
	if err != nil {
		t.Fatalf("LoadConfig = %v", err)
	}
	got := []any{
		cfg.AppBaseURL, cfg.ListenAddr, cfg.PollOnly, cfg.DBMaxConns, cfg.DrainWorkers, cfg.LogLevel, cfg.LogFormat, cfg.ShutdownGrace,
		cfg.HubSpot.APIVersion, cfg.HubSpot.APIBaseURL, cfg.HubSpot.App.LoginURL, cfg.HubSpot.App.RedirectURL,
		cfg.Salesforce.App.ClientID, cfg.Salesforce.App.RedirectURL, cfg.CORSOrigins, cfg.DatabaseURL.Reveal(), cfg.ServiceKeys["service_role"].Reveal(), !cfg.Keyset.text.Empty(),
	}
	want := []any{
		"https://app.example.com", ":9000", false, int32(20), 50, "info", "json", 25 * time.Second,
		"v3", "https://api.hubapi.com", "https://app.hubspot.com", "https://project.example.com/functions/v1/hubspot-oauth-callback",
		"", "https://project.example.com/functions/v1/salesforce-oauth-callback", []string{"*"}, goodEnv(t)["DATABASE_URL"], marker + "-role", true,
	}
	if fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("got  %v\nwant %v", got, want)
	}
}

func TestEverythingThatIsMissingIsReportedAtOnce(t *testing.T) {
	t.Parallel()
	_, err := LoadConfig(func(string) string { return "" })
	var config *ConfigError
	if !errors.As(err, &config) {
		t.Fatalf("LoadConfig = %v, want a *ConfigError", err)
	}
	var names []string
	for _, p := range config.Problems {
		names = append(names, p.Name)
		if p.Example == "" || p.Wrong == "" {
			t.Errorf("%s lacks an example or a cause: %+v", p.Name, p)
		}
	}
	want := []string{"DATABASE_URL", "TOKEN_KEYSET", "SUPABASE_SECRET_KEYS", "APP_BASE_URL", "HUBSPOT_CLIENT_ID"}
	if !slices.Equal(names, want) {
		t.Errorf("got %v, want %v", names, want)
	}
}

func TestEachBadValueIsReportedByNameAndNeverPrinted(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		changes map[string]string
		want    []string
	}{
		"database":             {map[string]string{"DATABASE_URL": "mysql://" + marker}, []string{"DATABASE_URL"}},
		"database, other name": {map[string]string{"DATABASE_URL": "", "SUPABASE_DB_URL": marker}, []string{"SUPABASE_DB_URL"}},
		"numbers":              {map[string]string{"DB_MAX_CONNS": marker, "DRAIN_WORKERS": "0"}, []string{"DB_MAX_CONNS", "DRAIN_WORKERS"}},
		"durations":            {map[string]string{"SHUTDOWN_GRACE": marker}, []string{"SHUTDOWN_GRACE"}},
		"no time to wait":      {map[string]string{"DELIVERY_LATE_COMMIT": "0s"}, []string{"DELIVERY_LATE_COMMIT"}},
		"no time to send":      {map[string]string{"DELIVERY_LEASE": "40s"}, []string{"DELIVERY_SEND_WINDOW"}},
		"endless grace":        {map[string]string{"SHUTDOWN_GRACE": "48h"}, []string{"SHUTDOWN_GRACE"}},
		"choices":              {map[string]string{"LOG_LEVEL": marker, "LOG_FORMAT": marker, "RIVER_POLL_ONLY": marker}, []string{"RIVER_POLL_ONLY", "LOG_LEVEL", "LOG_FORMAT"}},
		"keyset":               {map[string]string{"TOKEN_KEYSET": marker}, []string{"TOKEN_KEYSET"}},
		"keyset file":          {map[string]string{"TOKEN_KEYSET": "", "TOKEN_KEYSET_FILE": "/nowhere/" + marker}, []string{"TOKEN_KEYSET_FILE"}},
		"two keysets":          {map[string]string{"TOKEN_KEYSET_FILE": "/nowhere/" + marker}, []string{"TOKEN_KEYSET"}},
		"service keys":         {map[string]string{"SUPABASE_SECRET_KEYS": `["` + marker + `"]`}, []string{"SUPABASE_SECRET_KEYS"}},
		"empty service key":    {map[string]string{"SUPABASE_SECRET_KEYS": `{"` + marker + `":" "}`}, []string{"SUPABASE_SECRET_KEYS"}},
		"app over http":        {map[string]string{"APP_BASE_URL": "http://" + marker + ".example.com"}, []string{"APP_BASE_URL"}},
		"app with a user":      {map[string]string{"APP_BASE_URL": "https://" + marker + "@example.com"}, []string{"APP_BASE_URL"}},
		"origin with a path":   {map[string]string{"REDIRECT_ORIGINS": "https://example.com/" + marker}, []string{"REDIRECT_ORIGINS"}},
		"CORS":                 {map[string]string{"CORS_ORIGINS": "https://ok.example.com,*"}, []string{"CORS_ORIGINS"}},
		"port":                 {map[string]string{"PORT": "99999"}, []string{"PORT"}},
		"address":              {map[string]string{"LISTEN_ADDR": marker}, []string{"LISTEN_ADDR"}},
		"trusted host":         {map[string]string{"CRM_TRUSTED_HOSTS": "https://" + marker}, []string{"CRM_TRUSTED_HOSTS"}},
		"half an app":          {map[string]string{"SALESFORCE_CLIENT_ID": marker}, []string{"SALESFORCE_CLIENT_SECRET"}},
		"no CRM":               {map[string]string{"HUBSPOT_CLIENT_ID": "", "HUBSPOT_CLIENT_SECRET": "", "SUPABASE_PUBLIC_URL": ""}, []string{"HUBSPOT_CLIENT_ID"}},
		"no CRM from outside":  {map[string]string{"HUBSPOT_CLIENT_ID": "", "HUBSPOT_CLIENT_SECRET": "", "SUPABASE_PUBLIC_URL": "http://kong:8000"}, []string{"HUBSPOT_CLIENT_ID"}},
		"versions":             {map[string]string{"HUBSPOT_API_VERSION": "v1", "SALESFORCE_CLIENT_ID": "a", "SALESFORCE_CLIENT_SECRET": marker, "SALESFORCE_API_VERSION": "66"}, []string{"HUBSPOT_API_VERSION", "SALESFORCE_API_VERSION"}},
		"foreign API host":     {map[string]string{"HUBSPOT_API_BASE_URL": "https://" + marker + ".example.com"}, []string{"HUBSPOT_API_BASE_URL"}},
		"look-alike API host":  {map[string]string{"HUBSPOT_API_BASE_URL": "https://evilhubapi.com"}, []string{"HUBSPOT_API_BASE_URL"}},
		"API without TLS":      {map[string]string{"HUBSPOT_API_BASE_URL": "http://api.hubapi.com"}, []string{"HUBSPOT_API_BASE_URL"}},
		"no redirect":          {map[string]string{"SUPABASE_PUBLIC_URL": ""}, []string{"HUBSPOT_REDIRECT_URI"}},
		"redirect inside":      {map[string]string{"SUPABASE_PUBLIC_URL": "", "SUPABASE_URL": "http://kong:8000"}, []string{"HUBSPOT_REDIRECT_URI"}},
		"redirect without TLS": {map[string]string{"HUBSPOT_REDIRECT_URI": "http://" + marker + ".example.com/x"}, []string{"HUBSPOT_REDIRECT_URI"}},
		"metrics":              {map[string]string{"METRICS_ADDR": marker}, []string{"METRICS_ADDR"}},
		"traces":               {map[string]string{"OTEL_EXPORTER_OTLP_ENDPOINT": "http://" + marker + "@example.com", "OTEL_TRACES_SAMPLER": marker}, []string{"OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_TRACES_SAMPLER"}},
		"traces, unused":       {map[string]string{"OTEL_EXPORTER_OTLP_HEADERS": marker, "OTEL_EXPORTER_OTLP_PROTOCOL": "grpc", "OTEL_TRACES_SAMPLER_ARG": "2"}, []string{"OTEL_EXPORTER_OTLP_HEADERS", "OTEL_EXPORTER_OTLP_PROTOCOL", "OTEL_TRACES_SAMPLER_ARG"}},
		"sampled how often":    {map[string]string{"OTEL_TRACES_SAMPLER_ARG": marker}, []string{"OTEL_TRACES_SAMPLER_ARG"}},
		"too many":             {map[string]string{"RATE_LIMIT_PERSON": "-1", "CONNECTIONS_MAX": "2000000"}, []string{"RATE_LIMIT_PERSON", "CONNECTIONS_MAX"}},
		"no header's name":     {map[string]string{"CLIENT_ADDRESS_HEADER": "X Real Ip"}, []string{"CLIENT_ADDRESS_HEADER"}},
		"endless delay":        {map[string]string{"SHUTDOWN_DELAY": "1h"}, []string{"SHUTDOWN_DELAY"}},
		"public URL is no URL": {map[string]string{"PUBLIC_URL": marker}, []string{"PUBLIC_URL"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := LoadConfig(with(t, tc.changes))
			var config *ConfigError
			if !errors.As(err, &config) {
				t.Fatalf("LoadConfig = %v, want a *ConfigError", err)
			}
			var names []string
			for _, p := range config.Problems {
				names = append(names, p.Name)
			}
			if !slices.Equal(names, tc.want) {
				t.Errorf("got %v, want %v", names, tc.want)
			}
			if strings.Contains(err.Error(), marker) {
				t.Errorf("the error prints a value: %v", err)
			}
		})
	}
}

func TestWhatIsGivenIsUsed(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "keyset")
	if err := os.WriteFile(file, []byte(base64.StdEncoding.EncodeToString([]byte(keyset(t)))), 0o600); err != nil {
		t.Fatal(err)
	}
	cfg, err := LoadConfig(with(t, map[string]string{
		"DATABASE_URL": "", "SUPABASE_DB_URL": "postgres://crm:" + marker + "@pooler.example.com:6543/postgres",
		"TOKEN_KEYSET": "", "TOKEN_KEYSET_FILE": file,
		"SUPABASE_SECRET_KEYS": `{"cron":"` + marker + `-cron"}`, "SUPABASE_SECRET_KEY": "ignored",
		"SALESFORCE_CLIENT_ID": "app", "SALESFORCE_CLIENT_SECRET": marker, "SALESFORCE_API_VERSION": "v60.0",
		"SALESFORCE_AUTH_BASE_URL": "http://127.0.0.1:9102", "CRM_TRUSTED_HOSTS": "127.0.0.1:9102, Sim.example.com",
		"SALESFORCE_REDIRECT_URI": "http://localhost:9000/functions/v1/salesforce-oauth-callback",
		"PUBLIC_URL":              "https://crm.example.com/", "LISTEN_ADDR": "127.0.0.1:0", "PORT": "1",
		"REDIRECT_ORIGINS": "https://Staging.example.com,http://localhost:5173", "CORS_ORIGINS": "https://app.example.com",
		"SHUTDOWN_GRACE": "5s",
	}))
	if err != nil {
		t.Fatalf("LoadConfig = %v", err)
	}
	names := slices.Sorted(maps.Keys(cfg.ServiceKeys))
	got := []any{
		cfg.PollOnly, names, cfg.Salesforce.APIVersion, cfg.Salesforce.App.LoginURL, cfg.Salesforce.App.RedirectURL, cfg.TrustedHosts,
		cfg.HubSpot.App.RedirectURL, cfg.ListenAddr, cfg.RedirectOrigins, cfg.CORSOrigins, cfg.ShutdownGrace,
	}
	want := []any{
		true, []string{"cron", "service_role"}, "v60.0", "http://127.0.0.1:9102", "http://localhost:9000/functions/v1/salesforce-oauth-callback",
		[]string{"127.0.0.1:9102", "sim.example.com"}, "https://crm.example.com/functions/v1/hubspot-oauth-callback", "127.0.0.1:0",
		[]string{"https://staging.example.com", "http://localhost:5173"}, []string{"https://app.example.com"}, 5 * time.Second,
	}
	if fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("got  %v\nwant %v", got, want)
	}
}

func TestWithoutAppsOfOursWorkspacesBringTheirOwn(t *testing.T) {
	t.Parallel()
	cfg, err := LoadConfig(with(t, map[string]string{"HUBSPOT_CLIENT_ID": "", "HUBSPOT_CLIENT_SECRET": ""}))
	if err != nil {
		t.Fatalf("LoadConfig = %v", err)
	}
	crms, apps, err := crmsOf(cfg, telemetry.New(telemetry.Config{}).Calls)
	if err != nil || len(crms) != 2 {
		t.Fatalf("%d CRMs, %v; want both", len(crms), err)
	}
	for crm, app := range apps {
		if app.ClientID != "" || !app.ClientSecret.Empty() || app.RedirectURL != "https://project.example.com/functions/v1/"+string(crm)+"-oauth-callback" || app.LoginURL == "" {
			t.Errorf("%s: %+v", crm, app)
		}
	}
	cfg, err = LoadConfig(with(t, map[string]string{"SUPABASE_PUBLIC_URL": "", "HUBSPOT_REDIRECT_URI": "https://crm.example.com/hubspot"}))
	if err != nil || cfg.Salesforce != nil || cfg.HubSpot == nil {
		t.Errorf("%+v, %v; want Salesforce off, for no browser could come back", cfg, err)
	}
}

func TestPollingCanBeChosenAgainstThePort(t *testing.T) {
	t.Parallel()
	for value, want := range map[string]bool{"auto": false, "true": true, "false": false} {
		cfg, err := LoadConfig(with(t, map[string]string{"RIVER_POLL_ONLY": value}))
		if err != nil || cfg.PollOnly != want {
			t.Errorf("RIVER_POLL_ONLY=%s: got %v, %v; want %v", value, cfg.PollOnly, err, want)
		}
	}
}

func TestAConfigPrintsWithoutItsSecrets(t *testing.T) {
	t.Parallel()
	cfg, err := LoadConfig(with(t, map[string]string{"SUPABASE_SECRET_KEY": marker}))
	if err != nil {
		t.Fatal(err)
	}
	asJSON, err := json.Marshal(cfg)
	if err != nil {
		t.Fatal(err)
	}
	for _, text := range []string{fmt.Sprint(cfg), fmt.Sprintf("%+v", cfg), fmt.Sprintf("%#v", cfg), string(asJSON)} {
		if strings.Contains(text, marker) {
			t.Errorf("a secret is printed: %s", text)
		}
	}
}

func TestTheHelpListsEveryVariableWithItsTexts(t *testing.T) {
	t.Parallel()
	var b strings.Builder
	writeConfigHelp(&b)
	for _, v := range allVariables() {
		if !strings.Contains(b.String(), "  "+v.name+" ") || v.help == "" || v.example == "" || v.group == "" {
			t.Errorf("%s lacks its line in the help, or a text: %+v", v.name, v)
		}
	}
}
