package hubspot

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"crm-connectors/connectors"
	"crm-connectors/sim"
	"crm-connectors/sim/simhubspot"
)

func (b *bench) marked(object connectors.Object, since time.Time) []string {
	b.t.Helper()
	all, err := b.Marked(b.t.Context(), b.account, object, since)
	if err != nil {
		b.t.Fatal(err)
	}
	var out []string
	for _, r := range all {
		line := r.Ref.ID + " " + r.Marker
		if r.Deleted {
			line += " deleted"
		}
		out = append(out, line)
	}
	slices.Sort(out)
	return out
}

func TestMarkedRecordsAreListedWithThoseInTheBin(t *testing.T) {
	t.Parallel()
	for _, enforced := range []bool{false, true} {
		for _, version := range []string{V3, V2609} {
			b := newBench(t, func(c *Config) { c.Version = version })
			if enforced {
				b.enforce()
			}
			since := time.Now().Add(-time.Hour)
			for _, w := range marked() {
				first := b.deliver(w)
				w.Marker = other
				second := b.deliver(w)
				w.Marker = ""
				b.deliver(w)
				b.sim.Archive(second.Ref.Type, second.Ref.ID)
				got := b.marked(w.Object, since)
				if want := []string{first.Ref.ID + " " + marker, second.Ref.ID + " " + other + " deleted"}; !slices.Equal(got, want) {
					t.Errorf("%s, enforced %t: got %q, want %q", version, enforced, got, want)
				}
				if got := b.marked(w.Object, time.Now().Add(time.Hour)); len(got) != 0 {
					t.Errorf("%s: since later: got %q, want none", version, got)
				}
			}
		}
	}
}

func TestAMarkerThatOnlyThePropertyHasIsListed(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.enforce()
	b.seedMarked(map[string]string{"hs_task_body": "rewritten by a person", markerProperty: marker})
	if got := b.marked(connectors.ObjectTask, time.Now().Add(-time.Hour)); !slices.Equal(got, []string{"77001 " + marker}) {
		t.Errorf("got %q", got)
	}
	b.sim.DropProperty(tasksType, markerProperty)
	b.seedMarked(map[string]string{"hs_task_body": "Ref:&nbsp;" + other})
	if got := b.marked(connectors.ObjectTask, time.Now().Add(-time.Hour)); !slices.Equal(got, []string{"77002 " + other}) {
		t.Errorf("without the property: got %q", got)
	}
}

func TestManyMarkedRecordsAreListedPageByPage(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.sim.SetBehaviour(simhubspot.Behaviour{SearchLimit: 1}) // the second page has to wait
	for i := range 230 {
		id := b.seedMarked(map[string]string{"hs_task_body": reference(fmt.Sprintf("%026d", i))})
		if i%2 == 0 {
			continue
		}
		b.sim.Archive(tasksType, id)
	}
	for i := range 120 {
		b.seedMarked(map[string]string{"hs_task_body": reference(fmt.Sprintf("%026d", 1000+i))})
	}
	got := b.marked(connectors.ObjectTask, time.Now().Add(-time.Hour))
	deleted := 0
	for _, line := range got {
		if strings.HasSuffix(line, " deleted") {
			deleted++
		}
	}
	if len(slices.Compact(got)) != 350 || deleted != 115 {
		t.Errorf("got %d records, %d of them deleted, want 350 and 115", len(got), deleted)
	}
}

func TestWhatTheSearchCannotListIsNotListed(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	_, err := b.Marked(t.Context(), b.account, connectors.ObjectContact, time.Now())
	if !errors.Is(err, connectors.ErrCannotFind) {
		t.Errorf("contacts: got %v, want ErrCannotFind", err)
	}
	b.fault(sim.Fault{Path: "/search$", Kind: sim.FaultStatus, Status: 200, Body: `{"total":10001,"results":[{"id":"1"}],"paging":{"next":{"after":"1"}}}`})
	if _, err = b.Marked(t.Context(), b.account, connectors.ObjectTask, time.Now()); !errors.Is(err, connectors.ErrCannotFind) {
		t.Errorf("too many: got %v, want ErrCannotFind", err)
	}
	b.fault(sim.Fault{Path: "/search$", Kind: sim.FaultStatus, Status: 200, Body: `{"total":1,"results":[]}`})
	_, err = b.Marked(t.Context(), b.account, connectors.ObjectTask, time.Now())
	wantError(t, err, connectors.ClassRetry, "crm_answer_partial")
	b.fault(sim.Fault{Method: "GET", Path: "/tasks$", Kind: sim.FaultStatus, Status: 403, Body: `{"category":"FORBIDDEN"}`})
	_, err = b.Marked(t.Context(), b.account, connectors.ObjectTask, time.Now())
	wantError(t, err, connectors.ClassRejected, "permission_missing")
}

func TestARecordThatTwoPagesShowIsOne(t *testing.T) {
	t.Parallel()
	r := connectors.MarkedRecord{Ref: connectors.Ref{Type: tasksType, ID: "1"}, Marker: marker}
	gone := r
	gone.Deleted = true
	if got := once([]connectors.MarkedRecord{r, r, gone}); len(got) != 1 || !got[0].Deleted {
		t.Errorf("got %+v, want one, in the bin", got)
	}
}
