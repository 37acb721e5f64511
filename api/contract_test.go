package api

import (
	"context"
	"encoding/json"
	"errors"
	"os"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/getkin/kin-openapi/openapi3"
)

// published is the contract as it is handed out, with what the generated code leaves out.
func published(t *testing.T) *openapi3.T {
	t.Helper()
	data, err := os.ReadFile("../openapi.yaml")
	if err != nil {
		t.Fatal(err)
	}
	spec, err := openapi3.NewLoader().LoadFromData(data)
	if err != nil {
		t.Fatal(err)
	}
	return spec
}

func TestTheContractIsValidAndItsExamplesKeepToIt(t *testing.T) {
	t.Parallel()
	spec := published(t)
	if err := spec.Validate(context.Background(), openapi3.EnableExamplesValidation(), openapi3.EnableSchemaFormatValidation()); err != nil {
		t.Error(err)
	}
	for path, item := range spec.Paths.Map() {
		for method, op := range item.Operations() {
			for status, response := range op.Responses.Map() {
				for media, content := range response.Value.Content {
					if len(content.Examples) == 0 {
						t.Errorf("%s %s %s %s has no example", method, path, status, media)
					}
				}
			}
			if op.RequestBody == nil {
				continue
			}
			for media, content := range op.RequestBody.Value.Content {
				if len(content.Examples) == 0 {
					t.Errorf("%s %s has no example of a body of %s", method, path, media)
				}
			}
		}
	}
}

func TestExamplesOfOutcomesAreAccepted(t *testing.T) {
	t.Parallel()
	b := newBench(t, nil)
	spec := published(t)
	for path, target := range map[string]string{"/sync": "/sync", "/sync/{target}/batch": "/sync/hubspot/batch", "/disconnect-crm": "/disconnect-crm", "/salesforce-oauth-start": "/salesforce-oauth-start"} {
		for name, example := range spec.Paths.Value(path).Post.RequestBody.Value.Content[jsonMedia].Examples {
			data, err := json.Marshal(example.Value.Value)
			if err != nil {
				t.Fatal(err)
			}
			if w := b.send("POST", target, string(data)); w.Code >= 300 {
				t.Errorf("%s, example %s: got %d %s", path, name, w.Code, w.Body)
			}
		}
	}
}

func TestExamplesOfPutsAndPatchesAreAccepted(t *testing.T) {
	t.Parallel()
	b := newBench(t, nil)
	spec := published(t)
	settings := spec.Paths.Value("/connections/{id}/settings").Patch
	for _, c := range []struct {
		op           *openapi3.Operation
		method, path string
		media        string
	}{
		{settings, "PATCH", "/connections/" + workspace + "/settings?workspace_id=" + workspace, jsonMedia},
		{settings, "PATCH", "/functions/v1/connections/" + workspace + "/settings/?workspace_id=" + workspace, "application/merge-patch+json"},
		{spec.Paths.Value("/apps/{crm}").Put, "PUT", "/apps/salesforce", jsonMedia},
	} {
		for name, example := range c.op.RequestBody.Value.Content[jsonMedia].Examples {
			data, err := json.Marshal(example.Value.Value)
			if err != nil {
				t.Fatal(err)
			}
			if w := b.send(c.method, c.path, string(data), "Content-Type", c.media); w.Code != 200 {
				t.Errorf("%s %s, example %s: got %d %s", c.method, c.path, name, w.Code, w.Body)
			}
			_, got, _ := b.stub.last()
			if patch, ok := got.(SettingsPatch); ok && !jsonEqual(t, patch, data) {
				t.Errorf("%s, example %s: the handler got %s", c.path, name, patch)
			}
		}
	}
}

func jsonEqual(t *testing.T, a, b []byte) bool {
	t.Helper()
	var x, y any
	if err := errors.Join(json.Unmarshal(a, &x), json.Unmarshal(b, &y)); err != nil {
		t.Fatal(err)
	}
	return reflect.DeepEqual(x, y)
}

func TestEveryCodeIsExplainedAndHasAStatus(t *testing.T) {
	t.Parallel()
	spec := published(t)
	schema := spec.Components.Schemas["ErrorCode"].Value
	explained, _ := schema.Extensions["x-enumDescriptions"].(map[string]any)
	var listed []ErrorCode
	for _, v := range schema.Enum {
		code := ErrorCode(v.(string))
		listed = append(listed, code)
		if text, _ := explained[v.(string)].(string); text == "" {
			t.Errorf("%s has no explanation", code)
		}
		if c, ok := codes[code]; !ok || c.message == "" {
			t.Errorf("%s has no status or no sentence", code)
		}
	}
	if len(explained) != len(listed) {
		t.Errorf("%d explanations for %d codes", len(explained), len(listed))
	}
	for code := range codes {
		if !slices.Contains(listed, code) {
			t.Errorf("%s is not in the contract", code)
		}
	}
}

func TestExamplesOfFailuresStandUnderTheirStatus(t *testing.T) {
	t.Parallel()
	spec := published(t)
	for path, item := range spec.Paths.Map() {
		for method, op := range item.Operations() {
			for status, response := range op.Responses.Map() {
				content := response.Value.Content[jsonMedia]
				if content == nil || content.Schema.Ref != "#/components/schemas/Error" {
					continue
				}
				for name, example := range content.Examples {
					code := ErrorCode(example.Value.Value.(map[string]any)["code"].(string))
					if got := (&Error{Code: code}).Status(); status != "4XX" && status != statusText(got) {
						t.Errorf("%s %s: example %s of %s is answered with %d", method, path, name, status, got)
					}
				}
			}
		}
	}
}

func statusText(n int) string {
	return string(rune('0'+n/100)) + string(rune('0'+n/10%10)) + string(rune('0'+n%10))
}

func TestOnlyCallbacksAndHealthAreOpen(t *testing.T) {
	t.Parallel()
	for path, item := range published(t).Paths.Map() {
		for method, op := range item.Operations() {
			open := op.Security != nil && len(*op.Security) == 0
			want := strings.HasSuffix(path, "-oauth-callback") || path == "/oauth-confirm" || slices.Contains(op.Tags, "Health")
			if open != want {
				t.Errorf("%s %s: open is %v, want %v", method, path, open, want)
			}
		}
	}
}

func TestEveryClosedOperationRefusesStrangers(t *testing.T) {
	t.Parallel()
	b := newBench(t, nil)
	v, err := NewValidator()
	if err != nil {
		t.Fatal(err)
	}
	for path, item := range v.spec.Paths.Map() {
		for method, op := range item.Operations() {
			if op.Security != nil && len(*op.Security) == 0 {
				continue
			}
			what := map[bool]string{true: workspace, false: "hubspot"}[method == "GET"] // a sync is read, a CRM written to
			target := strings.NewReplacer("{target}", what, "{crm}", "hubspot", "{id}", workspace).Replace(path)
			refused(t, b.send(method, target, "", "apikey", ""), 401, CodeNoAuthHeader)
		}
	}
}
