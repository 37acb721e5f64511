//go:build !production

package main

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"
)

func TestEachAttemptIsOneLineWithAllFactsAndNoContent(t *testing.T) {
	t.Parallel()
	s := openStage(t)
	s.aLife()
	var attempts int
	if err := s.service.pool.QueryRow(t.Context(), `select count(*) from crm_write_attempts`).Scan(&attempts); err != nil {
		t.Fatal(err)
	}
	s.end()
	var lines []map[string]any
	for text := range strings.SplitSeq(s.said.text(), "\n") {
		var line map[string]any
		if json.Unmarshal([]byte(text), &line) != nil || line["event"] != "attempt" {
			continue
		}
		lines = append(lines, line)
		for _, content := range []string{"ada@example.com", "nobody@example", "Byron", "Send the offer", "Price is settled", "Bearer"} {
			if strings.Contains(text, content) {
				t.Errorf("the line holds %q: %s", content, text)
			}
		}
		for _, fact := range []string{"workspace_id", "connection_id", "write_id", "sync_id", "crm", "object", "action", "attempt", "failures", "kind", "result", "status", "key", "together", "calls", "took_ms"} {
			if _, ok := line[fact]; !ok {
				t.Errorf("the line has no %s: %s", fact, text)
			}
		}
	}
	if attempts < 10 || len(lines) != attempts {
		t.Errorf("%d lines of %d attempts", len(lines), attempts)
	}
	is := func(kind, result string) func(map[string]any) bool {
		return func(l map[string]any) bool { return l["kind"] == kind && l["result"] == result }
	}
	for _, want := range []struct {
		kind, result string
		facts        []string
	}{
		{"send", "in_doubt", []string{"error_code", "error_class", "http_status", "retry_in_s", "doubt_for_s"}},
		{"find", "found", []string{"crm_object_id", "outcome"}},
		{"send", "rejected", []string{"error_code", "error_class", "http_status", "crm_request_id"}},
		{"send", "succeeded", []string{"crm_object_id", "outcome"}},
	} {
		at := slices.IndexFunc(lines, is(want.kind, want.result))
		if at < 0 {
			t.Errorf("there is no line of %s %s", want.kind, want.result)
			continue
		}
		for _, fact := range want.facts {
			if _, ok := lines[at][fact]; !ok {
				t.Errorf("the line of %s %s has no %s: %v", want.kind, want.result, fact, lines[at])
			}
		}
	}
}
