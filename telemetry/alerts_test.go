package telemetry

import (
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"
)

// What Prometheus has scraped for three hours, a minute apart, in its own notation: begin, step and number of further samples.
const (
	still = "x180"
	flat  = "+0" + still
)

// healthy is an installation of two replicas that does well.
func healthy() map[string]string {
	return map[string]string{
		`crm_build_info{instance="a"}`: "1" + flat,
		`crm_ready{instance="a"}`:      "1" + flat,
		`crm_ready{instance="b"}`:      "1" + flat,
		`crm_http_requests_total{instance="a", route="/sync", status="202"}`:              "0+600" + still,
		`crm_http_requests_total{instance="a", route="/sync", status="503"}`:              "0+1" + still,
		`crm_accept_duration_seconds_bucket{instance="a", le="0.1"}`:                      "0+600" + still,
		`crm_accept_duration_seconds_bucket{instance="a", le="2.5"}`:                      "0+601" + still,
		`crm_accept_duration_seconds_bucket{instance="a", le="+Inf"}`:                     "0+601" + still,
		`crm_db_pool_acquires_total{instance="a"}`:                                        "0+1000" + still,
		`crm_db_pool_acquires_waited_total{instance="a"}`:                                 "0+20" + still,
		`crm_figures_age_seconds{instance="a"}`:                                           "15" + flat,
		`crm_writes_due_oldest_seconds{instance="a", crm="hubspot", object="contact"}`:    "20" + flat,
		`crm_writes_due_oldest_seconds{instance="a", crm="hubspot", object="task"}`:       "2000" + flat,
		`crm_write_delay_seconds_bucket{instance="a", crm="hubspot", le="60"}`:            "0+590" + still,
		`crm_write_delay_seconds_bucket{instance="a", crm="hubspot", le="3600"}`:          "0+600" + still,
		`crm_write_delay_seconds_bucket{instance="a", crm="hubspot", le="+Inf"}`:          "0+600" + still,
		`crm_writes_doubt_oldest_seconds{instance="a", crm="hubspot"}`:                    "0" + flat,
		`crm_writes_open{instance="a", crm="hubspot", status="needs_review"}`:             "0" + flat,
		`crm_writes_settled_total{instance="a", crm="hubspot", status="succeeded"}`:       "0+600" + still,
		`crm_writes_settled_total{instance="a", crm="hubspot", status="failed"}`:          "0+3" + still,
		`crm_connections{instance="a", crm="hubspot", health="writing"}`:                  "1000" + flat,
		`crm_connections{instance="a", crm="hubspot", health="error"}`:                    "12" + flat,
		`crm_connections_silent{instance="a", crm="hubspot"}`:                             "3" + flat,
		`crm_token_refreshes_total{instance="a", crm="hubspot", result="ok"}`:             "0+40" + still,
		`crm_token_refreshes_total{instance="a", crm="hubspot", result="retry"}`:          "0+1" + still,
		`crm_token_refreshes_total{instance="a", crm="hubspot", result="misconfigured"}`:  "0" + flat,
		`crm_calls_total{instance="a", crm="hubspot", result="200"}`:                      "0+100" + still,
		`crm_calls_total{instance="a", crm="hubspot", result="429"}`:                      "0" + flat,
		`crm_budget_left_ratio{instance="a", crm="hubspot", limit="daily"}`:               "0.6" + flat,
		`crm_budget_left_ratio{instance="a", crm="hubspot", limit="burst"}`:               "0.1" + flat,
		`crm_jobs_available_oldest_seconds{instance="a", queue="drain_hubspot"}`:          "1" + flat,
		`crm_river_leader{instance="a"}`:                                                  "1" + flat,
		`crm_sweep_last_success_timestamp_seconds{instance="a"}`:                          "0+60" + still,
		`crm_sweep_found_total{instance="a", what="abandoned_writes"}`:                    "7" + flat,
		`crm_sweep_found_total{instance="a", what="lost_wakeups"}`:                        "0+1" + still,
		`crm_notifications_total{instance="a", event="write.failed", result="delivered"}`: "0+3" + still,
		`crm_notifications_total{instance="a", event="write.failed", result="retried"}`:   "0+1" + still,
	}
}

