package simhubspot_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"crm-connectors/sim"
	"crm-connectors/sim/simhubspot"
)

func TestAContactIsCreatedReadAndChangedInEveryVersion(t *testing.T) {
	t.Parallel()
	for _, base := range []string{"/crm/v3/objects/contacts", "/crm/objects/2026-03/contacts", "/crm/objects/2026-09/0-1"} {
		t.Run(base, func(t *testing.T) {
			t.Parallel()
			p := newPortal(t, simhubspot.Config{})
			a := p.want(p.json(http.MethodPost, base, `{"properties":{"email":"Ada@Example.com","firstname":"Ada"}}`), http.StatusCreated)
			if at(a.body, "id") != "501" || at(a.body, "properties", "email") != "ada@example.com" || at(a.body, "properties", "hs_object_id") != "501" {
				t.Fatalf("created: got %s, want 501 with a lower-case address", a.raw)
			}
			p.want(p.json(http.MethodPatch, base+"/501", `{"properties":{"phone":"+15555550123"}}`), http.StatusOK, `"phone":"+15555550123"`)
			a = p.want(p.get(base+"/ADA%40example.com?idProperty=email&properties=phone,company"), http.StatusOK)
			if at(a.body, "properties", "phone") != "+15555550123" || !strings.Contains(string(a.raw), `"company":null`) {
				t.Fatalf("read: got %s, want the phone and a null company", a.raw)
			}
			p.want(p.json(http.MethodPatch, base+"/501", `{"properties":{"phone":""}}`), http.StatusOK)
			p.want(p.send(http.MethodDelete, base+"/501", "", ""), http.StatusNoContent)
			p.want(p.get(base+"/501"), http.StatusNotFound)
			var ops []sim.Op
			for _, e := range p.log() {
				ops = append(ops, e.Op)
			}
			if got, want := fmt.Sprint(ops), "[create update update delete]"; got != want {
				t.Fatalf("operations: got %s, want %s", got, want)
			}
		})
	}
}

func TestPathsOfTheWrongVersionDoNotExist(t *testing.T) {
	t.Parallel()
	p := newPortal(t, simhubspot.Config{})
	p.sim.SeedContact(map[string]string{"email": "ada@example.com"})
	for _, path := range []string{"/crm/v4/objects/contacts/501", "/crm/2026-09/objects/contacts/501", "/crm/v2/objects/contacts/501",
		"/crm/v3/associations/tasks/contacts/labels", "/crm/v3/objects/contacts/501/associations/tasks", "/nothing"} {
		if a := p.get(path); a.status != http.StatusNotFound {
			t.Errorf("%s: got %d, want 404", path, a.status)
		}
	}
}

func TestADuplicateAddressIsAConflictAlsoWhenItIsSecondary(t *testing.T) {
	t.Parallel()
	p := newPortal(t, simhubspot.Config{})
	id := p.sim.SeedContact(map[string]string{"email": "ada@example.com", "hs_additional_emails": "ada@example.org"})
	for _, email := range []string{"ada@example.com", "ADA@example.com", "ada@example.org"} {
		p.want(p.json(http.MethodPost, contactsPath, `{"properties":{"email":"`+email+`"}}`), http.StatusConflict, "Existing ID: "+id, `"category":"CONFLICT"`)
	}
	other := p.createContact("bob@example.com")
	p.want(p.json(http.MethodPatch, contactsPath+"/"+other, `{"properties":{"email":"ada@example.org"}}`), http.StatusConflict, "Existing ID: "+id)
	if got := len(p.sim.Objects("contacts")); got != 2 {
		t.Fatalf("contacts: got %d, want 2", got)
	}
}

