package simhubspot_test

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"crm-connectors/sim"
	"crm-connectors/sim/simhubspot"
)

// allScopes is what a connector asks for, and what owners and properties need besides.
func allScopes() []string {
	return []string{"oauth", "crm.objects.contacts.read", "crm.objects.contacts.write", "crm.objects.deals.read",
		"crm.objects.owners.read", "crm.schemas.contacts.write"}
}

// portal is a simulator behind a real HTTP server, with a client that is signed in.
type portal struct {
	t       *testing.T
	sim     *simhubspot.Sim
	url     string
	token   string
	refresh string
	client  *http.Client
}

type answer struct {
	status int
	header http.Header
	raw    []byte
	body   map[string]any
}

func newPortal(t *testing.T, cfg simhubspot.Config) *portal {
	t.Helper()
	s := simhubspot.New(cfg)
	srv := httptest.NewServer(s.Handler())
	t.Cleanup(srv.Close)
	client := srv.Client()
	client.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	p := &portal{t: t, sim: s, url: srv.URL, client: client}
	p.refresh, p.token = s.Connect(allScopes()...)
	return p
}

// send is the whole client: it fails the test only when no answer comes.
func (p *portal) send(method, path, contentType, body string) answer {
	p.t.Helper()
	a, err := p.try(context.Background(), method, path, contentType, body)
	if err != nil {
		p.t.Fatalf("%s %s: %v", method, path, err)
	}
	return a
}

func (p *portal) try(ctx context.Context, method, path, contentType, body string) (answer, error) {
	p.t.Helper()
	req, err := http.NewRequestWithContext(ctx, method, p.url+path, strings.NewReader(body))
	if err != nil {
		p.t.Fatal(err)
	}
	if contentType != "" {
		req.Header.Set("Content-Type", contentType)
	}
	if p.token != "" {
		req.Header.Set("Authorization", "Bearer "+p.token)
	}
	resp, err := p.client.Do(req)
	if err != nil {
		return answer{}, err
	}
	defer func() { _ = resp.Body.Close() }()
	raw, err := io.ReadAll(resp.Body)
	if err != nil {
		return answer{}, err
	}
	a := answer{status: resp.StatusCode, header: resp.Header, raw: raw}
	if bytes.HasPrefix(raw, []byte("{")) {
		if err := json.Unmarshal(raw, &a.body); err != nil {
			p.t.Fatalf("%s %s: answer is not JSON: %v", method, path, err)
		}
	}
	return a, nil
}

func (p *portal) json(method, path, body string) answer {
	p.t.Helper()
	return p.send(method, path, "application/json", body)
}

func (p *portal) get(path string) answer {
	p.t.Helper()
	return p.send(http.MethodGet, path, "", "")
}

func (p *portal) form(path string, f url.Values) answer {
	p.t.Helper()
	return p.send(http.MethodPost, path, "application/x-www-form-urlencoded", f.Encode())
}

// want fails the test unless the answer has the status and, when not empty, contains the text.
func (p *portal) want(a answer, status int, contains ...string) answer {
	p.t.Helper()
	if a.status != status {
		p.t.Fatalf("status: got %d, want %d: %s", a.status, status, a.raw)
	}
	for _, text := range contains {
		if !strings.Contains(string(a.raw), text) {
			p.t.Fatalf("answer: got %s, want it to contain %q", a.raw, text)
		}
	}
	return a
}

// at digs a value out of decoded JSON by keys (string) and indexes (int).
func at(v any, path ...any) any {
	for _, step := range path {
		switch s := step.(type) {
		case string:
			m, _ := v.(map[string]any)
			v = m[s]
		case int:
			list, _ := v.([]any)
			if s >= len(list) {
				return nil
			}
			v = list[s]
		}
	}
	return v
}

func (p *portal) createContact(email string) string {
	p.t.Helper()
	a := p.want(p.json(http.MethodPost, "/crm/v3/objects/contacts", `{"properties":{"email":"`+email+`"}}`), http.StatusCreated)
	id, _ := at(a.body, "id").(string)
	return id
}

func (p *portal) log() []sim.Entry { return p.sim.Core().Log.Entries(0) }

const (
	contactsPath = "/crm/v3/objects/contacts"
	tasksPath    = "/crm/v3/objects/tasks"
	notesPath    = "/crm/v3/objects/notes"
)

func search(property, operator, value string) string {
	return `{"filterGroups":[{"filters":[{"propertyName":"` + property + `","operator":"` + operator + `","value":"` + value + `"}]}]}`
}
