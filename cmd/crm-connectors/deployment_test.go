package main

import (
	"bytes"
	"errors"
	"io"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"go.yaml.in/yaml/v3"

	"crm-connectors/api"
	"crm-connectors/store"
)

const deploy = "../../deploy"

func deployFile(t *testing.T, name string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(deploy, name))
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// documents are those of a YAML file by their kind; "" is that of a file which knows no kinds.
func documents(t *testing.T, name string) map[string]map[string]any {
	t.Helper()
	all := map[string]map[string]any{}
	for dec := yaml.NewDecoder(strings.NewReader(deployFile(t, name))); ; {
		var doc map[string]any
		err := dec.Decode(&doc)
		if errors.Is(err, io.EOF) {
			return all
		}
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		kind, _ := doc["kind"].(string)
		all[kind] = doc
	}
}

// at follows names and places into a document.
func at[T any](t *testing.T, doc any, path ...any) T {
	t.Helper()
	for n, step := range path {
		switch step := step.(type) {
		case string:
			m, _ := doc.(map[string]any)
			doc = m[step]
		case int:
			if list, _ := doc.([]any); step < len(list) {
				doc = list[step]
			} else {
				doc = nil
			}
		}
		if doc == nil {
			t.Fatalf("there is no %v", path[:n+1])
		}
	}
	v, ok := doc.(T)
	if !ok {
		t.Fatalf("%v is %T", path, doc)
	}
	return v
}

// assigned are the variables that lines of the form NAME=value give.
func assigned(text string) map[string]string {
	given := map[string]string{}
	for line := range strings.Lines(text) {
		if name, value, ok := strings.Cut(strings.TrimSpace(line), "="); ok && !strings.HasPrefix(name, "#") {
			given[name] = value
		}
	}
	return given
}

// deployments are the variables that each way of running the service sets, besides production.env, and how long it lets the service end.
func deployments(t *testing.T) (variables map[string]map[string]string, ends map[string]time.Duration) {
	t.Helper()
	compose := at[map[string]any](t, documents(t, "compose/compose.yaml")[""], "services", "crm-connectors")
	variables = map[string]map[string]string{"compose": {}, "kubernetes": {}, "systemd": {}}
	for name, value := range at[map[string]any](t, compose, "environment") {
		variables["compose"][name], _ = value.(string)
	}
	pod := at[map[string]any](t, documents(t, "kubernetes/crm-connectors.yaml")["Deployment"], "spec", "template", "spec")
	for _, one := range at[[]any](t, pod, "containers", 0, "env") {
		variables["kubernetes"][at[string](t, one, "name")] = at[string](t, one, "value")
	}
	unit := deployFile(t, "systemd/crm-connectors.service")
	for _, m := range regexp.MustCompile(`(?m)^Environment=(.*)$`).FindAllStringSubmatch(unit, -1) {
		maps.Copy(variables["systemd"], assigned(strings.ReplaceAll(m[1], " ", "\n")))
	}
	seconds := func(text string) time.Duration {
		d, err := time.ParseDuration(text)
		if err != nil {
			t.Fatal(err)
		}
		return d
	}
	stop := regexp.MustCompile(`(?m)^TimeoutStopSec=(\d+)$`).FindStringSubmatch(unit)
	if stop == nil {
		t.Fatal("the unit does not say how long the service may take to end")
	}
	ends = map[string]time.Duration{"compose": seconds(at[string](t, compose, "stop_grace_period")), "systemd": seconds(stop[1] + "s"),
		"kubernetes": time.Duration(at[int](t, pod, "terminationGracePeriodSeconds")) * time.Second}
	return variables, ends
}