func TestBadPropertiesAreNamedAndNothingIsStored(t *testing.T) {
	t.Parallel()
	p := newPortal(t, simhubspot.Config{})
	for body, code := range map[string]string{
		`{"properties":{"email":"pat@@example"}}`:                                 "INVALID_EMAIL",
		`{"properties":{"email":"pat@example.invalid"}}`:                          "INVALID_EMAIL",
		`{"properties":{"email":" pat@example.com"}}`:                             "INVALID_EMAIL",
		`{"properties":{"email":"pat@example.com","shoe_size":"9"}}`:              "PROPERTY_DOESNT_EXIST",
		`{"properties":{"email":"pat@example.com","hs_object_id":"9"}}`:           "READ_ONLY_VALUE",
		`{"properties":{"email":"pat@example.com","lifecyclestage":"friend"}}`:    "INVALID_OPTION",
		`{"properties":{"email":"pat@example.com","lifecyclestage":"lead "}}`:     "LEADING_TRAILING_WHITESPACE",
		`{"properties":{"email":"pat@example.com","closedate":"soon"}}`:           "INVALID_DATE",
		`{"properties":{"email":"pat@example.com","hubspot_owner_id":"9586504"}}`: "INVALID_OPTION",
		`{"properties":{"email":"pat@example.com","email":"x@example.com"}}`:      "duplicate key",
		`{"properties":{"email":"pat@example.com","phone":5}}`:                    "Invalid input JSON",
		`{"properties":{"email":null}}`:                                           "null",
		`{"props":{"email":"pat@example.com"}}`:                                   "unknown field",
		`{"properties":{"email":"pat@example.com"}} x`:                            "Invalid input JSON",
		`{"properties":{"email":"pat@example.com"`:                                "Invalid input JSON",
		``: "none found",
		`{"properties":{"company":"` + strings.Repeat("x", 65537) + `"}}`:             "INVALID_LENGTH",
		`{"properties":{"email":"pat@example.com","hs_additional_emails":"a;b@c.d"}}`: "INVALID_EMAIL",
	} {
		a := p.json(http.MethodPost, contactsPath, body)
		if a.status != http.StatusBadRequest || !strings.Contains(string(a.raw), code) || at(a.body, "category") != "VALIDATION_ERROR" {
			t.Errorf("%.80s: got %d %.300s, want 400 with %s", body, a.status, a.raw, code)
		}
	}
	p.want(p.send(http.MethodPost, contactsPath, "text/plain", `{"properties":{}}`), http.StatusUnsupportedMediaType)
	p.want(p.json(http.MethodPost, contactsPath, strings.Repeat(" ", 3<<20+1)), http.StatusRequestEntityTooLarge)
	if objects, log := len(p.sim.Objects("contacts")), len(p.log()); objects != 0 || log != 0 {
		t.Fatalf("stored: got %d contacts and %d log entries, want none", objects, log)
	}
}

func TestRequiredPropertiesAreAskedForByTheNewestVersion(t *testing.T) {
	t.Parallel()
	p := newPortal(t, simhubspot.Config{Behaviour: simhubspot.Behaviour{RequiredContactProperties: []string{"hs_legal_basis"}}})
	const body = `{"properties":{"email":"ada@example.com"}}`
	a := p.want(p.json(http.MethodPost, "/crm/objects/2026-09/contacts", body), http.StatusBadRequest, "Error creating CONTACT. Some required properties were not set.")
	if got := at(a.body, "context", "properties", 0); got != "hs_legal_basis" {
		t.Fatalf("context: got %v, want hs_legal_basis", got)
	}
	p.want(p.json(http.MethodPost, "/crm/objects/2026-03/contacts", body), http.StatusCreated)
	p.sim.SetBehaviour(simhubspot.Behaviour{RequiredContactProperties: []string{"hs_legal_basis"}, RequiredOnEveryVersion: true})
	p.want(p.json(http.MethodPost, contactsPath, `{"properties":{"email":"bob@example.com"}}`), http.StatusBadRequest, "hs_legal_basis")
}