// sick is, for each alert, what is otherwise when it should fire.
func sick() map[string]map[string]string {
	return map[string]map[string]string{
		"CrmNotScraped":        {`crm_build_info{instance="a"}`: "1+0x150"},
		"CrmNoReplicaReady":    {`crm_ready{instance="a"}`: "0" + flat, `crm_ready{instance="b"}`: "0" + flat},
		"CrmReplicaNotReady":   {`crm_ready{instance="b"}`: "0" + flat},
		"CrmRequestsFail":      {`crm_http_requests_total{instance="a", route="/sync", status="503"}`: "0+20" + still},
		"CrmAcceptSlow":        {`crm_accept_duration_seconds_bucket{instance="a", le="0.1"}`: "0+500" + still},
		"CrmDatabasePoolFull":  {`crm_db_pool_acquires_waited_total{instance="a"}`: "0+300" + still},
		"CrmFiguresOld":        {`crm_figures_age_seconds{instance="a"}`: "15+0x100 60+60x78"},
		"CrmWritesNotMoving":   {`crm_writes_due_oldest_seconds{instance="a", crm="hubspot", object="contact"}`: "0+60" + still},
		"CrmWritesWaitLong":    {`crm_writes_due_oldest_seconds{instance="a", crm="hubspot", object="task"}`: "20000+60" + still},
		"CrmDeliverySlow":      {`crm_write_delay_seconds_bucket{instance="a", crm="hubspot", le="60"}`: "0+400" + still},
		"CrmInDoubtTooLong":    {`crm_writes_doubt_oldest_seconds{instance="a", crm="hubspot"}`: "0+60" + still},
		"CrmWritesNeedReview":  {`crm_writes_open{instance="a", crm="hubspot", status="needs_review"}`: "2" + flat},
		"CrmReviewsRising":     {`crm_writes_open{instance="a", crm="hubspot", status="needs_review"}`: "0+1" + still},
		"CrmLogAndCrmDiffer":   {`crm_write_alarms{instance="a", crm="hubspot", alarm="duplicate_detected"}`: "1" + flat},
		"CrmWritesFail":        {`crm_writes_settled_total{instance="a", crm="hubspot", status="failed"}`: "0+100" + still},
		"CrmConnectionsFail":   {`crm_connections{instance="a", crm="hubspot", health="error"}`: "12+0x130 20+0x48"},
		"CrmRefreshesFail":     {`crm_token_refreshes_total{instance="a", crm="hubspot", result="retry"}`: "0+20" + still},
		"CrmAppRefused":        {`crm_token_refreshes_total{instance="a", crm="hubspot", result="misconfigured"}`: "0+0x170 1+0x8"},
		"CrmNotAnswering":      {`crm_connections_silent{instance="a", crm="hubspot"}`: "400" + flat},
		"CrmRateLimited":       {`crm_calls_total{instance="a", crm="hubspot", result="429"}`: "0+5" + still},
		"CrmBudgetNearlySpent": {`crm_budget_left_ratio{instance="b", crm="hubspot", limit="daily"}`: "0.22" + flat},
		"CrmRiverStuck":        {`crm_jobs_available_oldest_seconds{instance="a", queue="drain_hubspot"}`: "0+60" + still},
		"CrmRiverNoLeader":     {`crm_river_leader{instance="a"}`: "0" + flat},
		"CrmSweepsStopped":     {`crm_sweep_last_success_timestamp_seconds{instance="a"}`: "0+60x150 9000+0x29"},
		"CrmNotificationsFail": {`crm_notifications_total{instance="a", event="write.failed", result="retried"}`: "0+9" + still},
		"CrmWorkersDie":        {`crm_sweep_found_total{instance="a", what="abandoned_writes"}`: "7+0x170 12+0x8"},
	}
}

// promtool is Prometheus' own tool for rules.
func promtool(t *testing.T) string {
	t.Helper()
	path, err := exec.LookPath("promtool")
	if err != nil && os.Getenv("CI") != "true" {
		t.Skip("there is no promtool here (apt-get install prometheus)")
	}
	if err != nil {
		t.Fatal(err)
	}
	return path
}

func TestEachAlertFiresWhenItShouldAndNoneWhenAllIsWell(t *testing.T) {
	t.Parallel()
	tool := promtool(t)
	rules, err := filepath.Abs("../deploy/prometheus/alerts.yaml")
	if err != nil {
		t.Fatal(err)
	}
	type sample struct {
		Labels string
		Value  float64
	}
	type query struct {
		Expr    string
		At      string   `yaml:"eval_time"`
		Samples []sample `yaml:"exp_samples"`
	}
	type input struct{ Series, Values string }
	type test struct {
		Name     string
		Interval string
		Series   []input `yaml:"input_series"`
		Queries  []query `yaml:"promql_expr_test"`
	}
	after := func(name string, changes map[string]string, queries ...query) test {
		all := healthy()
		maps.Copy(all, changes)
		one := test{Name: name, Interval: "1m", Queries: queries}
		for _, series := range slices.Sorted(maps.Keys(all)) {
			one.Series = append(one.Series, input{series, all[series]})
		}
		return one
	}
	const at = "2h58m"
	tests := []test{after("all is well", nil, query{Expr: "ALERTS", At: "30m"}, query{Expr: "ALERTS", At: at})}
	for _, alert := range slices.Sorted(maps.Keys(sick())) {
		tests = append(tests, after(alert, sick()[alert], query{Expr: fmt.Sprintf(`count(ALERTS{alertname=%q, alertstate="firing"})`, alert), At: at, Samples: []sample{{"{}", 1}}}))
	}
	if want := strings.Count(page(t, "deploy/prometheus/alerts.yaml"), "- alert: "); len(tests)-1 != want {
		t.Errorf("%d alerts are made to fire, of %d", len(tests)-1, want)
	}
	text, err := yaml.Marshal(map[string]any{"rule_files": []string{rules}, "evaluation_interval": "1m", "tests": tests})
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "tests.yaml")
	if err := os.WriteFile(file, text, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, args := range [][]string{{"check", "rules", rules}, {"test", "rules", file}} {
		if out, err := exec.CommandContext(t.Context(), tool, args...).CombinedOutput(); err != nil {
			t.Errorf("promtool %s: %v\n%s", strings.Join(args, " "), err, out)
		}
	}
}
