package telemetry

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"text/template"
	"time"

	"crm-connectors/connectors"
	"crm-connectors/store"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/promql/parser"
	"github.com/rs/zerolog"
	"go.yaml.in/yaml/v3"
)

// metric is one of ours as a scrape shows it.
type metric struct {
	kind, help string
	labels     []string // in the order of their names
}

// scraped are all metrics of a process that has met all that can be met.
func scraped(t *testing.T) (ours, all map[string]metric) {
	t.Helper()
	pool, err := pgxpool.New(t.Context(), "postgres://nobody@127.0.0.1:1/none") // nothing is asked of it
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(pool.Close)
	now := time.Now()
	tel := New(Config{CRMs: []connectors.CRM{connectors.HubSpot, connectors.Salesforce}, Log: zerolog.Nop()})
	tel.Read(Whole{Pool: pool, Ready: func(context.Context) error { return nil }, Figures: func(context.Context) (store.Figures, error) {
		return store.Figures{CountedAt: now, Alarms: []store.AlarmFigure{{CRM: "hubspot", Alarm: "missing_in_crm", Count: 1}},
			Jobs: []store.JobFigure{{Queue: "drain_hubspot", State: "available", Count: 1, From: now}}}, nil
	}})
	watch(tel, 1)
	tel.HubSpotEvent("deleted")
	families, err := tel.registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	ours, all = map[string]metric{}, map[string]metric{}
	for _, f := range families {
		m := metric{kind: strings.ToLower(f.GetType().String()), help: f.GetHelp()}
		for _, l := range f.Metric[0].Label {
			m.labels = append(m.labels, l.GetName())
		}
		all[f.GetName()] = m
		if strings.HasPrefix(f.GetName(), "crm_") {
			ours[f.GetName()] = m
		}
	}
	described := make(chan *prometheus.Desc, 1000)
	tel.registry.Describe(described)
	close(described)
	for d := range described {
		name := regexp.MustCompile(`fqName: "(crm_[a-z_]+)"`).FindStringSubmatch(d.String())
		if name != nil && ours[name[1]].kind == "" {
			t.Errorf("%s is not met by this test, so that nothing is known of it", name[1])
		}
	}
	return ours, all
}

func page(t *testing.T, name string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("..", name))
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func TestThePageOfMetricsIsWhatAScrapeHas(t *testing.T) {
	t.Parallel()
	ours, _ := scraped(t)
	want := "| metric | type | labels | what it is |\n| --- | --- | --- | --- |\n"
	for _, name := range slices.Sorted(func(yield func(string) bool) {
		for name := range ours {
			if !yield(name) {
				return
			}
		}
	}) {
		m := ours[name]
		want += fmt.Sprintf("| `%s` | %s | %s | %s |\n", name, m.kind, strings.Join(m.labels, ", "), m.help)
	}
	_, rest, _ := strings.Cut(page(t, "docs/observability.md"), "| metric |")
	got, _, _ := strings.Cut("| metric |"+rest, "\n\n")
	if strings.TrimSpace(got) != strings.TrimSpace(want) {
		t.Errorf("docs/observability.md should have this table:\n%s", want)
	}
}

func TestMetricsAreNamedAsPrometheusWantsIt(t *testing.T) {
	t.Parallel()
	ours, _ := scraped(t)
	for name, m := range ours {
		if (m.kind == "counter") != strings.HasSuffix(name, "_total") {
			t.Errorf("%s is a %s", name, m.kind)
		}
		if m.kind == "histogram" && !strings.HasSuffix(name, "_seconds") || strings.Contains(name, "_ms") || strings.Contains(name, "millis") {
			t.Errorf("%s: a time is in seconds", name)
		}
		if m.help == "" || !strings.HasSuffix(m.help, ".") {
			t.Errorf("%s is not explained by a sentence: %q", name, m.help)
		}
	}
}

// reads holds an expression against the metrics that there are: their names, and the labels that it selects and groups by.
func reads(t *testing.T, where, expr string, all map[string]metric) {
	t.Helper()
	parsed, err := parser.NewParser(parser.Options{}).ParseExpr(strings.NewReplacer("$__rate_interval", "5m", "$crm", "hubspot", "$job", "crm").Replace(expr))
	if err != nil {
		t.Errorf("%s: %s: %v", where, expr, err)
		return
	}
	var labels []string
	parser.Inspect(parsed, func(node parser.Node, _ []parser.Node) error {
		if v, ok := node.(*parser.VectorSelector); ok {
			name := v.Name
			if m, known := all[name]; !known || m.kind == "histogram" {
				for _, suffix := range []string{"_bucket", "_sum", "_count"} {
					if base := strings.TrimSuffix(name, suffix); all[base].kind == "histogram" {
						name = base
					}
				}
			}
			m, known := all[name]
			if !known {
				t.Errorf("%s reads %s, which no scrape has", where, v.Name)
				return nil
			}
			labels = append(labels, m.labels...)
			for _, match := range v.LabelMatchers {
				if n := match.Name; n != model.MetricNameLabel && n != "job" && !slices.Contains(m.labels, n) {
					t.Errorf("%s selects %s by %s, which it does not have", where, v.Name, n)
				}
			}
		}
		return nil
	})
	parser.Inspect(parsed, func(node parser.Node, _ []parser.Node) error {
		if a, ok := node.(*parser.AggregateExpr); ok {
			for _, by := range a.Grouping {
				if by != "le" && by != "instance" && !slices.Contains(labels, by) {
					t.Errorf("%s groups by %s, which nothing in it has", where, by)
				}
			}
		}
		return nil
	})
}

