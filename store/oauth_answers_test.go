package store_test

import (
	"errors"
	"reflect"
	"testing"
	"time"

	"crm-connectors/store"
)

func TestTheAnswerToAPageIsTakenOnceByTheBrowserThatWasShownIt(t *testing.T) {
	t.Parallel()
	b := setup(t)
	grant := b.grant("hubspot", "hub2")
	grant.ExpiresAt = grant.ExpiresAt.UTC().Round(0)
	for name, asked := range map[string]store.OAuthState{
		"confirm": {WorkspaceID: b.workspace, CRM: "hubspot", UserID: "user", Stage: store.StageConfirm, Code: "code", Verifier: "verifier", Bound: true},
		"replace": {WorkspaceID: b.workspace, CRM: "hubspot", UserID: "user", Stage: store.StageReplace, Replaces: "hub1", Grant: &grant, Bound: true},
	} {
		ticket, err := b.AskOAuth(t.Context(), asked, "browser", 10*time.Minute)
		if err != nil {
			t.Fatal(err)
		}
		notFound := func(what string, err error) {
			t.Helper()
			if !errors.Is(err, store.ErrNotFound) {
				t.Errorf("%s, %s: got %v, want ErrNotFound", name, what, err)
			}
		}
		_, err = b.TakeOAuthAnswer(t.Context(), "hubspot", ticket, "another browser")
		notFound("another browser", err)
		_, err = b.TakeOAuthAnswer(t.Context(), "salesforce", ticket, "browser")
		notFound("another CRM", err)
		_, err = b.TakeOAuthState(t.Context(), "hubspot", ticket, "browser")
		notFound("as the state of a callback", err)
		got, err := b.TakeOAuthAnswer(t.Context(), "hubspot", ticket, "browser")
		if err != nil || !reflect.DeepEqual(got, asked) {
			t.Errorf("%s: took stage %s for %s with grant %v, %v", name, got.Stage, got.UserID, got.Grant != nil, err)
		}
		_, err = b.TakeOAuthAnswer(t.Context(), "hubspot", ticket, "browser")
		notFound("a second time", err)
	}
}

func TestAnotherAccountIsRefusedUntilSomebodyAgreesToReplaceTheOneThatIsThere(t *testing.T) {
	t.Parallel()
	b := setup(t)
	first := b.connect("hubspot", "hub1")
	g := b.grant("hubspot", "hub2")
	for _, replaces := range []string{"", "hub3"} {
		g.Replaces = replaces
		var other *store.OtherAccountError
		if _, err := b.Connect(t.Context(), g, b.bell.ring); !errors.As(err, &other) || *other != (store.OtherAccountError{CRM: "hubspot", AccountID: "hub1", AccountName: "Example hub1"}) {
			t.Errorf("replacing %q: got %v", replaces, err)
		} else if want := "the workspace is connected to the hubspot account hub1"; other.Error() != want {
			t.Errorf("it says %q, want %q", other, want)
		}
	}
	if got := b.connection(first.ID); got.AccountID != "hub1" || got.TokenGeneration != first.TokenGeneration {
		t.Errorf("the connection became %s", got.AccountID)
	}
	g.Replaces = "hub1"
	if c, err := b.Connect(t.Context(), g, b.bell.ring); err != nil || c.ID != first.ID || c.AccountID != "hub2" {
		t.Errorf("with a person's word: %s, %v", c.AccountID, err)
	}
}
