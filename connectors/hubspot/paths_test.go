package hubspot

import (
	"strings"
	"testing"
	"time"

	"crm-connectors/connectors"
)

func TestEveryVersionHasItsOwnPaths(t *testing.T) {
	t.Parallel()
	for version, want := range map[string][]string{
		V3: {
			"/crm/v3/objects/tasks", "/crm/v3/objects/contacts/search", "/crm/v3/objects/deals/{id}", "/crm/v3/objects/contacts/{email}",
			"/crm/v4/associations/0-27/contacts/labels", "/crm/v4/associations/notes/deals/labels", "/crm/v3/owners",
			"/oauth/2026-03/token", "/oauth/2026-03/token/introspect", "/appinstalls/v3/external-install",
		},
		V2603: {
			"/crm/objects/2026-03/tasks", "/crm/objects/2026-03/contacts/search", "/crm/objects/2026-03/deals/{id}", "/crm/objects/2026-03/contacts/{email}",
			"/crm/associations/2026-03/0-27/contacts/labels", "/crm/associations/2026-03/notes/deals/labels", "/crm/owners/2026-03",
			"/oauth/2026-03/token", "/oauth/2026-03/token/introspect", "/appinstalls/2026-03/external-install",
		},
		V2609: {
			"/crm/objects/2026-09/tasks", "/crm/objects/2026-09/contacts/search", "/crm/objects/2026-09/deals/{id}", "/crm/objects/2026-09/contacts/{email}",
			"/crm/associations/2026-09/0-27/contacts/labels", "/crm/associations/2026-09/notes/deals/labels", "/crm/owners/2026-09",
			"/oauth/2026-09/token", "/oauth/2026-09/token/introspect", "/appinstalls/2026-09/external-install",
		},
	} {
		p := paths{base: "https://api.example.com", version: version}
		got := []place{
			p.objects(tasksType), p.search(contactsType), p.record(dealsType, "9001"), p.contactByEmail(email, nil),
			p.labels(tasksType, contactsType), p.labels(notesType, dealsType), p.owners(email),
			p.oauth(""), p.oauth("/introspect"), p.uninstall(),
		}
		for i, at := range got {
			if at.route != want[i] {
				t.Errorf("%s: route: got %s, want %s", version, at.route, want[i])
			}
			if !strings.HasPrefix(at.url, p.base) || strings.Contains(at.url, "{") {
				t.Errorf("%s: url: got %s, want one below %s", version, at.url, p.base)
			}
		}
	}
}

func TestWhatVariesInAPathIsEscaped(t *testing.T) {
	t.Parallel()
	p := paths{base: "https://api.example.com", version: V3}
	for got, want := range map[string]string{
		p.record(dealsType, "../contacts/1").url:                        "https://api.example.com/crm/v3/objects/deals/..%2Fcontacts%2F1",
		p.contactByEmail("ada+x/y@example.com", []string{"a", "b"}).url: "https://api.example.com/crm/v3/objects/contacts/ada%2Bx%2Fy@example.com?idProperty=email&properties=a%2Cb",
		p.owners("ada+x@example.com").url:                               "https://api.example.com/crm/v3/owners?limit=100&archived=false&email=ada%2Bx%40example.com",
	} {
		if got != want {
			t.Errorf("got %s, want %s", got, want)
		}
	}
}

func TestNewNamesEverySettingThatIsWrong(t *testing.T) {
	t.Parallel()
	_, err := New(Config{APIURL: "api.example.com", AuthorizeURL: "https://example.com/path", Version: "v1", LabelTTL: -time.Second})
	if err == nil {
		t.Fatal("got no error")
	}
	for _, want := range []string{"APIURL", "AuthorizeURL", `Version "v1"`, "HTTP", "LabelTTL"} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("error %q does not name %s", err, want)
		}
	}
}

func TestNewFillsInTheUsualSettings(t *testing.T) {
	t.Parallel()
	c, err := New(Config{HTTP: newClient(t)})
	if err != nil {
		t.Fatal(err)
	}
	if c.CRM() != connectors.HubSpot || c.paths.base != DefaultAPIURL || c.paths.version != V3 || c.authorize != DefaultAuthorizeURL || len(c.scopes) != 4 {
		t.Errorf("got %s %+v %s %v", c.CRM(), c.paths, c.authorize, c.scopes)
	}
}
