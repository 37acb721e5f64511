package handlers_test

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"strings"
	"sync"
	"testing"

	"crm-connectors/api"
	"crm-connectors/connectors"
	"crm-connectors/store"

	"github.com/google/uuid"
)

// judge is a CRM whose word on settings and capabilities the test writes; all else is the CRM's own.
type judge struct {
	connectors.Connector
	check func(connectors.Account, connectors.Settings) (connectors.SettingsReport, error)
	probe func(connectors.Account) (connectors.Capabilities, error)
}

func (j *judge) CheckSettings(_ context.Context, a connectors.Account, s connectors.Settings) (connectors.SettingsReport, error) {
	return j.check(a, s)
}

func (j *judge) Probe(_ context.Context, a connectors.Account) (connectors.Capabilities, error) {
	return j.probe(a)
}

func (j *judge) Provision(_ context.Context, a connectors.Account) (connectors.Capabilities, error) {
	return j.probe(a)
}

// judging lets check have the word on settings; nil has nothing against any.
func judging(check func(connectors.Account, connectors.Settings) (connectors.SettingsReport, error)) func(*options) {
	if check == nil {
		check = func(connectors.Account, connectors.Settings) (connectors.SettingsReport, error) {
			return connectors.SettingsReport{}, nil
		}
	}
	return func(o *options) {
		o.stopped = true
		o.wrap = func(c connectors.Connector) connectors.Connector { return &judge{Connector: c, check: check} }
	}
}

func (d *desk) settingsPath(c store.Connection) string {
	return "/connections/" + c.ID.String() + "/settings?workspace_id=" + c.WorkspaceID.String()
}

// settings are those of a connection as JSON, with nothing that the contract does not have.
func (d *desk) settings(c store.Connection) string {
	d.t.Helper()
	return asJSON(d.t, decode[api.ConnectionSettings](d.call(http.MethodGet, d.settingsPath(c), nil), http.StatusOK).Settings)
}

func (d *desk) patch(c store.Connection, body any) reply {
	d.t.Helper()
	return d.call(http.MethodPatch, d.settingsPath(c), body)
}

func asJSON(t *testing.T, v any) string {
	t.Helper()
	raw, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return string(raw)
}

const untouched = `{"association_labels":{},"contacts":"upsert","create_leads":true,"field_defaults":{},"rollup_target":"both"}`

func TestSettingsAreChangedByMergingAndGoBackToTheirDefaults(t *testing.T) {
	t.Parallel()
	d := open(t, judging(nil))
	for _, crm := range crms() {
		c := d.connect(crm)
		if got := d.settings(c); got != untouched {
			t.Errorf("%s: at first %s", crm, got)
		}
		for _, step := range []struct{ patch, want string }{
			{`{}`, untouched},
			{`{"field_defaults":{"contact":{"Region__c":"EMEA","Seats":9007199254740992,"Rate":0.1,"News":false}},"contacts":"create_only"}`,
				`{"association_labels":{},"contacts":"create_only","create_leads":true,"field_defaults":{"contact":{"News":false,"Rate":0.1,"Region__c":"EMEA","Seats":9007199254740992}},"rollup_target":"both"}`},
			{`{"field_defaults":{"contact":{"Region__c":"APAC","Seats":null,"Rate":null},"task":{"Type":"Call"}},"task_status":"Open","create_leads":false}`,
				`{"association_labels":{},"contacts":"create_only","create_leads":false,"field_defaults":{"contact":{"News":false,"Region__c":"APAC"},"task":{"Type":"Call"}},"rollup_target":"both","task_status":"Open"}`},
			{`{"field_defaults":{"contact":null},"association_labels":{"task_deal":"Next step","rollup_contact":"About"},"rollup_target":"deal","contacts":null}`,
				`{"association_labels":{"rollup_contact":"About","task_deal":"Next step"},"contacts":"upsert","create_leads":false,"field_defaults":{"task":{"Type":"Call"}},"rollup_target":"deal","task_status":"Open"}`},
			{`{"association_labels":{"task_deal":null},"task_status":null,"create_leads":null}`,
				`{"association_labels":{"rollup_contact":"About"},"contacts":"upsert","create_leads":true,"field_defaults":{"task":{"Type":"Call"}},"rollup_target":"deal"}`},
			{`{"field_defaults":null,"association_labels":null,"rollup_target":null}`, untouched},
		} {
			out := decode[api.ConnectionSettings](d.patch(c, json.RawMessage(step.patch)), http.StatusOK)
			if out.ConnectionId != c.ID || string(out.Crm) != crm || len(out.Warnings) != 0 {
				t.Errorf("%s: %s answered %+v", crm, step.patch, out)
			}
			if got := d.settings(c); got != step.want {
				t.Errorf("%s: after %s\n got %s\nwant %s", crm, step.patch, got, step.want)
			}
		}
		if got := string(d.connection(crm).Settings); got != `{}` {
			t.Errorf("%s: what is at its defaults is stored as %s", crm, got)
		}
	}
}

