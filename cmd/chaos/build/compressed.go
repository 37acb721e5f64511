package build

import "crm-connectors/cmd/overlay"

// Waits are the service's waits in a run of the harness, as its environment takes them: the usual ones made about fifty times
// shorter, and late commits three hundred times.
func Waits() map[string]string {
	return map[string]string{
		"DELIVERY_LEASE":           "1800ms",
		"DELIVERY_SEND_WINDOW":     "1s",
		"CRM_CALL_TIMEOUT":         "600ms",
		"DELIVERY_LATE_COMMIT":     "2s",
		"DELIVERY_INDEX_LAG":       "1s",
		"DELIVERY_FIRST_LOOK":      "150ms",
		"DELIVERY_LOOK_AGAIN":      "400ms",
		"DELIVERY_SWEEP_EVERY":     "300ms",
		"DELIVERY_SLICE":           "1s",
		"DELIVERY_DEAD_GRANT_WAIT": "300ms",
	}
}

// Compressed shortens the waits that the environment does not set, in proportion to the others.
func Compressed() []overlay.Edit {
	return []overlay.Edit{
		{In: "connectors", Const: "maxBlip", New: "200 * time.Millisecond"},
		{In: "delivery", Const: "clockMargin", New: "2 * time.Second"}, // Salesforce dates records to the second
		{In: "delivery", Const: "firstBackoff", New: "200 * time.Millisecond"},
		{In: "delivery", Const: "maxBackoff", New: "2 * time.Second"},
		{In: "delivery/settle.go", Old: "rand.N(ceiling) + time.Second", New: "rand.N(ceiling) + 50*time.Millisecond"},
		{In: "delivery", Const: "tokenCallGap", New: "5 * time.Millisecond"},
		{In: "delivery", Const: "tokenCallQueue", New: "500 * time.Millisecond"},
		{In: "delivery", Const: "refreshLease", New: "1500 * time.Millisecond"},
		{In: "delivery", Const: "refreshTimeout", New: "600 * time.Millisecond"},
		{In: "delivery", Const: "refreshPoll", New: "50 * time.Millisecond"},
		{In: "delivery", Const: "passingPause", New: "500 * time.Millisecond"},
		{In: "delivery", Const: "forgottenAfter", New: "1500 * time.Millisecond"},
		{In: "delivery/delivery.go", Old: "RescueStuckJobsAfter: timeout + 10*time.Second", New: "RescueStuckJobsAfter: timeout + 200*time.Millisecond"},
		{In: "delivery/queue.go", Old: "time.Second<<min(len(job.Errors), 10)", New: "100*time.Millisecond<<min(len(job.Errors), 4)"},
		{In: "connectors/hubspot", Const: "burstWait", New: "400 * time.Millisecond"},
		{In: "connectors/hubspot/budget.go", Old: "time.Duration(span) * time.Millisecond", New: "time.Duration(span) * time.Millisecond / 25"},
		{In: "connectors/hubspot", Const: "secondWait", New: "200 * time.Millisecond"},
		{In: "connectors/hubspot", Const: "lockWait", New: "200 * time.Millisecond"},
	}
}

// Daily makes the daily comparison of log and CRM come every few seconds.
func Daily() []overlay.Edit {
	return []overlay.Edit{
		{In: "delivery", Const: "compareJobEvery", New: "time.Second"},
		{In: "delivery", Const: "compareEvery", New: "2 * time.Second"},
	}
}

// Unlimited lets HubSpot be called as often as anybody likes: where many schedules share a portal, its limit would hold them all back, and
// a contact would be read by its email instead of searched for.
func Unlimited() []overlay.Edit {
	return []overlay.Edit{
		{In: "connectors/hubspot", Const: "searchMax", New: "100_000"},
		{In: "connectors/hubspot", Const: "burstMax", New: "100_000"},
		{In: "connectors/hubspot/budget.go", Old: "if ok && err == nil && span > 0 {", New: "if ok && err == nil && span < 0 {"},
	}
}
