package delivery

import (
	"strings"
	"testing"
	"time"

	"crm-connectors/connectors"
	"crm-connectors/store"

	"github.com/google/uuid"
)

// written gives n tasks that the log has as written two hours ago.
func (b *bench) written(n int) []store.Write {
	b.t.Helper()
	var out []store.Write
	for i := range n {
		w := b.append("event"+string(rune('a'+i)), "task")[0]
		out = append(out, b.until(w.ID, store.Succeeded))
	}
	b.exec(`update crm_write_log set settled_at = now() - interval '2 hours'`)
	return out
}

func record(w store.Write, id string) connectors.MarkedRecord {
	return connectors.MarkedRecord{Ref: connectors.Ref{Type: "tasks", ID: id}, Marker: w.Marker}
}

func TestTheComparisonFindsWhatIsDoubleWhatIsGoneAndWhatSomebodyDeleted(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.start(b.engine)
	w := b.written(4)
	right, double, gone, binned := w[0], w[1], w[2], w[3]
	in := record(binned, binned.CRMObjectID)
	in.Deleted = true
	b.crm.marked = func(object connectors.Object) ([]connectors.MarkedRecord, error) {
		if object != connectors.ObjectTask {
			return nil, connectors.ErrCannotFind
		}
		return []connectors.MarkedRecord{record(right, right.CRMObjectID), record(double, double.CRMObjectID), record(double, "copy"), in,
			{Ref: connectors.Ref{Type: "tasks", ID: "9"}, Marker: "of-another-installation"}}, nil
	}
	for range 2 { // and again: nothing is raised twice
		if err := b.engine.Compare(t.Context(), b.connection()); err != nil {
			t.Fatal(err)
		}
	}
	for _, tc := range []struct {
		name  string
		write store.Write
		alarm string
	}{{"right", right, ""}, {"double", double, "duplicate_detected"}, {"gone", gone, "missing_in_crm"}, {"deleted by somebody", binned, ""}} {
		got := b.write(tc.write.ID)
		if got.Alarm != tc.alarm || got.Status != store.Succeeded {
			t.Errorf("%s: alarm %q, %s; want %q", tc.name, got.Alarm, got.Status, tc.alarm)
		}
		if n := strings.Count(string(got.Notes), "copy should be deleted"); n != map[bool]int{true: 1}[tc.name == "double"] {
			t.Errorf("%s: notes %s", tc.name, got.Notes)
		}
	}
}

func TestAnAlarmIsTakenBackWhenSomebodyMendedIt(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.start(b.engine)
	w := b.written(1)[0]
	records := []connectors.MarkedRecord{record(w, w.CRMObjectID), record(w, "copy")}
	b.crm.marked = func(connectors.Object) ([]connectors.MarkedRecord, error) { return records, nil }
	for _, want := range []string{"duplicate_detected", ""} {
		if err := b.engine.Compare(t.Context(), b.connection()); err != nil {
			t.Fatal(err)
		}
		if got := b.write(w.ID).Alarm; got != want {
			t.Errorf("alarm %q with %d records, want %q", got, len(records), want)
		}
		records = records[:1]
	}
}

func TestAWriteThatWaitsForAPersonGoesOnWhenItsRecordIsSeen(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.crm.answer(once(refuse(connectors.ClassInDoubt)))
	b.start(b.engine)
	w := b.append("ada", "task")[0]
	b.until(w.ID, store.NeedsReview)
	b.crm.marked = func(connectors.Object) ([]connectors.MarkedRecord, error) {
		return []connectors.MarkedRecord{record(w, "77")}, nil
	}
	if err := b.engine.Compare(t.Context(), b.connection()); err != nil {
		t.Fatal(err)
	}
	b.until(w.ID, store.Succeeded)
	if sent := b.crm.sends(); len(sent) != 2 || sent[1].Found.ID != "77" {
		t.Errorf("sent %+v, want the second for the record that is there", sent)
	}
}

func TestACopyIsToldThoughAPersonHasTheWriteOrCalledItOff(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.crm.answer(refusing(connectors.ClassInDoubt))
	b.start(b.engine)
	waits, off := b.append("ada", "task")[0], b.append("byron", "task")[0]
	b.until(waits.ID, store.NeedsReview)
	b.until(off.ID, store.NeedsReview)
	b.exec(`update crm_write_log set status = 'cancelled' where id = $1`, off.ID)
	b.crm.marked = func(connectors.Object) ([]connectors.MarkedRecord, error) {
		return []connectors.MarkedRecord{record(waits, "77"), record(waits, "78"), record(off, "79"), record(off, "80")}, nil
	}
	if err := b.engine.Compare(t.Context(), b.connection()); err != nil {
		t.Fatal(err)
	}
	for id, status := range map[uuid.UUID]string{waits.ID: store.NeedsReview, off.ID: store.Cancelled} {
		if got := b.write(id); got.Alarm != duplicateDetected || got.Status != status {
			t.Errorf("alarm %q, %s; want %q, %s", got.Alarm, got.Status, duplicateDetected, status)
		}
	}
}

func TestALeadThatIsThereTwiceRaisesTheAlarmAndOneWithoutAMarkerDoesNot(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.start(b.engine)
	w := b.append("ada", "contact")[0]
	b.until(w.ID, store.Succeeded)
	b.exec(`update crm_write_log set settled_at = now() - interval '2 hours'`)
	for _, tc := range []struct {
		there []connectors.MarkedRecord
		alarm string
	}{
		{nil, ""}, // somebody else made the contact, and the service updated it
		{[]connectors.MarkedRecord{record(w, "77"), record(w, "78")}, "duplicate_detected"},
	} {
		b.crm.marked = func(o connectors.Object) ([]connectors.MarkedRecord, error) {
			if o != connectors.ObjectContact {
				return nil, nil
			}
			return tc.there, nil
		}
		if err := b.engine.Compare(t.Context(), b.connection()); err != nil {
			t.Fatal(err)
		}
		if got := b.write(w.ID).Alarm; got != tc.alarm {
			t.Errorf("with %d records the alarm is %q, want %q", len(tc.there), got, tc.alarm)
		}
	}
}

func TestEachConnectionInUseIsComparedOnceADay(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.start(b.engine)
	b.written(1)
	asked := 0
	b.crm.marked = func(connectors.Object) ([]connectors.MarkedRecord, error) { asked++; return nil, nil }
	if err := b.engine.compareDue(t.Context(), compareEvery); err != nil || asked != 0 {
		t.Errorf("asked %d times, %v; want not on the first day", asked, err)
	}
	b.exec(`update crm_connections set connected_at = now() - interval '25 hours'`)
	due := func() {
		if err := b.engine.compareDue(t.Context(), compareEvery); err != nil {
			t.Fatal(err)
		}
	}
	b.eventually(func() (bool, string) { // a drain that ends at this moment holds the connection: it is left for the next time
		due()
		return asked > 0, "it is not compared"
	})
	due()
	if asked != 3 { // contacts, tasks and rollups, once
		t.Errorf("asked %d times, want three", asked)
	}
	b.exec(`update crm_connections set compared_at = now() - interval '25 hours'`)
	b.exec(`update crm_write_log set created_at = now() - interval '3 days'`)
	if err := b.engine.compareDue(t.Context(), 24*time.Hour); err != nil || asked != 3 {
		t.Errorf("asked %d times, %v; want no look where nothing was written lately", asked, err)
	}
}