func TestChosenSettingsReachTheConnector(t *testing.T) {
	t.Parallel()
	var before, proposed connectors.Settings
	d := open(t, judging(func(a connectors.Account, s connectors.Settings) (connectors.SettingsReport, error) {
		before, proposed = a.Settings, s
		return connectors.SettingsReport{}, nil
	}))
	c := d.connect(hubSpot)
	decode[api.ConnectionSettings](d.patch(c, json.RawMessage(`{"field_defaults":{"contact":{"region":"EMEA"}},"task_status":"WAITING","rollup_target":"contact",
		"contacts":"update_only","create_leads":false,"association_labels":{"task_contact":"A","task_deal":"B","rollup_contact":"C","rollup_deal":"D"}}`)), http.StatusOK)
	want := connectors.Settings{FieldDefaults: map[connectors.Object]map[string]any{connectors.ObjectContact: {"region": "EMEA"}}, TaskStatus: "WAITING",
		Labels: connectors.Labels{TaskContact: "A", TaskDeal: "B", RollupContact: "C", RollupDeal: "D"}, RollupTarget: connectors.RollupContact,
		Contacts: connectors.ContactsUpdateOnly, NoNewLeads: true}
	if asJSON(t, proposed) != asJSON(t, want) || asJSON(t, before) != `{}` {
		t.Errorf("proposed %s over %s, want %s", asJSON(t, proposed), asJSON(t, before), asJSON(t, want))
	}
	decode[api.ConnectionSettings](d.patch(c, fields{}), http.StatusOK)
	if asJSON(t, before) != asJSON(t, want) {
		t.Errorf("the account then has %s, want %s", asJSON(t, before), asJSON(t, want))
	}
}