func TestAMergedContactIsFollowedBySingleCallsOnly(t *testing.T) {
	t.Parallel()
	p := newPortal(t, simhubspot.Config{})
	a := p.sim.SeedContact(map[string]string{"email": "ada@example.com"})
	b := p.sim.SeedContact(map[string]string{"email": "ada@example.org", "phone": "1"})
	p.want(p.json(http.MethodPost, tasksPath, task(b, "204")), http.StatusCreated)
	merged, err := p.sim.Merge(a, b)
	if err != nil {
		t.Fatal(err)
	}
	got := p.want(p.get(contactsPath+"/"+b+"?properties=email,phone,hs_additional_emails,hs_merged_object_ids"), http.StatusOK)
	if at(got.body, "id") != merged || at(got.body, "properties", "hs_additional_emails") != "ada@example.org" ||
		at(got.body, "properties", "hs_merged_object_ids") != a+";"+b || at(got.body, "properties", "phone") != "1" {
		t.Fatalf("merged: got %s, want %s with both addresses and ids", got.raw, merged)
	}
	p.want(p.json(http.MethodPatch, contactsPath+"/"+a, `{"properties":{"firstname":"Ada"}}`), http.StatusOK, `"id":"`+merged+`"`)
	p.want(p.json(http.MethodPost, contactsPath+"/batch/update", `{"inputs":[{"id":"`+a+`","properties":{"firstname":"A"}}]}`), http.StatusMultiStatus, "OBJECT_NOT_FOUND")
	p.want(p.get("/crm/v4/objects/contacts/"+merged+"/associations/tasks"), http.StatusOK, `"toObjectId":77001`)
	p.want(p.json(http.MethodPost, tasksPath, task(a, "204")), http.StatusNotFound)
}

func TestAnArchivedContactIsGone(t *testing.T) {
	t.Parallel()
	p := newPortal(t, simhubspot.Config{})
	id := p.sim.SeedContact(map[string]string{"email": "ada@example.com"})
	if !p.sim.Archive("contacts", id) {
		t.Fatal("Archive: got false, want true")
	}
	p.want(p.get(contactsPath+"/"+id), http.StatusNotFound)
	p.want(p.json(http.MethodPatch, contactsPath+"/"+id, `{"properties":{"phone":"1"}}`), http.StatusNotFound)
	p.want(p.json(http.MethodPost, contactsPath+"/search", search("email", "EQ", "ada@example.com")), http.StatusOK, `"total":0`, `"results":[]`)
	if again := p.createContact("ada@example.com"); again == id {
		t.Fatalf("created again: got the old id %s, want a new one", id)
	}
}

func TestALifecycleStageNeverMovesBack(t *testing.T) {
	t.Parallel()
	p := newPortal(t, simhubspot.Config{})
	id := p.sim.SeedContact(map[string]string{"email": "ada@example.com", "lifecyclestage": "customer"})
	p.want(p.json(http.MethodPatch, contactsPath+"/"+id, `{"properties":{"lifecyclestage":"lead"}}`), http.StatusOK, `"lifecyclestage":"customer"`)
	if got := len(p.log()); got != 1 {
		t.Fatalf("operation log: got %d entries, want the update although nothing changed", got)
	}
}

func TestTheSearchIndexFollowsLate(t *testing.T) {
	t.Parallel()
	p := newPortal(t, simhubspot.Config{Behaviour: simhubspot.Behaviour{SearchLag: 10 * time.Second}})
	find := func() answer {
		return p.want(p.json(http.MethodPost, contactsPath+"/search", search("email", "EQ", "ada@example.com")), http.StatusOK)
	}
	id := p.createContact("ada@example.com")
	if got := at(find().body, "total"); got != 0.0 {
		t.Fatalf("total at once: got %v, want 0", got)
	}
	p.want(p.get(contactsPath+"/"+id), http.StatusOK)
	p.sim.Core().Clock.Advance(11 * time.Second)
	p.want(p.json(http.MethodPatch, contactsPath+"/"+id, `{"properties":{"firstname":"Ada"}}`), http.StatusOK)
	if got := at(find().body, "results", 0, "properties", "firstname"); got != nil {
		t.Fatalf("first name before the lag: got %v, want the old state", got)
	}
	p.sim.Core().Clock.Advance(11 * time.Second)
	if got := at(find().body, "results", 0, "properties", "firstname"); got != "Ada" {
		t.Fatalf("first name after the lag: got %v, want Ada", got)
	}
	p.sim.SetBehaviour(simhubspot.Behaviour{PhantomSearchEvery: 1})
	p.want(find(), http.StatusOK, `"total":1`, `"results":[]`)
}
