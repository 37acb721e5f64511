package hubspot

import (
	"testing"

	"crm-connectors/connectors"
)

func TestAPlanShowsTheCallsAndMakesNone(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.sim.SeedContact(map[string]string{"email": "known@example.com", "hs_object_id": "777"})
	plans := b.Plan(t.Context(), b.account, []connectors.Write{
		contactWrite(connectors.Contact{Email: email, FirstName: "Ada"}),
		contactWrite(connectors.Contact{Email: "known@example.com", Phone: "+15555550123"}),
		taskWrite(func(w *connectors.Write) {
			w.Email, w.DealID, w.Task.OwnerEmail, w.Task.Body = email, "9001", "gone@example.com", "a < b"
		}),
		rollupWrite(func(w *connectors.Write) { w.Email = "known@example.com" }),
		contactWrite(connectors.Contact{Email: " "}),
	})
	for i, want := range []struct{ id, method, path, body string }{
		{"{new contact}", "POST", "/crm/v3/objects/contacts", `{"properties":{"email":"ada@example.com","firstname":"Ada"}}`},
		{"777", "PATCH", "/crm/v3/objects/contacts/777", `{"properties":{"phone":"+15555550123"}}`},
		{"{new task}", "POST", "/crm/v3/objects/tasks", `{"properties":{"hs_task_body":"a &lt; b","hs_task_status":"NOT_STARTED","hs_task_subject":"Send proposal","hs_task_type":"TODO","hs_timestamp":"2026-11-25T14:00:00.000Z"},` +
			`"associations":[{"to":{"id":"{new contact}"},"types":[{"associationCategory":"HUBSPOT_DEFINED","associationTypeId":204}]},{"to":{"id":"9001"},"types":[{"associationCategory":"HUBSPOT_DEFINED","associationTypeId":216}]}]}`},
		{"{new note}", "POST", "/crm/v3/objects/notes", `{"properties":{"hs_note_body":"<p>Agreed on scope.</p><p>Next: price &amp; terms.</p>","hs_timestamp":"2026-11-08T23:59:59.000Z"},` +
			`"associations":[{"to":{"id":"777"},"types":[{"associationCategory":"HUBSPOT_DEFINED","associationTypeId":202}]}]}`},
	} {
		p := plans[i]
		if p.Err != nil || p.Ref.ID != want.id || len(p.Calls) != 1 {
			t.Fatalf("plan %d: got %+v", i, p)
		}
		if c := p.Calls[0]; c.Method != want.method || c.Path != want.path || string(c.Body) != want.body {
			t.Errorf("plan %d: got %s %s\n%s\nwant %s %s\n%s", i, c.Method, c.Path, c.Body, want.method, want.path, want.body)
		}
	}
	if len(plans[2].Notes) != 1 || plans[2].Notes[0].Code != "owner_not_found" {
		t.Errorf("notes: got %+v", plans[2].Notes)
	}
	wantError(t, plans[4].Err, connectors.ClassRejected, "contact_email_missing")
	b.wantLog()
}

func TestAPlanSeesAContactTwiceInOneList(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	plans := b.Plan(t.Context(), b.account, []connectors.Write{
		contactWrite(connectors.Contact{Email: email}),
		contactWrite(connectors.Contact{Email: email, FirstName: "Ada"}),
		contactWrite(connectors.Contact{Email: email}),
	})
	if plans[1].Ref.ID != "{new contact}" || plans[1].Calls[0].Method != "PATCH" || len(plans[2].Calls) != 0 || plans[2].Ref.ID != "{new contact}" {
		t.Errorf("got %+v", plans)
	}
	b.wantLog()
}

func TestAPlanWithARefusedTokenSaysSo(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.sim.ExpireAccessTokens()
	for _, p := range b.Plan(t.Context(), b.account, []connectors.Write{contactWrite(connectors.Contact{Email: email}), taskWrite()}) {
		wantError(t, p.Err, connectors.ClassNeedsAuth, "access_token_expired")
		if len(p.Calls) != 0 {
			t.Errorf("calls: got %+v, want none", p.Calls)
		}
	}
}
