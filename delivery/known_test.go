package delivery

import (
	"testing"
	"time"

	"crm-connectors/connectors"
	"crm-connectors/store"

	"github.com/google/uuid"
)

// upsert appends an update of ada@example.com.
func (b *bench) upsert(event string, c connectors.Contact) store.Write {
	b.t.Helper()
	c.Email = "ada@example.com"
	out, err := b.store.Append(b.t.Context(), []store.Outcome{{WorkspaceID: b.workspace, SourceEventID: event,
		Objects: []store.Object{object("contact", c.Email, "upsert", c, "", c.Email)}}}, b.engine.Wake)
	if err != nil || out[0].Err != nil {
		b.t.Fatal(err, out)
	}
	return out[0].Writes[0]
}

func TestAContactThatSaysNothingNewCostsNoCall(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.start(b.engine)
	first := b.until(b.upsert("one", connectors.Contact{Phone: "1", LastName: "Byron"}).ID, store.Succeeded)
	same := b.until(b.upsert("two", connectors.Contact{Phone: "1"}).ID, store.Succeeded)
	if n := len(b.crm.sends()); n != 1 || same.Outcome != "unchanged" || same.CRMObjectID != first.CRMObjectID {
		t.Errorf("%d sends, outcome %q of %q; want one, and the second unchanged at %s", n, same.Outcome, same.CRMObjectID, first.CRMObjectID)
	}
	b.until(b.upsert("three", connectors.Contact{Phone: "2"}).ID, store.Succeeded)
	b.until(b.upsert("four", connectors.Contact{Phone: "1"}).ID, store.Succeeded)
	if n := len(b.crm.sends()); n != 3 {
		t.Errorf("%d sends, want three: what changed is written, and so is what changes back", n)
	}
	b.exec(`update crm_object_links set updated_at = now() - interval '2 hours'`)
	b.until(b.upsert("five", connectors.Contact{Phone: "1"}).ID, store.Succeeded)
	if n := len(b.crm.sends()); n != 4 {
		t.Errorf("%d sends, want four: people change contacts too, so after a while it is written again", n)
	}
}

func TestAContactThatWasWrittenALittleWhileAgoIsKnown(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.start(b.engine)
	b.until(b.upsert("one", connectors.Contact{Phone: "1"}).ID, store.Succeeded)
	b.until(b.upsert("two", connectors.Contact{Phone: "2"}).ID, store.Succeeded)
	b.exec(`update crm_object_links set updated_at = now() - interval '25 hours'`)
	b.until(b.upsert("three", connectors.Contact{Phone: "3"}).ID, store.Succeeded)
	sent := b.crm.sends()
	for i, want := range []bool{false, true, false} {
		if sent[i].ContactKnown != want || (i > 0 && sent[i].ContactRef.ID == "") {
			t.Errorf("send %d: known %v at %q, want %v", i, sent[i].ContactKnown, sent[i].ContactRef.ID, want)
		}
	}
}

func TestWritesAreHandedToTheConnectorInBatchesContactsFirst(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.crm.batch = 100
	for range 5 {
		b.append(uuid.NewString(), "contact", "task")
	}
	b.start(b.engine)
	b.eventually(func() (bool, string) { return len(b.crm.sends()) == 10, "not all are sent" })
	if n := b.crm.deliveries(); n != 2 {
		t.Errorf("%d deliveries, want two: the contacts, then their tasks", n)
	}
}

func TestABatchInWhichOneRowFailsSettlesEachByItself(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.crm.batch = 100
	fates := []connectors.Class{"", connectors.ClassRejected, connectors.ClassInDoubt, connectors.ClassRetry}
	var writes []store.Write
	classOf := map[string]connectors.Class{}
	for i, class := range fates {
		w := b.append("event"+string(rune('a'+i)), "task")[0]
		classOf[w.ID.String()], writes = class, append(writes, w)
	}
	b.crm.answer(func(a connectors.Account, w connectors.Write) connectors.Result {
		if class := classOf[w.ID]; class != "" {
			return refuse(class)
		}
		return accepted(a, w)
	})
	b.start(b.engine)
	for i, want := range []string{store.Succeeded, store.Failed, store.NeedsReview, store.Queued} {
		b.until(writes[i].ID, want)
	}
	if got := b.write(writes[3].ID); !got.NextAttemptAt.After(time.Now()) {
		t.Errorf("the row that is to be tried again is due at %s", got.NextAttemptAt)
	}
}
