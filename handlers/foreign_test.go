package handlers

import (
	"encoding/json"
	"errors"
	"reflect"
	"testing"

	"crm-connectors/api"
	"crm-connectors/connectors"
)

func FuzzCursors(f *testing.F) {
	for _, text := range []string{"", cursor(1), cursor(1<<62) + "=", "MA", "LTE", "MDE", "KzE", "OTIyMzM3MjAzNjg1NDc3NTgwOA", "\x00"} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		seq, err := readCursor(text)
		if err != nil {
			return
		}
		if again, err := readCursor(cursor(seq)); err != nil || again != seq || seq <= 0 {
			t.Errorf("%q is the place %d, which comes back as %d: %v", text, seq, again, err)
		}
	})
}

func FuzzPatchesOfSettings(f *testing.F) {
	for _, raw := range []string{`{}`, `null`, `{"field_defaults":{"contact":{"Region__c":"EMEA","n":1e400,"b":true,"x":null}},"rollup_target":"deal","task_status":null}`, `{"field_defaults":{"contact":null}}`,
		`{"contacts":"nobody"}`, `{"association_labels":{"task_contact":"x"}}`, `{"field_defaults":{"task":{"` + "\u0000" + `":1}}}`, `{"create_leads":"yes"}`, `{"a":{"b":{"c":{}}}}`, `{`} {
		f.Add([]byte(raw))
	}
	contract, err := api.NewValidator()
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		if contract.SettingsPatch(raw) != nil {
			return
		}
		patch, err := readPatch(raw)
		if err != nil || patch == nil {
			t.Fatalf("the contract takes %q, which is no patch: %v", raw, err)
		}
		before := connectors.Settings{}
		after, err := patched(before, patch)
		if err != nil {
			var refused *api.Error
			if !errors.As(err, &refused) || refused.Code == "" || len(refused.Message) > 1000 {
				t.Errorf("%s: %v", raw, err)
			}
			return
		}
		if again, err := patched(after, patch); err != nil || !sameSettings(t, after, again) {
			t.Errorf("%s, applied twice, is %+v and then %+v, %v", raw, after, again, err)
		}
		if same, err := patched(after, map[string]any{}); err != nil || !sameSettings(t, after, same) {
			t.Errorf("after %s an empty patch makes %+v of %+v, %v", raw, same, after, err)
		}
	})
}

// sameSettings compares as they are stored.
func sameSettings(t *testing.T, a, b connectors.Settings) bool {
	t.Helper()
	var texts [2]any
	for n, s := range []connectors.Settings{a, b} {
		raw, err := json.Marshal(s)
		if err != nil {
			t.Fatal(err)
		}
		if err := json.Unmarshal(raw, &texts[n]); err != nil {
			t.Fatal(err)
		}
	}
	return reflect.DeepEqual(texts[0], texts[1])
}