func TestASettingThatDoesNotExistOrFitIsRefusedByName(t *testing.T) {
	t.Parallel()
	asked := false
	d := open(t, judging(func(connectors.Account, connectors.Settings) (connectors.SettingsReport, error) {
		asked = true
		return connectors.SettingsReport{}, nil
	}))
	c := d.connect(salesForce)
	many := map[string]any{}
	for i := range 201 {
		many[fmt.Sprintf("F%d", i)] = i
	}
	long := strings.Repeat("x", 32_001)
	for name, e := range map[string]struct {
		patch any
		field string
	}{
		"unknown":            {fields{"contact": "upsert"}, "contact"},
		"unknown object":     {fields{"field_defaults": fields{"deal": fields{"Name": "x"}}}, "field_defaults.deal"},
		"unknown label":      {fields{"association_labels": fields{"deal_task": "x"}}, "association_labels.deal_task"},
		"no such policy":     {fields{"contacts": "delete"}, "contacts"},
		"no such target":     {fields{"rollup_target": "company"}, "rollup_target"},
		"text for a boolean": {fields{"create_leads": "no"}, "create_leads"},
		"a blank status":     {fields{"task_status": "  "}, "task_status"},
		"a list as default":  {fields{"field_defaults": fields{"contact": fields{"Region__c": []string{"a"}}}}, "field_defaults.contact.Region__c"},
		"a default too long": {fields{"field_defaults": fields{"task": fields{"Note__c": long}}}, "field_defaults.task.Note__c"},
		"too many defaults":  {fields{"field_defaults": fields{"contact": many}}, "field_defaults.contact"},
		"no field name":      {fields{"field_defaults": fields{"contact": fields{"a b": 1}}}, "field_defaults.contact"},
		"an empty name":      {fields{"field_defaults": fields{"contact": fields{"": 1}}}, "field_defaults.contact"},
		"a number too long":  {json.RawMessage(`{"field_defaults":{"contact":{"Seats":9007199254740993}}}`), "field_defaults.contact.Seats"},
		"no number at all":   {json.RawMessage(`{"field_defaults":{"contact":{"Seats":1e999}}}`), "field_defaults.contact.Seats"},
		"a NUL in a name":    {fields{"field_defaults": fields{"contact": fields{"a\x00": 1}}}, "field_defaults.contact"},
		"a NUL in a value":   {fields{"field_defaults": fields{"contact": fields{"a": "\x00"}}}, "field_defaults.contact.a"},
		"not an object":      {[]int{1}, "body"},
		"null":               {json.RawMessage("null"), "body"},
	} {
		got := d.patch(c, e.patch).refused(http.StatusBadRequest, api.CodeValidationFailed)
		if got.Details["field"] != e.field || got.Details["reason"] == "" {
			t.Errorf("%s: details %v, want the field %s", name, got.Details, e.field)
		}
	}
	delete(many, "F200")
	decode[api.ConnectionSettings](d.patch(c, fields{"field_defaults": fields{"contact": many}}), http.StatusOK)
	before := d.settings(c)
	d.patch(c, fields{"field_defaults": fields{"contact": fields{"One_more": 1}}}).refused(http.StatusBadRequest, api.CodeValidationFailed)
	asked = false
	for object := range maps.Keys(fields{"task": 0, "rollup": 0}) {
		texts := fields{}
		for i := range 5 {
			texts[fmt.Sprintf("F%d", i)] = long[1:]
		}
		r := d.patch(c, fields{"field_defaults": fields{object: texts}})
		if r.status == http.StatusOK {
			before = d.settings(c)
			asked = false
			continue
		}
		if e := r.refused(http.StatusBadRequest, api.CodeValidationFailed); !strings.Contains(e.Message, "larger") {
			t.Errorf("too large in all: %+v", e)
		}
	}
	if got := d.settings(c); got != before || asked {
		t.Error("what was refused was stored, or asked of the CRM")
	}
}

func TestWhatTheCRMWouldRefuseIsNotStored(t *testing.T) {
	t.Parallel()
	d := open(t, judging(func(connectors.Account, connectors.Settings) (connectors.SettingsReport, error) {
		return connectors.SettingsReport{Problems: []connectors.SettingProblem{
			{Field: "field_defaults.contact.Region__c", Message: "This is none of the values. Choose one of them.", Allowed: []string{"EMEA", "APAC"}},
			{Field: "labels.task_deal", Message: "There is no such label."},
			{Field: "no_new_leads", Message: "HubSpot has no leads here."},
		}, Missing: []connectors.MissingDefault{{Object: connectors.ObjectTask, Field: "X"}}}, nil
	}))
	c := d.connect(salesForce)
	e := d.patch(c, fields{"task_status": "x"}).refused(http.StatusUnprocessableEntity, api.CodeSettingsInvalid)
	want := `[{"allowed":["EMEA","APAC"],"field":"field_defaults.contact.Region__c","message":"This is none of the values. Choose one of them."},` +
		`{"field":"association_labels.task_deal","message":"There is no such label."},{"field":"create_leads","message":"HubSpot has no leads here."}]`
	if got := asJSON(t, e.Details["problems"]); got != want || !strings.Contains(e.Message, "field_defaults.contact.Region__c") || !strings.Contains(e.Message, "2 more") {
		t.Errorf("%s\n got %s\nwant %s", e.Message, got, want)
	}
	if got := d.settings(c); got != untouched {
		t.Errorf("stored %s", got)
	}
}