func TestEachWayOfRunningTheServiceGivesItAllThatItNeedsAndTimeToEnd(t *testing.T) {
	t.Parallel()
	keyset := filepath.Join(t.TempDir(), "token-keyset.json")
	text, err := store.GenerateKeyset()
	if err == nil {
		err = os.WriteFile(keyset, text, 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
	example := assigned(deployFile(t, "compose/production.env.example"))
	variables, ends := deployments(t)
	for way, set := range variables {
		given := maps.Clone(example)
		maps.Copy(given, set)
		for name := range given {
			if !slices.ContainsFunc(allVariables(), func(v variable) bool { return v.name == name }) {
				t.Errorf("%s: serve reads no %s", way, name)
			}
		}
		if given["TOKEN_KEYSET_FILE"] == "" {
			t.Errorf("%s: no keyset is given", way)
		}
		given["TOKEN_KEYSET_FILE"] = keyset
		cfg, err := LoadConfig(func(name string) string { return given[name] })
		if err != nil {
			t.Errorf("%s: %v", way, err)
			continue
		}
		if least := cfg.ShutdownDelay + cfg.ShutdownGrace; ends[way] < least+5*time.Second {
			t.Errorf("%s ends the service after %s; it may want %s", way, ends[way], least)
		}
		if cfg.MetricsAddr == "" {
			t.Errorf("%s: nobody can scrape it", way)
		}
	}
}

func TestTheManifestsAskForWhatTheServiceAnswers(t *testing.T) {
	t.Parallel()
	all := documents(t, "kubernetes/crm-connectors.yaml")
	for _, kind := range []string{"Deployment", "Service", "PodDisruptionBudget", "NetworkPolicy"} {
		if all[kind] == nil {
			t.Errorf("there is no %s", kind)
		}
	}
	spec, err := api.GetSpec()
	if err != nil {
		t.Fatal(err)
	}
	container := at[map[string]any](t, all["Deployment"], "spec", "template", "spec", "containers", 0)
	for probe, path := range map[string]string{"startupProbe": "/healthz", "livenessProbe": "/healthz", "readinessProbe": "/readyz"} {
		if got := at[string](t, container, probe, "httpGet", "path"); got != path || spec.Paths.Value(got) == nil {
			t.Errorf("%s asks %s", probe, got)
		}
		if port := at[string](t, container, probe, "httpGet", "port"); port != "http" {
			t.Errorf("%s asks the port %s", probe, port)
		}
	}
	variables, _ := deployments(t)
	ports := map[string]string{"http": variables["kubernetes"]["PORT"], "metrics": strings.TrimPrefix(variables["kubernetes"]["METRICS_ADDR"], ":")}
	for n, name := range []string{"http", "metrics"} {
		if got := at[int](t, container, "ports", n, "containerPort"); ports[name] != strconv.Itoa(got) || at[string](t, container, "ports", n, "name") != name {
			t.Errorf("the port %s is %d, and the service listens on %s", name, got, ports[name])
		}
	}
	if selector, label := at[map[string]any](t, all["Service"], "spec", "selector"), at[map[string]any](t, all["Deployment"], "spec", "template", "metadata", "labels"); !maps.Equal(selector, label) {
		t.Errorf("the service selects %v, the pods are %v", selector, label)
	}
}

// The image and a release of the same commit hold the same program.
func TestTheImageAndAReleaseAreBuiltAlike(t *testing.T) {
	t.Parallel()
	image, err := os.ReadFile("../../Dockerfile")
	if err != nil {
		t.Fatal(err)
	}
	built := regexp.MustCompile(`(?s)CGO_ENABLED=(\d) [^\n]*go build (.*?)\s+\\\s+-ldflags "(.*?)"`)
	tool := regexp.MustCompile(`cyclonedx(?:-gomod@|=)(v[\d.]+)`)
	var ways [2]string
	for n, text := range []string{string(image), deployFile(t, "release")} {
		m, version := built.FindStringSubmatch(text), tool.FindStringSubmatch(text)
		if m == nil || version == nil {
			t.Fatalf("the Dockerfile or deploy/release has no build that can be read: %q, %q", m, version)
		}
		ways[n] = strings.ToLower(strings.Join(append(m[1:], version[1]), " | "))
	}
	if ways[0] != ways[1] || !strings.Contains(ways[0], "-buildvcs=false") {
		t.Errorf("the image is built with %s\na release is built with   %s", ways[0], ways[1])
	}
}

func TestThePageOnDeploymentNamesWhatExists(t *testing.T) {
	t.Parallel()
	page := readPage(t, "deployment.md")
	page.namesVariables()
	page.namesRoutes(3)
}

func TestSystemdUnderstandsTheUnit(t *testing.T) {
	t.Parallel()
	program, err := exec.LookPath("systemd-analyze")
	switch {
	case err != nil && os.Getenv("CI") == "true":
		t.Fatal("CI needs systemd-analyze: apt-get install systemd")
	case err != nil:
		t.Skip("no systemd-analyze")
	}
	unit := filepath.Join(t.TempDir(), "crm-connectors.service")
	text := strings.ReplaceAll(deployFile(t, "systemd/crm-connectors.service"), "/usr/local/bin/crm-connectors", "/bin/true")
	if err := os.WriteFile(unit, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	out, err := exec.CommandContext(t.Context(), program, "verify", "--man=no", unit).CombinedOutput()
	if err != nil || bytes.Contains(out, []byte("crm-connectors.service:")) {
		t.Errorf("%v: %s", err, out)
	}
}
