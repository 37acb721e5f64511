package simsalesforce

import (
	"bytes"
	"compress/gzip"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"
)

func TestRequestsThatNeverReachARecord(t *testing.T) {
	t.Parallel()
	o := newOrg(t, Behaviour{})
	bearer := "Bearer " + o.token
	for _, c := range []struct {
		name, method, path, auth, contentType, body string
		status                                      int
		text                                        string
	}{
		{"no token", "GET", "/services/data/v66.0/limits", "", "", "", 401, `[{"message":"Session expired or invalid","errorCode":"INVALID_SESSION_ID"}]`},
		{"bad token", "GET", "/services/data/v66.0/limits", "Bearer x", "", "", 401, `INVALID_SESSION_ID`},
		{"other scheme", "GET", "/services/data/v66.0/limits", "Basic eDp5", "", "", 401, `INVALID_AUTH_HEADER`},
		{"retired version", "GET", "/services/data/v40.0/limits", bearer, "", "", 410, `UNSUPPORTED_API_VERSION`},
		{"oldest version", "GET", "/services/data/v41.0/limits", bearer, "", "", 200, `DailyApiRequests`},
		{"version to come", "GET", "/services/data/v99.0/limits", bearer, "", "", 404, `NOT_FOUND`},
		{"no version", "GET", "/services/data/limits", bearer, "", "", 404, `NOT_FOUND`},
		{"form for JSON", "POST", "/services/data/v66.0/sobjects/Lead", bearer, "application/x-www-form-urlencoded", "a=b", 415, `UNSUPPORTED_MEDIA_TYPE`},
		{"query by POST", "POST", "/services/data/v66.0/query", bearer, "application/json", "{}", 405, `METHOD_NOT_ALLOWED`},
		{"long address", "GET", "/services/data/v66.0/query?q=" + strings.Repeat("a", 16384), bearer, "", "", 414, `<html>`},
		{"long headers", "GET", "/services/data/v66.0/query?q=" + strings.Repeat("a", 16200), bearer, "", "", 431, `<html>`},
		{"versions need no token", "GET", "/services/data/", "", "", "", 200, `{"label":"Spring '26","url":"/services/data/v66.0","version":"66.0"}`},
		{"newest version", "GET", "/services/data", "", "", "", 200, `{"label":"Winter '27","url":"/services/data/v68.0","version":"68.0"}`},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			header := []string{}
			if c.auth != "" {
				header = []string{"Authorization", c.auth}
			}
			r, err := o.send(c.method, c.path, c.contentType, c.body, header...)
			if err != nil || r.status != c.status || !strings.Contains(r.body, c.text) {
				t.Errorf("got %d %.300s %v, want %d %s", r.status, r.body, err, c.status, c.text)
			}
		})
	}
}

func TestTheDailyLimitRollsOver(t *testing.T) {
	t.Parallel()
	o := newOrg(t, Behaviour{DailyLimit: 2, SessionMinutes: 60 * 48})
	var tokens map[string]string
	o.control("POST", "/__sim/grant", nil, &tokens)
	o.token = tokens["access_token"]
	for range 2 {
		o.create("Lead", lead())
	}
	r := o.call("POST", "/sobjects/Lead", lead())
	if got := firstError(t, r); r.status != 403 || got.ErrorCode != "REQUEST_LIMIT_EXCEEDED" || got.Message != "TotalRequests Limit exceeded." {
		t.Errorf("got %d %s", r.status, r.body)
	}
	if got := r.header.Get("Sforce-Limit-Info"); got != "api-usage=2/2" {
		t.Errorf("Sforce-Limit-Info: got %s", got)
	}
	if n := len(o.log()); n != 2 {
		t.Errorf("the log has %d entries, want 2", n)
	}
	o.Core().Clock.Advance(25 * time.Hour)
	o.create("Lead", lead())
}

func TestABodyMayBeZipped(t *testing.T) {
	t.Parallel()
	o := newOrg(t, Behaviour{})
	var zipped bytes.Buffer
	w := gzip.NewWriter(&zipped)
	if _, err := w.Write([]byte(asJSON(lead()))); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	if r := o.call("POST", "/sobjects/Lead", zipped.String(), "Content-Encoding", "gzip"); r.status != http.StatusCreated {
		t.Errorf("got %d %s", r.status, r.body)
	}
}

