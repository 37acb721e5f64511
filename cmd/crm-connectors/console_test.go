package main

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"crm-connectors/store/storetest"

	"github.com/rs/zerolog"
)

// signIn does so with a key, and fails unless the overview comes.
func signIn(ctx context.Context, address, key string) error {
	jar, err := cookiejar.New(nil)
	if err != nil {
		return err
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, address+"/sign-in", strings.NewReader(url.Values{"credential": {key}}.Encode()))
	if err != nil {
		return err
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	resp, err := (&http.Client{Jar: jar}).Do(req)
	if err != nil {
		return err
	}
	defer func() { _ = resp.Body.Close() }()
	page, err := io.ReadAll(resp.Body)
	if err != nil || resp.StatusCode != http.StatusOK || !strings.Contains(string(page), "<h1>Overview</h1>") {
		return fmt.Errorf("%d %w: %s", resp.StatusCode, err, page)
	}
	return nil
}

func TestTheConsoleIsBesideTheAPIOrAtAnAddressOfItsOwnOrOff(t *testing.T) {
	t.Parallel()
	database := storetest.NewDatabase(t, storetest.Migrate)
	status := func(h http.Handler, path string) int {
		if h == nil {
			return 0
		}
		w := httptest.NewRecorder()
		h.ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), http.MethodGet, path, nil))
		return w.Code
	}
	for name, tc := range map[string]struct {
		changes      map[string]string
		beside, own  int
		api, foreign int
	}{
		"beside":     {map[string]string{}, http.StatusOK, 0, http.StatusOK, 0},
		"of its own": {map[string]string{"CONSOLE_LISTEN_ADDR": "127.0.0.1:0"}, http.StatusNotFound, http.StatusOK, http.StatusOK, http.StatusSeeOther},
		"off":        {map[string]string{"CONSOLE": "off", "CONSOLE_LISTEN_ADDR": "127.0.0.1:0"}, http.StatusNotFound, 0, http.StatusOK, 0},
	} {
		tc.changes["DATABASE_URL"] = database
		cfg, err := LoadConfig(with(t, tc.changes))
		if err != nil {
			t.Fatal(err)
		}
		s, err := newService(t.Context(), cfg, zerolog.Nop())
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(s.close)
		if got := status(s.handler, "/console/sign-in"); got != tc.beside {
			t.Errorf("%s: beside the API: %d, want %d", name, got, tc.beside)
		}
		if got := status(s.console, "/console/sign-in"); got != tc.own {
			t.Errorf("%s: at its own address: %d, want %d", name, got, tc.own)
		}
		if got := status(s.handler, "/health"); got != tc.api {
			t.Errorf("%s: the API: %d, want %d", name, got, tc.api)
		}
		if got := status(s.console, "/functions/v1/health"); got != tc.foreign {
			t.Errorf("%s: the API at the console's address: %d, want %d", name, got, tc.foreign)
		}
	}
}

func TestTheConsolesCookieIsForTLSAloneButOnThisMachine(t *testing.T) {
	t.Parallel()
	for origin, plain := range map[string]bool{"": false, "https://project.example.com": false, "http://127.0.0.1:9000": true, "http://localhost:9000": true,
		"https://localhost": false, "http://project.example.com": false} {
		if got := plainLoopback(origin); got != plain {
			t.Errorf("%q: %v, want %v", origin, got, plain)
		}
	}
}

func TestWhatIsWrongWithTheConsolesVariablesIsSaid(t *testing.T) {
	t.Parallel()
	_, err := LoadConfig(with(t, map[string]string{"CONSOLE": "perhaps", "CONSOLE_LISTEN_ADDR": "nowhere", "CONSOLE_URL": "console.example.com/x"}))
	for _, name := range []string{"CONSOLE ", "CONSOLE_LISTEN_ADDR ", "CONSOLE_URL "} {
		if err == nil || !strings.Contains(err.Error(), name) {
			t.Errorf("%s is not named: %v", name, err)
		}
	}
}
