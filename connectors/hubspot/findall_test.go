package hubspot

import (
	"net/http"
	"testing"
	"time"

	"crm-connectors/connectors"
	"crm-connectors/sim"
)

func TestWhatALookForManyIsNotToldIsAskedForAlone(t *testing.T) {
	t.Parallel()
	for name, f := range map[string]sim.Fault{
		"associations are left out": {Path: "/associations/contacts/.*/batch/read$", Kind: sim.FaultStatus, Status: http.StatusOK, Body: `{"status":"COMPLETE","results":[]}`},
		"associations have more pages": {Path: "/associations/contacts/.*/batch/read$", Kind: sim.FaultStatus, Status: http.StatusOK,
			Body: `{"status":"COMPLETE","results":[{"from":{"id":"101"},"to":[],"paging":{"next":{"after":"500"}}}]}`},
		"associations fail in part": {Path: "/associations/contacts/.*/batch/read$", Kind: sim.FaultStatus, Status: http.StatusMultiStatus,
			Body: `{"status":"COMPLETE","results":[],"numErrors":1,"errors":[{"status":"error","category":"INTERNAL_ERROR","message":"oops","context":{"fromObjectId":["101"]}}]}`},
		"associations are refused":       {Path: "/associations/contacts/.*/batch/read$", Kind: sim.FaultStatus, Status: http.StatusBadRequest, Body: `{"status":"error","category":"VALIDATION_ERROR"}`},
		"the contacts are refused":       {Path: "/contacts/batch/read$", Kind: sim.FaultStatus, Status: http.StatusBadRequest, Body: `{"status":"error","category":"VALIDATION_ERROR"}`},
		"a task's contacts are left out": {Path: "/associations/0-27/contacts/batch/read$", Kind: sim.FaultStatus, Status: http.StatusOK, Body: `{"status":"COMPLETE","results":[]}`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := newBench(t)
			contact := connectors.Ref{Type: contactsType, ID: b.sim.SeedContact(map[string]string{"email": email})}
			writes := []connectors.Write{taskOf(contact, "aaaabbbbccccddddeeeeffff22"), taskOf(contact, "gggghhhhiiiijjjjkkkkllll33")}
			made := b.deliver(writes[0]).Ref
			b.fault(f)
			looks := b.FindAll(t.Context(), b.account, writes)
			if looks[0].Err != nil || looks[1].Err != nil || looks[0].Ref != made || !looks[0].Complete || looks[1].Ref.ID != "" {
				t.Errorf("found %+v, want the first alone, %v, and whole", looks, made)
			}
			if b.sim.Core().Faults.Fired() != 1 {
				t.Error("nothing was left out")
			}
		})
	}
}

func TestALookForManyThatHasNoAnswerSaysNothingOfAnyOfThem(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	contact := connectors.Ref{Type: contactsType, ID: b.sim.SeedContact(map[string]string{"email": email})}
	b.fault(sim.Fault{Path: "/batch/read$", Kind: sim.FaultStatus, Status: http.StatusServiceUnavailable, Times: -1})
	for _, look := range b.FindAll(t.Context(), b.account, []connectors.Write{taskOf(contact, "aaaabbbbccccddddeeeeffff22"), taskOf(contact, "gggghhhhiiiijjjjkkkkllll33")}) {
		if e := connectors.AsError(look.Err); e == nil || e.Class != connectors.ClassRetry || look.Ref.ID != "" {
			t.Errorf("got %+v, want a look that failed", look)
		}
	}
}

func taskOf(contact connectors.Ref, marker string) connectors.Write {
	return connectors.Write{ID: marker, Object: connectors.ObjectTask, ContactRef: contact, Email: email, Marker: marker, Task: &connectors.Task{ID: "t", Subject: "Send the offer", DueAt: time.Date(2026, 12, 1, 15, 0, 0, 0, time.UTC)}}
}
