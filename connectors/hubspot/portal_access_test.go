package hubspot

import (
	"net/http"
	"testing"
	"time"

	"crm-connectors/connectors"
	"crm-connectors/sim"
	"crm-connectors/sim/simhubspot"
)

func TestATokenThatHubSpotDoesNotKnowNeedsARefresh(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.account.AccessToken = connectors.NewSecret("not-a-token")
	wantError(t, b.deliver(taskWrite()).Err, connectors.ClassNeedsAuth, "access_token_refused")
	b.wantLog()
}

func TestTheGrantOfADeletedPortalIsGone(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.sim.SetBehaviour(simhubspot.Behaviour{PortalDeleted: true})
	_, err := b.Refresh(t.Context(), b.account)
	wantError(t, err, connectors.ClassNeedsReconnect, "account_gone")
}

func TestAnAppThatHubSpotDoesNotKnowIsOurMistake(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	for name, change := range map[string]func(*connectors.App){
		"id":     func(a *connectors.App) { a.ClientID = "another" },
		"secret": func(a *connectors.App) { a.ClientSecret = connectors.NewSecret("another") },
	} {
		account := b.account
		change(&account.App)
		if _, err := b.Refresh(t.Context(), account); err == nil {
			t.Errorf("another %s: got a grant, want a refusal", name)
		} else {
			wantError(t, err, connectors.ClassMisconfigured, "oauth_client_refused")
		}
	}
}

func TestACodeIsOnlyGoodForAMomentAndForItsOwnAddress(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	code := b.signIn()
	app := b.account.App
	app.RedirectURL = "http://localhost/another"
	_, err := b.Exchange(t.Context(), app, code, verifier())
	wantError(t, err, connectors.ClassMisconfigured, "oauth_redirect_refused")

	code = b.signIn()
	b.sim.Core().Clock.Advance(2 * time.Minute)
	_, err = b.Exchange(t.Context(), b.account.App, code, verifier())
	wantError(t, err, connectors.ClassRejected, "oauth_code_refused")
}

func TestAGrantHasTheScopesThatWereGranted(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.sim.SetBehaviour(simhubspot.Behaviour{GrantedScopes: []string{"oauth", "crm.objects.contacts.read"}})
	grant, err := b.Exchange(t.Context(), b.account.App, b.signIn(), verifier())
	if err != nil || len(grant.Scopes) != 2 || grant.Scopes[1] != "crm.objects.contacts.read" {
		t.Errorf("scopes: got %v, %v; want the two that were granted", grant.Scopes, err)
	}
}

func TestAPortalThatWantsAScopeForDealsSaysWhich(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.connect("oauth", "crm.objects.contacts.read", "crm.objects.contacts.write")
	b.sim.SetBehaviour(simhubspot.Behaviour{DealAssociationNeedsScope: true})
	e := wantError(t, b.deliver(taskWrite(func(w *connectors.Write) { w.DealID = "9001" })).Err, connectors.ClassNeedsReconnect, "scopes_missing")
	if want := "Allow one of these scopes for the app, then reconnect HubSpot: crm.objects.deals.read."; e.Action != want {
		t.Errorf("action: got %q, want %q", e.Action, want)
	}
}

func TestTheDayOfAPortalIsItsOwn(t *testing.T) {
	t.Parallel()
	b := newBench(t, func(c *Config) { c.Now = time.Now })
	clock := b.sim.Core().Clock
	b.Connector.now = clock.Now
	b.sim.SetBehaviour(simhubspot.Behaviour{TimeZone: "Australia/Eucla"}) // whose midnight is nobody else's
	if _, err := b.Probe(t.Context(), b.account); err != nil {
		t.Fatal(err)
	}
	b.sim.SetBehaviour(simhubspot.Behaviour{TimeZone: "Australia/Eucla", DailyLimit: 1, TokenLifetime: 48 * time.Hour})
	b.connect(append(DefaultScopes(), DefaultOptionalScopes()...)...)
	wantOK(t, b.deliver(taskWrite()), connectors.Created)
	wait := wantError(t, b.deliver(taskWrite()).Err, connectors.ClassRetry, "crm_daily_limit").RetryAfter
	if wait > 2*clockMargin {
		clock.Advance(wait - 2*clockMargin)
		wantError(t, b.deliver(taskWrite()).Err, connectors.ClassRetry, "crm_daily_limit")
		wait = 2 * clockMargin
	}
	clock.Advance(wait)
	wantOK(t, b.deliver(taskWrite()), connectors.Created)
}

