package simhubspot_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"crm-connectors/sim/simhubspot"
)

func TestSearchOperatorsMeanWhatHubSpotSays(t *testing.T) {
	t.Parallel()
	p := newPortal(t, simhubspot.Config{})
	p.sim.SeedContact(map[string]string{"email": "ada@example.com", "hs_additional_emails": "ada@example.org", "firstname": "Ada", "company": "Blue Harbour"})
	p.sim.SeedContact(map[string]string{"email": "bob@example.com", "firstname": "Bob", "closedate": "2026-11-25"})
	for _, tc := range []struct{ filter, want string }{
		{`{"propertyName":"email","operator":"EQ","value":"ADA@Example.COM"}`, "[501]"},
		{`{"propertyName":"email","operator":"EQ","value":"ada@example.org"}`, "[501]"},
		{`{"propertyName":"email","operator":"IN","values":["bob@example.com","ada@example.org"]}`, "[501 502]"},
		{`{"propertyName":"email","operator":"IN","values":["BOB@example.com"]}`, "[]"},
		{`{"propertyName":"email","operator":"NOT_IN","values":["bob@example.com"]}`, "[501]"},
		{`{"propertyName":"firstname","operator":"NEQ","value":"ada"}`, "[502]"},
		{`{"propertyName":"company","operator":"HAS_PROPERTY"}`, "[501]"},
		{`{"propertyName":"company","operator":"NOT_HAS_PROPERTY"}`, "[502]"},
		{`{"propertyName":"company","operator":"CONTAINS_TOKEN","value":"harbour"}`, "[501]"},
		{`{"propertyName":"company","operator":"CONTAINS_TOKEN","value":"harb"}`, "[]"},
		{`{"propertyName":"email","operator":"CONTAINS_TOKEN","value":"*@example.com"}`, "[501 502]"},
		{`{"propertyName":"company","operator":"NOT_CONTAINS_TOKEN","value":"blue"}`, "[502]"},
		{`{"propertyName":"closedate","operator":"GT","value":"1764000000000"}`, "[502]"},
		{`{"propertyName":"closedate","operator":"BETWEEN","value":"2026-11-26","highValue":"2026-11-27"}`, "[]"},
		{`{"propertyName":"hs_object_id","operator":"LTE","value":"501"}`, "[501]"},
		{`{"propertyName":"hs_object_id","operator":"LT","value":"501"}`, "[]"},
		{`{"propertyName":"hs_object_id","operator":"GTE","value":"502"}`, "[502]"},
	} {
		a := p.want(p.json(http.MethodPost, contactsPath+"/search", `{"filterGroups":[{"filters":[`+tc.filter+`]}]}`), http.StatusOK)
		if got := ids(a); got != tc.want {
			t.Errorf("%s: got %s, want %s", tc.filter, got, tc.want)
		}
		if a.header.Get("X-HubSpot-RateLimit-Max") != "" {
			t.Errorf("%s: a search answer carries rate limit headers", tc.filter)
		}
	}
}

func ids(a answer) string {
	list, _ := at(a.body, "results").([]any)
	out := []any{}
	for _, r := range list {
		out = append(out, at(r, "id"))
	}
	return fmt.Sprint(out)
}

func TestSearchPagesSortsAndQueries(t *testing.T) {
	t.Parallel()
	p := newPortal(t, simhubspot.Config{})
	for _, name := range []string{"Bob", "Ada", "Cy"} {
		p.sim.SeedContact(map[string]string{"email": strings.ToLower(name) + "@example.com", "firstname": name})
	}
	first := p.want(p.json(http.MethodPost, contactsPath+"/search", `{"limit":2}`), http.StatusOK, `"total":3`)
	after, _ := at(first.body, "paging", "next", "after").(string)
	second := p.want(p.json(http.MethodPost, contactsPath+"/search", `{"limit":2,"after":"`+after+`"}`), http.StatusOK)
	if got := ids(first) + ids(second); got != "[501 502][503]" || at(second.body, "paging") != nil {
		t.Fatalf("pages: got %s, want two then one and no further page", got)
	}
	for body, want := range map[string]string{
		`{"sorts":[{"propertyName":"firstname","direction":"DESCENDING"}]}`: "[503 501 502]",
		`{"sorts":["firstname"]}`: "[502 501 503]",
		`{"query":"ADA"}`:         "[502]",
		`{}`:                      "[501 502 503]",
	} {
		if got := ids(p.want(p.json(http.MethodPost, contactsPath+"/search", body), http.StatusOK)); got != want {
			t.Errorf("%s: got %s, want %s", body, got, want)
		}
	}
}

func TestSearchLimitsAreEnforced(t *testing.T) {
	t.Parallel()
	p := newPortal(t, simhubspot.Config{})
	const f = `{"propertyName":"email","operator":"HAS_PROPERTY"}`
	group := func(n int) string { return `{"filters":[` + strings.TrimSuffix(strings.Repeat(f+",", n), ",") + `]}` }
	groups := func(n, filters int) string {
		return `{"filterGroups":[` + strings.TrimSuffix(strings.Repeat(group(filters)+",", n), ",") + `]}`
	}
	p.want(p.json(http.MethodPost, contactsPath+"/search", groups(5, 3)), http.StatusOK)
	for name, body := range map[string]string{
		"6 groups":   groups(6, 1),
		"7 filters":  groups(1, 7),
		"20 filters": groups(4, 5),
		"page":       `{"limit":201}`,
		"body":       `{"query":"` + strings.Repeat("x", 3000) + `"}`,
		"sorts":      `{"sorts":["email","firstname"]}`,
		"property":   search("shoe_size", "EQ", "9"),
		"operator":   search("email", "CONTAINS", "9"),
		"no value":   `{"filterGroups":[{"filters":[{"propertyName":"email","operator":"EQ"}]}]}`,
		"after":      `{"after":"x"}`,
	} {
		if a := p.json(http.MethodPost, contactsPath+"/search", body); a.status != http.StatusBadRequest {
			t.Errorf("%s: got %d, want 400", name, a.status)
		}
	}
}

func TestTasksAreFoundByTheirContact(t *testing.T) {
	t.Parallel()
	p := newPortal(t, simhubspot.Config{})
	id := p.createContact("ada@example.com")
	p.want(p.json(http.MethodPost, tasksPath, task(id, "204")), http.StatusCreated)
	a := p.want(p.json(http.MethodPost, tasksPath+"/search", search("associations.contact", "EQ", id)), http.StatusOK)
	if got := ids(a); got != "[77001]" {
		t.Fatalf("tasks of the contact: got %s, want [77001]", got)
	}
	a = p.want(p.json(http.MethodPost, tasksPath+"/search", search("associations.contact", "EQ", "999")), http.StatusOK)
	if got := ids(a); got != "[]" {
		t.Fatalf("tasks of another contact: got %s, want none", got)
	}
}
