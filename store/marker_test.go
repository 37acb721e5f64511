package store_test

import (
	"regexp"
	"testing"

	"crm-connectors/store"
)

func TestEveryWriteHasAMarkerOfItsOwnThatNeverChanges(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.connect("hubspot", "hub1")
	b.connect("salesforce", "org1")
	writes := append(b.append(b.outcome("e1")), b.append(b.outcome("e2"))...)
	shape := regexp.MustCompile(`^[a-z2-7]{26}$`)
	seen := map[string]bool{}
	for _, w := range writes {
		if !shape.MatchString(w.Marker) || seen[w.Marker] {
			t.Errorf("marker %q of a %s for %s: want 26 characters of base32 that no other write has", w.Marker, w.ObjectType, w.CRM)
		}
		seen[w.Marker] = true
	}
	again := b.append(b.outcome("e1"))
	if again[0].Marker != writes[0].Marker {
		t.Errorf("the repeat has marker %q, want %q", again[0].Marker, writes[0].Marker)
	}
}

func TestMarkersStayTheSameForEveryProcessOfOneDatabase(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.connect("hubspot", "hub1")
	first := b.append(b.outcome("e1"))[0]
	b.exec(`delete from crm_write_log`)
	other := store.New(b.pool, b.keyring)
	out, err := other.Append(t.Context(), []store.Outcome{b.outcome("e1")}, b.bell.ring)
	if err != nil || out[0].Err != nil {
		t.Fatal(err, out[0].Err)
	}
	if got := out[0].Writes[0].Marker; got != first.Marker {
		t.Errorf("another process gives marker %q, want %q", got, first.Marker)
	}
}

func TestMarkersOfAnotherDatabaseCannotBeGuessed(t *testing.T) {
	t.Parallel()
	one, two := setup(t), setup(t)
	two.workspace = one.workspace
	one.connect("hubspot", "hub1")
	two.connect("hubspot", "hub1")
	if a, b := one.append(one.outcome("e1"))[0], two.append(two.outcome("e1"))[0]; a.IdempotencyKey != b.IdempotencyKey || a.Marker == b.Marker {
		t.Errorf("one key has marker %q and %q, want two different ones", a.Marker, b.Marker)
	}
}