func TestAMissingDefaultIsStoredOverAndWarnedOf(t *testing.T) {
	t.Parallel()
	d := open(t, judging(func(connectors.Account, connectors.Settings) (connectors.SettingsReport, error) {
		return connectors.SettingsReport{Missing: []connectors.MissingDefault{
			{Object: connectors.ObjectContact, Field: "Segment__c", Label: "Segment", Allowed: []string{"Big", "Small"}}}}, nil
	}))
	c := d.connect(salesForce)
	out := decode[api.ConnectionSettings](d.patch(c, fields{"task_status": "Open"}), http.StatusOK)
	if len(out.Warnings) != 1 {
		t.Fatalf("warnings %+v", out.Warnings)
	}
	if w := out.Warnings[0]; w.Code != "default_missing" || w.Field != "field_defaults.contact.Segment__c" || w.Label == nil || *w.Label != "Segment" ||
		len(w.Allowed) != 2 || !strings.Contains(w.Message, "Segment__c") {
		t.Errorf("warning %+v", w)
	}
	if got := d.settings(c); !strings.Contains(got, `"task_status":"Open"`) {
		t.Errorf("stored %s", got)
	}
}

func TestSettingsAreNotStoredUnlessTheCRMHasAnswered(t *testing.T) {
	t.Parallel()
	var class connectors.Class
	d := open(t, judging(func(connectors.Account, connectors.Settings) (connectors.SettingsReport, error) {
		return connectors.SettingsReport{}, &connectors.Error{Class: class, Code: "some_cause", Cause: "It went wrong.", Action: "Do something."}
	}))
	c := d.connect(hubSpot)
	for _, want := range []struct {
		class  connectors.Class
		status int
		code   api.ErrorCode
	}{
		{connectors.ClassRetry, http.StatusServiceUnavailable, api.CodeCrmUnavailable},
		{connectors.ClassInDoubt, http.StatusServiceUnavailable, api.CodeCrmUnavailable},
		{connectors.ClassRejected, http.StatusConflict, api.CodeCrmRefused},
		{connectors.ClassMisconfigured, http.StatusConflict, api.CodeCrmRefused},
		{connectors.ClassNeedsReconnect, http.StatusConflict, api.CodeCrmNotConnected},
	} {
		class = want.class
		r := d.patch(c, fields{"contacts": "create_only"})
		e := r.refused(want.status, want.code)
		if e.Details["cause_code"] != "some_cause" || !strings.Contains(e.Message, "It went wrong.") || (want.status == http.StatusServiceUnavailable) != (r.header.Get("Retry-After") != "") {
			t.Errorf("%s: %+v, Retry-After %q", want.class, e, r.header.Get("Retry-After"))
		}
	}
	if got := d.settings(c); got != untouched {
		t.Errorf("stored %s", got)
	}
	d.disconnect(hubSpot)
	d.patch(c, fields{}).refused(http.StatusConflict, api.CodeCrmNotConnected)
	if got := d.settings(c); got != untouched {
		t.Errorf("of a disconnected CRM: %s", got)
	}
}

