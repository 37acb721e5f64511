package hubspot

import (
	"slices"
	"testing"

	"crm-connectors/connectors"
)

func TestEventsOfContactsAreReadAsHubSpotSendsThem(t *testing.T) {
	t.Parallel()
	const frame = `"eventId":1,"subscriptionId":12345,"portalId":4242,"appId":777,"occurredAt":1790000000000,"attemptNumber":0,"changeSource":"CRM",`
	for raw, want := range map[string]connectors.ContactEvent{
		`{` + frame + `"subscriptionType":"contact.deletion","objectId":501,"changeFlag":"DELETED"}`:                                  {Kind: connectors.ContactDeleted, AccountID: "4242", IDs: []string{"501"}},
		`{` + frame + `"subscriptionType":"contact.privacyDeletion","objectId":"501"}`:                                                {Kind: connectors.ContactErased, AccountID: "4242", IDs: []string{"501"}},
		`{` + frame + `"subscriptionType":"contact.merge","primaryObjectId":501,"mergedObjectIds":[502,504],"newObjectId":503}`:       {Kind: connectors.ContactMerged, AccountID: "4242", IDs: []string{"502", "504", "501"}, Now: "503"},
		`{` + frame + `"subscriptionType":"contact.merge","primaryObjectId":501,"mergedObjectIds":[502],"numberOfPropertiesMoved":3}`: {Kind: connectors.ContactMerged, AccountID: "4242", IDs: []string{"502", "501"}, Now: "501"},
	} {
		got, means := (&Connector{}).ContactEvent([]byte(raw))
		if !means || got.Kind != want.Kind || got.AccountID != want.AccountID || got.Now != want.Now || !slices.Equal(got.IDs, want.IDs) {
			t.Errorf("%s\n is %+v, %v; want %+v", raw, got, means, want)
		}
	}
	for _, raw := range []string{`{` + frame + `"subscriptionType":"contact.creation","objectId":501}`, `{` + frame + `"subscriptionType":"deal.deletion","objectId":501}`,
		`{` + frame + `"subscriptionType":"something.new","of":{"any":["shape"]}}`, `{` + frame + `"subscriptionType":"contact.deletion"}`,
		`{"subscriptionType":"contact.deletion","objectId":501}`, `{` + frame + `"subscriptionType":"contact.merge","mergedObjectIds":[502]}`,
		`{` + frame + `"subscriptionType":"contact.deletion","objectId":-1}`, `{` + frame + `"subscriptionType":"contact.deletion","objectId":5.01e2}`,
		`{` + frame + `"subscriptionType":7}`, `null`, `[]`, `"contact.deletion"`, `{`, ``} {
		if got, means := (&Connector{}).ContactEvent([]byte(raw)); means {
			t.Errorf("%s means %+v", raw, got)
		}
	}
}

func FuzzContactEvent(f *testing.F) {
	for _, raw := range []string{`{"portalId":4242,"subscriptionType":"contact.merge","primaryObjectId":501,"mergedObjectIds":[502],"newObjectId":503}`,
		`{"portalId":"4242","subscriptionType":"contact.deletion","objectId":"501"}`, `{"portalId":1,"subscriptionType":"contact.privacyDeletion","objectId":18446744073709551615}`,
		`{"portalId":null,"mergedObjectIds":[null,[],{}]}`, `{`} {
		f.Add([]byte(raw))
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		e, means := (&Connector{}).ContactEvent(raw)
		if !means {
			return
		}
		for _, id := range append([]string{e.AccountID}, e.IDs...) {
			if id == "" || len(id) > longestID || slices.ContainsFunc([]byte(id), func(c byte) bool { return c < '0' || c > '9' }) {
				t.Errorf("%q has the id %q", raw, id)
			}
		}
		if (e.Kind == connectors.ContactMerged) != (e.Now != "") || len(e.IDs) == 0 {
			t.Errorf("%q is %+v", raw, e)
		}
	})
}
