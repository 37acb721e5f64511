package salesforce

import (
	"strings"
	"testing"

	"crm-connectors/connectors"
)

func TestIDsGetTheirChecksum(t *testing.T) {
	t.Parallel()
	for id15, want := range map[string]string{
		"001D000000IqhSL": "001D000000IqhSLIAZ",
		"00Dak00000OrG01": "00Dak00000OrG01EAF",
		"00Qak00000AbCdE": "00Qak00000AbCdEEAV",
		"003ak00000XyZ12": "003ak00000XyZ12AAF",
		"000000000000000": "000000000000000AAA",
		"ZZZZZZZZZZZZZZZ": "ZZZZZZZZZZZZZZZ555",
	} {
		if got, ok := canonicalID(id15); !ok || got != want {
			t.Errorf("canonicalID(%q) = %q, %v; want %q", id15, got, ok, want)
		}
		if got, ok := canonicalID(want); !ok || got != want {
			t.Errorf("canonicalID(%q) = %q, %v; want it unchanged", want, got, ok)
		}
	}
}

func TestWhatIsNoIDIsRefused(t *testing.T) {
	t.Parallel()
	for _, id := range []string{"", "123", "006ak00000OppAa", strings.ToLower("006ak00000OppAaAAJ"), "006ak00000OppAaAAX", "006ak00000OppAaAA",
		"006ak00000OppAaAAJJ", "006ak00000Opp a", "006ak00000Opp/a", "../../../../aaa", "006ak00000Opp'a", "006ak00000Oppéa"} {
		_, ok := recordID(id, prefixOpportunity)
		if want := id == "006ak00000OppAa"; ok != want {
			t.Errorf("recordID(%q) = %v, want %v", id, ok, want)
		}
	}
	if _, ok := recordID("003ak00000XyZ12AAF", prefixOpportunity); ok {
		t.Error("a contact's id passed for an opportunity's")
	}
}

func TestAPersonIsKnownByTheIDAndNotByTheWord(t *testing.T) {
	t.Parallel()
	for in, want := range map[connectors.Ref]connectors.Ref{
		{}: {}, {Type: "Lead"}: {},
		{Type: "Contact", ID: "00Qak00000AbCdE"}: {Type: "Lead", ID: "00Qak00000AbCdEEAV"},
		{ID: "003ak00000XyZ12AAF"}:               {Type: "Contact", ID: "003ak00000XyZ12AAF"},
		{Type: "Lead", ID: "006ak00000OppAaAAJ"}: {},
		{Type: "contacts", ID: "12345"}:          {},
		{Type: "Lead", ID: "{new lead}"}:         {Type: "Lead", ID: "{new lead}"},
	} {
		if got := knownPerson(in); got != want {
			t.Errorf("knownPerson(%v) = %v, want %v", in, got, want)
		}
	}
}

func TestIdentityIsReadFromItsURL(t *testing.T) {
	t.Parallel()
	org, user, ok := identity("https://login.salesforce.com/id/00Dak00000OrG01/005ak00000UsR01")
	if !ok || org != "00Dak00000OrG01EAF" || user != "005ak00000UsR01AAF" {
		t.Errorf("identity = %q, %q, %v", org, user, ok)
	}
	for _, bad := range []string{"", "x", "https://login.salesforce.com/id", "https://login.salesforce.com/id/005ak00000UsR01AAF/00Dak00000OrG01EAF", "%zz", "https://h/id/00D/005"} {
		if _, _, ok := identity(bad); ok {
			t.Errorf("identity(%q) was believed", bad)
		}
	}
}
