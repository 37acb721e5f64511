package handlers_test

import (
	"strings"
	"testing"

	"crm-connectors/api"
	"crm-connectors/handlers"

	"github.com/google/uuid"
)

// tried is a form with a contact and a task, with changes: names and values.
func (d *desk) tried(changes ...string) handlers.OutcomeForm {
	f := handlers.OutcomeForm{Fields: map[string]string{"workspace_id": d.workspace.String(), "source_event_id": "e1", "contact.email": "ada@example.com",
		"task.id": "t1", "task.subject": "Call", "task.due_at": "2026-12-01T09:30"}}
	for i := 0; i < len(changes); i += 2 {
		f.Fields[changes[i]] = changes[i+1]
	}
	return f
}

func TestAnOperatorsOutcomeHasTheKeysThatItsPlanNamedAndIsHandedInOnce(t *testing.T) {
	t.Parallel()
	d := open(t, stopped)
	ctx, _ := d.asOperator()
	d.connect(hubSpot)
	d.connect(salesForce)
	plan, err := d.handlers.PlanOutcome(ctx, d.tried())
	if err != nil || plan.Before || len(plan.Writes) != 4 {
		t.Fatalf("the plan is %+v, %v", plan, err)
	}
	nothingHappened(d)
	keys := map[string]bool{}
	for _, w := range plan.Writes {
		keys[w.Key] = true
		if w.Trouble != nil || len(w.Calls) == 0 || !strings.HasPrefix(w.Calls[0].Body, "{\n") {
			t.Errorf("the plan of a %s is %+v", w.Object, w)
		}
	}
	id, before, err := d.handlers.SendOutcome(ctx, d.tried())
	if err != nil || before || id != plan.SyncID {
		t.Fatalf("sent as %s, before %t, %v; want %s", id, before, err, plan.SyncID)
	}
	sent, err := d.handlers.SentOutcome(ctx, id)
	if err != nil || sent.Settled || len(sent.Writes) != 4 || sent.WorkspaceID != d.workspace {
		t.Fatalf("what was sent is %+v, %v", sent, err)
	}
	for _, w := range sent.Writes {
		if !keys[w.Key] {
			t.Errorf("the key of %s %s is not the one of the plan", w.CRMName, w.Object)
		}
	}
	if plan, err = d.handlers.PlanOutcome(ctx, d.tried()); err != nil || !plan.Before {
		t.Errorf("planned again it was handed in before: %t, %v", plan.Before, err)
	}
	if again, before, err := d.handlers.SendOutcome(ctx, d.tried()); err != nil || !before || again != id || d.count(`select count(*) from crm_write_log`) != 4 {
		t.Errorf("sent again as %s, before %t, %v", again, before, err)
	}
	_, _, err = d.handlers.SendOutcome(ctx, d.tried("task.subject", "Write"))
	d.problem(err, api.CodeIdempotencyConflict)
	if got := d.acts("outcome.send"); len(got) != 2 {
		t.Errorf("recorded: %v", got)
	}
	d.exec(`update crm_write_log set error_code = 'crm_rate_limited', error_cause = 'Wait', error_action = 'Nothing' where crm = 'hubspot'`)
	if sent, err = d.handlers.SentOutcome(ctx, id); err != nil || sent.Writes[0].CRMName != "HubSpot" || sent.Writes[0].Trouble == nil {
		t.Errorf("what waits because of an error is %+v, %v", sent, err)
	}
	_, err = d.handlers.SentOutcome(ctx, uuid.New())
	d.problem(err, api.CodeSyncNotFound)
}

func TestAPlanSaysWhatWouldFailAndAFormThatIsWrongNamesItsField(t *testing.T) {
	t.Parallel()
	d := open(t, stopped)
	ctx, _ := d.asOperator()
	d.connect(hubSpot)
	plan, err := d.handlers.PlanOutcome(ctx, handlers.OutcomeForm{CRM: hubSpot, Fields: d.tried("task.owner_email", "nobody@example.com").Fields})
	if err != nil || len(plan.Writes) != 2 || plan.Writes[1].Trouble == nil && len(plan.Writes[1].Notes) == 0 {
		t.Errorf("of an owner whom the CRM does not know the plan says %+v, %v", plan, err)
	}
	for field, f := range map[string]handlers.OutcomeForm{"crm": {CRM: "pipedrive", Fields: d.tried().Fields}, "task.due_at": d.tried("task.due_at", "soon"),
		"rollup.id": d.tried("rollup.summary", "All is well."), "workspace_id": d.tried("workspace_id", "acme")} {
		_, err := d.handlers.PlanOutcome(ctx, f)
		if p := d.problem(err, api.CodeValidationFailed); p.Fields[field] == "" {
			t.Errorf("what is wrong with %s is %+v", field, p)
		}
		_, _, err = d.handlers.SendOutcome(ctx, f)
		d.problem(err, api.CodeValidationFailed)
	}
}
