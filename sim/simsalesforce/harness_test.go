package simsalesforce

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"crm-connectors/sim"
)

// org is a simulator behind a real server, with a signed-in client.
type org struct {
	*Sim
	t      *testing.T
	url    string
	client *http.Client
	token  string
}

type response struct {
	status int
	header http.Header
	body   string
}

func newOrg(t *testing.T, b Behaviour) *org {
	t.Helper()
	return newOrgWith(t, Config{Behaviour: b})
}

func newOrgWith(t *testing.T, cfg Config) *org {
	t.Helper()
	if cfg.Log == nil {
		cfg.Log = sim.NewOpLog()
	}
	s := New(cfg)
	server := httptest.NewServer(s.Handler())
	t.Cleanup(server.Close)
	o := &org{Sim: s, t: t, url: server.URL, client: server.Client()}
	o.client.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	var grant map[string]string
	o.control("POST", "/__sim/grant", nil, &grant)
	o.token = grant["access_token"]
	return o
}

// send makes one request as it is; header is a list of names and values.
func (o *org) send(method, path, contentType, body string, header ...string) (response, error) {
	o.t.Helper()
	req, err := http.NewRequestWithContext(o.t.Context(), method, o.url+path, strings.NewReader(body))
	if err != nil {
		o.t.Fatal(err)
	}
	if contentType != "" {
		req.Header.Set("Content-Type", contentType)
	}
	for i := 0; i+1 < len(header); i += 2 {
		req.Header.Set(header[i], header[i+1])
	}
	res, err := o.client.Do(req)
	if err != nil {
		return response{}, err
	}
	defer func() { _ = res.Body.Close() }()
	text, err := io.ReadAll(res.Body)
	return response{res.StatusCode, res.Header, string(text)}, err
}

// call is one signed-in request below /services/data/v66.0.
func (o *org) call(method, path string, body any, header ...string) response {
	o.t.Helper()
	text, contentType := "", ""
	if body != nil {
		text, contentType = asJSON(body), "application/json"
	}
	r, err := o.send(method, "/services/data/v66.0"+path, contentType, text, append(header, "Authorization", "Bearer "+o.token)...)
	if err != nil {
		o.t.Fatalf("%s %s: %v", method, path, err)
	}
	return r
}

func (o *org) control(method, path string, body, into any) response {
	o.t.Helper()
	text := ""
	if body != nil {
		text = asJSON(body)
	}
	r, err := o.send(method, path, "application/json", text)
	if err != nil {
		o.t.Fatalf("%s %s: %v", method, path, err)
	}
	if into != nil {
		if err := json.Unmarshal([]byte(r.body), into); err != nil {
			o.t.Fatalf("%s %s answered %q: %v", method, path, r.body, err)
		}
	}
	return r
}

func (o *org) form(path string, values url.Values, header ...string) (int, map[string]string) {
	o.t.Helper()
	r, err := o.send("POST", path, "application/x-www-form-urlencoded", values.Encode(), header...)
	if err != nil {
		o.t.Fatal(err)
	}
	out := map[string]string{}
	if r.body != "" {
		if err := json.Unmarshal([]byte(r.body), &out); err != nil {
			o.t.Fatalf("%s answered %q: %v", path, r.body, err)
		}
	}
	return r.status, out
}

// create posts a record and gives its id.
func (o *org) create(object string, fields map[string]any) string {
	o.t.Helper()
	r := o.call("POST", "/sobjects/"+object, fields)
	if r.status != http.StatusCreated {
		o.t.Fatalf("create %s: %d %s", object, r.status, r.body)
	}
	var out struct{ ID string }
	decodeJSON(o.t, r.body, &out)
	return out.ID
}

// query gives the records of a query, or its error code.
func (o *org) query(soql string) ([]map[string]any, string) {
	o.t.Helper()
	r := o.call("GET", "/query?q="+url.QueryEscape(soql), nil)
	if r.status != http.StatusOK {
		return nil, o.code(r)
	}
	var out struct{ Records []map[string]any }
	decodeJSON(o.t, r.body, &out)
	return out.Records, ""
}

// code is the errorCode of the first error of an answer.
func (o *org) code(r response) string {
	o.t.Helper()
	return firstError(o.t, r).ErrorCode
}

func firstError(t *testing.T, r response) apiError {
	t.Helper()
	var errs []apiError
	decodeJSON(t, r.body, &errs)
	if len(errs) == 0 {
		t.Fatalf("answer %d %q has no error", r.status, r.body)
	}
	return errs[0]
}

func (o *org) record(object, id string) Record {
	o.t.Helper()
	for _, r := range o.Records(object) {
		if r.ID == id {
			return r
		}
	}
	o.t.Fatalf("no %s %s", object, id)
	return Record{}
}

func (o *org) log() []sim.Entry { return o.Core().Log.Entries(0) }

func asJSON(v any) string {
	if text, isText := v.(string); isText {
		return text
	}
	var out bytes.Buffer
	enc := json.NewEncoder(&out)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(v); err != nil {
		panic(err)
	}
	return out.String()
}

func decodeJSON(t *testing.T, text string, into any) {
	t.Helper()
	if err := json.Unmarshal([]byte(text), into); err != nil {
		t.Fatalf("%q is not the JSON wanted: %v", text, err)
	}
}

func lead(fields ...any) map[string]any {
	out := map[string]any{"LastName": "Lovelace", "Company": "Example"}
	for i := 0; i+1 < len(fields); i += 2 {
		out[fields[i].(string)] = fields[i+1]
	}
	return out
}