// ruleFile is Prometheus' own format, as far as it is used. Its package for it would bring Kubernetes' client along.
type ruleFile struct {
	Groups []struct {
		Name  string
		Rules []struct {
			Alert, Expr, For    string
			Labels, Annotations map[string]string
		}
	}
}

func TestAlertsReadMetricsThatExistAndLeadToTheirPartOfTheRunbook(t *testing.T) {
	t.Parallel()
	_, all := scraped(t)
	text := page(t, "deploy/prometheus/alerts.yaml")
	groups := ruleFile{}
	strict := yaml.NewDecoder(strings.NewReader(text))
	strict.KnownFields(true)
	if err := strict.Decode(&groups); err != nil {
		t.Fatal(err)
	}
	headings := map[string]string{}
	runbook := page(t, "docs/runbook.md")
	parts := strings.Split(runbook, "\n## ")
	for _, part := range parts[1:] {
		heading, body, _ := strings.Cut(part, "\n")
		headings[heading] = body
	}
	alerts := 0
	for _, g := range groups.Groups {
		for _, r := range g.Rules {
			alerts++
			reads(t, r.Alert, r.Expr, all)
			if _, err := model.ParseDuration(cmp.Or(r.For, "0s")); err != nil {
				t.Errorf("%s: %v", r.Alert, err)
			}
			for _, words := range r.Annotations {
				if _, err := template.New("").Funcs(template.FuncMap{"humanizeDuration": fmt.Sprint, "humanizePercentage": fmt.Sprint}).Parse("{{$labels := .}}{{$value := .}}" + words); err != nil {
					t.Errorf("%s: %v", r.Alert, err)
				}
			}
			if want := "docs/runbook.md#" + strings.ToLower(r.Alert); r.Annotations["runbook_url"] != want || r.Annotations["summary"] == "" || r.Annotations["description"] == "" {
				t.Errorf("%s: annotations %v; want summary, description, and runbook_url %s", r.Alert, r.Annotations, want)
			}
			if s := r.Labels["severity"]; s != "page" && s != "ticket" {
				t.Errorf("%s: severity %q", r.Alert, s)
			}
			body, there := headings[r.Alert]
			for _, part := range []string{"**What it means.**", "**How to see it.**", "**How to mend it.**"} {
				if !strings.Contains(body, part) {
					t.Errorf("docs/runbook.md (%t) does not say of %s: %s", there, r.Alert, part)
				}
			}
			delete(headings, r.Alert)
		}
	}
	for left := range headings {
		if strings.HasPrefix(left, "Crm") {
			t.Errorf("docs/runbook.md has %s, which is no alert", left)
		}
	}
	if alerts < 20 {
		t.Errorf("%d alerts were read", alerts)
	}
}

var metricInText = regexp.MustCompile("`(crm_[a-z_]+)[`{]")

func TestTheRunbookNamesMetricsThatExist(t *testing.T) {
	t.Parallel()
	ours, _ := scraped(t)
	codes := page(t, "docs/failures.md")
	others := []string{"crm_write_log", "crm_request_id", "crm_object_id"} // a table, and fields of the log
	for _, m := range metricInText.FindAllStringSubmatch(page(t, "docs/runbook.md")+page(t, "docs/observability.md"), -1) {
		if _, ok := ours[m[1]]; !ok && !slices.Contains(others, m[1]) && !strings.Contains(codes, "`"+m[1]+"`") {
			t.Errorf("%s is no metric and no code", m[1])
		}
	}
}

func TestTheDashboardReadsMetricsThatExistAndShowsEveryOneOfOurs(t *testing.T) {
	t.Parallel()
	ours, all := scraped(t)
	var board struct {
		Panels []struct {
			Type, Title string
			Targets     []struct{ Expr string }
		}
	}
	text := page(t, "deploy/grafana/crm-connectors.json")
	if err := json.Unmarshal([]byte(text), &board); err != nil {
		t.Fatal(err)
	}
	for _, p := range board.Panels {
		if p.Type != "row" && len(p.Targets) == 0 {
			t.Errorf("the panel %q shows nothing", p.Title)
		}
		for _, target := range p.Targets {
			reads(t, "the panel "+p.Title, target.Expr, all)
		}
	}
	for name := range ours {
		if !strings.Contains(text, name) {
			t.Errorf("the dashboard does not show %s", name)
		}
	}
}