func TestASearchTellsNothingOfTheLimits(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.sim.SetBehaviour(simhubspot.Behaviour{BurstLimit: 50, DailyLimit: 1000})
	b.sim.SeedContact(map[string]string{"email": email})
	r := b.deliver(contactWrite(connectors.Contact{Email: email}))
	wantOK(t, r, connectors.Unchanged)
	if len(r.Limits) != 0 {
		t.Errorf("limits: got %v, want none", r.Limits)
	}
}

func TestWhatAPortalRefusesOfADefaultIsNamed(t *testing.T) {
	t.Parallel()
	for value, tc := range map[string]struct{ property, code string }{
		"api":  {"hs_object_source_label", "property_read_only"},
		"many": {"seats", "property_value_invalid"},
	} {
		b := newBench(t)
		if _, err := b.sim.Seed(simhubspot.SeedData{Properties: []simhubspot.CustomProperty{{ObjectType: contactsType,
			Property: simhubspot.Property{Name: "seats", Label: "Seats", Type: "number", FieldType: "number", GroupName: "contactinformation"}}}}); err != nil {
			t.Fatal(err)
		}
		b.account.Settings.FieldDefaults = map[connectors.Object]map[string]any{connectors.ObjectContact: {tc.property: value}}
		wantError(t, b.deliver(contactWrite(ada())).Err, connectors.ClassRejected, tc.code)
		b.wantLog()
	}
}

func TestOnlyTheNewestVersionEnforcesWhatAPortalRequires(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		version string
		always  bool
		refused bool
	}{{V3, false, false}, {V2603, false, false}, {V2609, false, true}, {V3, true, true}} {
		b := newBench(t, func(c *Config) { c.Version = tc.version })
		b.sim.SetBehaviour(simhubspot.Behaviour{RequiredContactProperties: []string{"jobtitle"}, RequiredOnEveryVersion: tc.always})
		r := b.deliver(contactWrite(ada()))
		if !tc.refused {
			wantOK(t, r, connectors.Created)
			continue
		}
		wantError(t, r.Err, connectors.ClassRejected, "required_property_missing")
	}
}

func TestAPortalWithTenUniquePropertiesGetsAdvice(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	var own []simhubspot.CustomProperty
	for _, name := range []string{"a", "b", "c", "d", "e", "f", "g", "h", "i", "j"} {
		own = append(own, simhubspot.CustomProperty{ObjectType: tasksType, Property: simhubspot.Property{
			Name: "unique_" + name, Label: name, Type: "string", FieldType: "text", GroupName: "task", HasUniqueValue: true}})
	}
	if _, err := b.sim.Seed(simhubspot.SeedData{Properties: own}); err != nil {
		t.Fatal(err)
	}
	caps, err := b.Provision(t.Context(), b.account)
	if err != nil || caps.Of(connectors.ObjectTask).Tier != connectors.TierRead || len(caps.Advice) == 0 {
		t.Errorf("got %+v, %v; want tasks without the property, and advice", caps, err)
	}
}

func TestAPropertyThatAnotherReplicaMakesMeanwhileIsNotMadeTwice(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.http = doer(func(call connectors.Call) {
		if call.Method != http.MethodPost || call.Route != b.paths.properties(tasksType).route {
			return
		}
		_, err := b.sim.Seed(simhubspot.SeedData{Properties: []simhubspot.CustomProperty{{ObjectType: tasksType, Property: simhubspot.Property{
			Name: markerProperty, Label: "By hand", Type: "string", FieldType: "text", GroupName: "task"}}}})
		if err != nil {
			t.Error(err)
		}
	}, b.http)
	caps, err := b.Provision(t.Context(), b.account)
	if m := caps.Of(connectors.ObjectTask); err != nil || m.Tier != connectors.TierRead || m.Field != markerProperty {
		t.Errorf("got %+v, %v; want the property that is there, which is not unique", m, err)
	}
}

func TestAListOfWhichHubSpotTakesAPartWaitsForThatPartAlone(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.fault(sim.Fault{Method: http.MethodPost, Path: "/batch/create$", Kind: sim.FaultStatus, Status: http.StatusServiceUnavailable})
	for _, r := range b.deliverAll(tasksOf(2)) {
		wantError(t, r.Err, connectors.ClassInDoubt, "crm_unavailable")
	}
	b.wantLog()
}