func TestDescribeShowsWhatTheOrgDemands(t *testing.T) {
	t.Parallel()
	o := newOrg(t, Behaviour{
		HasExternalID: true, RequiredLeadFields: []string{"Region__c"}, RestrictedPicklists: map[string][]string{"Lead.Region__c": {"EMEA"}},
		HiddenFields: []string{"Fax"}, TaskStatuses: []Status{{Name: "Open"}, {Name: "Done", Closed: true}},
	})
	type described struct {
		Fields []struct {
			Name                                                                string
			Type                                                                string
			Length                                                              int
			Nillable, Createable, DefaultedOnCreate, RestrictedPicklist, Unique bool
			ExternalID                                                          bool `json:"externalId"`
			PicklistValues                                                      []struct {
				Value        string
				DefaultValue bool
			}
		}
	}
	var leads, tasks described
	r := o.call("GET", "/sobjects/Lead/describe", nil)
	decodeJSON(t, r.body, &leads)
	decodeJSON(t, o.call("GET", "/sobjects/Task/describe", nil).body, &tasks)
	var required []string
	seen := map[string]bool{}
	for _, f := range leads.Fields {
		seen[f.Name] = true
		if f.Createable && !f.Nillable && !f.DefaultedOnCreate && f.Type != "boolean" {
			required = append(required, f.Name)
		}
		if f.Name == "Region__c" && (!f.RestrictedPicklist || len(f.PicklistValues) != 1 || f.PicklistValues[0].Value != "EMEA") {
			t.Errorf("Region__c: %+v", f)
		}
		if f.Name == ExternalIDField && (!f.ExternalID || !f.Unique || f.Length != 255) {
			t.Errorf("%s: %+v", f.Name, f)
		}
	}
	if got, want := strings.Join(required, " "), "LastName Company Region__c"; got != want {
		t.Errorf("required: got %s, want %s", got, want)
	}
	if seen["Fax"] || !seen["Email"] || !seen[ExternalIDField] {
		t.Errorf("fields: %v", seen)
	}
	for _, f := range tasks.Fields {
		if f.Name == "Status" && (len(f.PicklistValues) != 2 || !f.PicklistValues[0].DefaultValue) {
			t.Errorf("Status: %+v", f)
		}
	}
	later := time.Now().Add(time.Hour).UTC().Format(http.TimeFormat)
	if r := o.call("GET", "/sobjects/Lead/describe", nil, "If-Modified-Since", later); r.status != http.StatusNotModified {
		t.Errorf("If-Modified-Since: got %d", r.status)
	}
	if rows, code := o.query("SELECT ApiName FROM TaskStatus WHERE IsClosed = true"); code != "" || len(rows) != 1 || rows[0]["ApiName"] != "Done" {
		t.Errorf("TaskStatus: got %v %s", rows, code)
	}
	if rec := o.record("Task", o.create("Task", map[string]any{"Status": "Done"})); rec.Fields["IsClosed"] != true {
		t.Errorf("a task that is done: %v", rec.Fields)
	}
	var all struct{ Sobjects []struct{ Name string } }
	decodeJSON(t, o.call("GET", "/sobjects", nil).body, &all)
	if len(all.Sobjects) != 9 {
		t.Errorf("sobjects: got %v", all.Sobjects)
	}
}

func TestIdsCarryTheirChecksum(t *testing.T) {
	t.Parallel()
	for id15, want := range map[string]string{
		"001D000000IqhSL": "001D000000IqhSLIAZ", // from Salesforce's documentation
		orgID[:15]:        orgID,
	} {
		if got, ok := normaliseID(id15); !ok || got != want {
			t.Errorf("%s: got %s, want %s", id15, got, want)
		}
	}
	for _, id := range append([]string{UserID, OtherUserID, AccountID}, newOrg(t, Behaviour{}).OpportunityIDs()...) {
		if full, ok := normaliseID(id); !ok || full != id {
			t.Errorf("%s: not valid", id)
		}
	}
	for _, bad := range []string{"", "001D000000IqhS", "001D000000IqhSLIAA", "001D000000Iqh-L", strings.ToLower("001D000000IqhSLIAZ")} {
		if got, ok := normaliseID(bad); ok {
			t.Errorf("%q: got %s, want none", bad, got)
		}
	}
	seen := map[string]bool{}
	for i := range int64(5000) {
		id := makeID("00T", i)
		if full, ok := normaliseID(id); !ok || full != id || seen[strings.ToLower(id)] {
			t.Fatalf("%s: invalid, or differs from another by case alone", id)
		}
		seen[strings.ToLower(id)] = true
	}
}

func TestTheRootPageListsTheOrg(t *testing.T) {
	t.Parallel()
	o := newOrg(t, Behaviour{})
	o.create("Task", map[string]any{"Subject": "Weekly <b>deal</b> summary"})
	r, err := o.send("GET", "/", "", "")
	if err != nil || r.status != 200 || !strings.Contains(r.body, "Weekly &lt;b&gt;deal") || !strings.Contains(r.body, OpportunityOneID) {
		t.Errorf("got %d %s %v", r.status, r.body, err)
	}
}

func TestAPlusSignInAnAddressMustBeEncoded(t *testing.T) {
	t.Parallel()
	o := newOrg(t, Behaviour{})
	o.Seed("Lead", lead("Email", "ada+x@example.com"))
	soql := "SELECT Id FROM Lead WHERE Email = 'ada+x@example.com'"
	if rows, _ := o.query(soql); len(rows) != 1 {
		t.Errorf("encoded: got %v", rows)
	}
	r := o.call("GET", "/query?q="+strings.ReplaceAll(url.PathEscape(soql), "%2B", "+"), nil)
	if !strings.Contains(r.body, `"totalSize":0`) {
		t.Errorf("a raw plus: got %d %s, want it read as a space", r.status, r.body)
	}
}