func TestARefusedTokenIsRenewedOnceWhileSettingsAreChecked(t *testing.T) {
	t.Parallel()
	first, always := connectors.NewSecret(""), false
	d := open(t, judging(func(a connectors.Account, _ connectors.Settings) (connectors.SettingsReport, error) {
		if first.Empty() {
			first = a.AccessToken
		}
		if always || a.AccessToken.Equal(first) {
			return connectors.SettingsReport{}, &connectors.Error{Class: connectors.ClassNeedsAuth, Code: "token_refused", Cause: "No.", Action: "Reconnect."}
		}
		return connectors.SettingsReport{}, nil
	}))
	before := d.connect(hubSpot)
	decode[api.ConnectionSettings](d.patch(before, fields{"contacts": "create_only"}), http.StatusOK)
	d.noteTokens(hubSpot)
	if now := d.connection(hubSpot); now.TokenGeneration != before.TokenGeneration+1 {
		t.Errorf("generation %d, then %d; want one refresh", before.TokenGeneration, now.TokenGeneration)
	}
	always = true
	d.patch(before, fields{"contacts": nil}).refused(http.StatusConflict, api.CodeCrmNotConnected)
	d.noteTokens(hubSpot)
	if now := d.connection(hubSpot); now.TokenGeneration != before.TokenGeneration+2 || string(now.Settings) != `{"contacts": "create_only"}` {
		t.Errorf("generation %d with %s, want a single refresh more and nothing stored", now.TokenGeneration, now.Settings)
	}
}

func TestPatchesThatArriveTogetherDoNotLoseOneAnother(t *testing.T) {
	t.Parallel()
	const n = 12
	var arrived sync.WaitGroup
	arrived.Add(n)
	var mu sync.Mutex
	rounds := 0
	d := open(t, judging(func(connectors.Account, connectors.Settings) (connectors.SettingsReport, error) {
		mu.Lock()
		rounds++
		wait := rounds <= n
		mu.Unlock()
		if wait { // the first check of each ends only when all have read the same settings
			arrived.Done()
			arrived.Wait()
		}
		return connectors.SettingsReport{}, nil
	}))
	c := d.connect(hubSpot)
	var wg sync.WaitGroup
	for i := range n {
		wg.Go(func() {
			if r := d.patch(c, fields{"field_defaults": fields{"contact": fields{fmt.Sprintf("f%d", i): i}}}); r.status != http.StatusOK {
				t.Errorf("patch %d: %d %s", i, r.status, r.body)
			}
		})
	}
	wg.Wait()
	out := decode[api.ConnectionSettings](d.call(http.MethodGet, d.settingsPath(c), nil), http.StatusOK)
	if len(out.Settings.FieldDefaults.Contact) != n {
		t.Errorf("%d of %d defaults are there: %v", len(out.Settings.FieldDefaults.Contact), n, out.Settings.FieldDefaults.Contact)
	}
	if rounds <= n {
		t.Errorf("%d checks for %d patches: none was made anew over what had changed", rounds, n)
	}
}

func TestAConnectionOfAnotherWorkspaceIsNotFound(t *testing.T) {
	t.Parallel()
	d := open(t, stopped)
	c := d.connect(hubSpot)
	for _, path := range []string{"/connections/" + c.ID.String() + "%s?workspace_id=" + uuid.NewString(), "/connections/" + uuid.NewString() + "%s?workspace_id=" + d.workspace.String()} {
		d.call(http.MethodGet, fmt.Sprintf(path, "/settings"), nil).refused(http.StatusNotFound, api.CodeConnectionNotFound)
		d.call(http.MethodPatch, fmt.Sprintf(path, "/settings"), fields{"contacts": "create_only"}).refused(http.StatusNotFound, api.CodeConnectionNotFound)
		d.call(http.MethodPost, fmt.Sprintf(path, "/probe"), nil).refused(http.StatusNotFound, api.CodeConnectionNotFound)
		d.call(http.MethodPost, fmt.Sprintf(path, "/provision"), nil).refused(http.StatusNotFound, api.CodeConnectionNotFound)
	}
	if got := d.settings(c); got != untouched {
		t.Errorf("stored %s", got)
	}
	d.call(http.MethodGet, "/connections/"+c.ID.String()+"/settings", nil).refused(http.StatusBadRequest, api.CodeValidationFailed)
}
