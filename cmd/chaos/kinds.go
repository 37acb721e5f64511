package main

import (
	"context"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"

	"crm-connectors/cmd/chaos/lane"
	"crm-connectors/cmd/chaos/oracle"
	"crm-connectors/sim"

	"github.com/google/uuid"
)

// kind is a shape of outcome. Those whose contact is known test one write alone; the whole outcomes test what depends on
// what.
type kind struct {
	name  string
	crm   string
	known bool // the contact is in the CRM before
	alone bool // the outcome names no contact
	twice bool // it is followed by a newer one of the same contact
	parts []string
}

const (
	partPerson = "contact" // with values to write
	partTask   = "task"
	partRollup = "rollup"
)

// kinds are all that there are, the mission's six first.
func kinds() []kind {
	return []kind{
		{name: "hubspot-contact", crm: lane.HubSpot, parts: []string{partPerson}},
		{name: "hubspot-task", crm: lane.HubSpot, known: true, parts: []string{partTask}},
		{name: "hubspot-note", crm: lane.HubSpot, known: true, parts: []string{partRollup}},
		{name: "salesforce-lead-create", crm: lane.Salesforce, parts: []string{partPerson}},
		{name: "salesforce-lead-update", crm: lane.Salesforce, known: true, parts: []string{partPerson}},
		{name: "salesforce-task", crm: lane.Salesforce, known: true, parts: []string{partTask}},
		{name: "salesforce-rollup", crm: lane.Salesforce, known: true, parts: []string{partRollup}},
		{name: "hubspot-whole", crm: lane.HubSpot, parts: []string{partPerson, partTask, partRollup}},
		{name: "hubspot-updates", crm: lane.HubSpot, known: true, twice: true, parts: []string{partPerson}},
		{name: "salesforce-updates", crm: lane.Salesforce, known: true, twice: true, parts: []string{partPerson}},
		{name: "salesforce-whole", crm: lane.Salesforce, parts: []string{partPerson, partTask, partRollup}},
	}
}

func kindNames() string {
	var names []string
	for _, k := range kinds() {
		names = append(names, k.name)
	}
	return strings.Join(names, ", ")
}

// pick gives the kinds that only names: names or beginnings of names, with commas between; empty gives all.
func pick(only string) ([]kind, error) {
	var out []kind
	wanted := strings.Split(only, ",")
	for _, k := range kinds() {
		if slices.ContainsFunc(wanted, func(w string) bool { return strings.HasPrefix(k.name, w) }) {
			out = append(out, k)
		}
	}
	if len(out) == 0 {
		return nil, fmt.Errorf("--only %s: there is no such kind; there are %s", only, kindNames())
	}
	return out, nil
}

// order is an outcome on its way.
type order struct {
	kind      kind
	workspace uuid.UUID
	email     string
	after     *order        // is sent once this was accepted
	accepted  chan struct{} // closed once it was
	held      chan struct{} // is sent once this is closed; nil: at once
	body      map[string]any
	wants     []oracle.Want
	from      int // the log's entries before it
	sync      uuid.UUID
	rows      []oracle.Row
}

// concerns tells the log's entries that are about this order's records.
func (o *order) concerns(e sim.Entry) bool {
	for _, w := range o.wants {
		if e.ID == w.Known {
			return true
		}
		for _, v := range e.Fields {
			if strings.Contains(v, w.Tag) {
				return true
			}
		}
	}
	return false
}

// prepare makes an outcome in a workspace that nobody else uses.
func (b *bench) prepare(ctx context.Context, k kind) (*order, error) {
	workspace, err := b.workspace(ctx, k.crm)
	if err != nil {
		return nil, err
	}
	return b.prepareIn(ctx, k, workspace)
}

// prepareIn makes an outcome of which every record has a text that nothing else has.
func (b *bench) prepareIn(ctx context.Context, k kind, workspace uuid.UUID) (*order, error) {
	var err error
	number := b.number()
	tag := fmt.Sprintf("%s-%d", b.name, number)
	phone := fmt.Sprintf("+1555%07d", number)
	email := "p-" + tag + "@example.com"
	types := map[string][]string{partPerson: {"contacts"}, partTask: {"tasks"}, partRollup: {"notes"}}
	if k.crm == lane.Salesforce {
		types = map[string][]string{partPerson: {"Lead", "Contact"}, partTask: {"Task"}, partRollup: {"Task"}}
	}
	if k.alone {
		return b.prepareAlone(k, workspace, tag, types)
	}
	person := oracle.Want{Object: "contact", Types: types[partPerson], Tag: email}
	contact := map[string]any{"email": email}
	if k.known {
		if person.Known, err = b.seed(ctx, k.crm, email); err != nil {
			return nil, err
		}
	}
	if slices.Contains(k.parts, partPerson) {
		contact["first_name"], contact["last_name"], contact["company"], contact["phone"] = "Ada", "Byron", "Example", phone
		if k.known {
			person.Changes = phone
		}
	}
	o := &order{kind: k, workspace: workspace, email: email, wants: []oracle.Want{person}, accepted: make(chan struct{})}
	if o.from, err = b.log.Len(); err != nil {
		return nil, err
	}
	o.body = map[string]any{"workspace_id": workspace, "source_event_id": "evt-" + tag, "contact": contact}
	o.add(tag, types, &person)
	return o, nil
}

// prepareAlone makes an outcome that belongs to nobody.
func (b *bench) prepareAlone(k kind, workspace uuid.UUID, tag string, types map[string][]string) (*order, error) {
	from, err := b.log.Len()
	o := &order{kind: k, workspace: workspace, from: from, accepted: make(chan struct{}), body: map[string]any{"workspace_id": workspace, "source_event_id": "evt-" + tag}}
	o.add(tag, types, nil)
	return o, err
}

// prepareNewer makes a second outcome of the same contact, which says something newer. The record must end with what that says.
func (b *bench) prepareNewer(o *order) *order {
	number := b.number()
	phone, contact := fmt.Sprintf("+1555%07d", number), maps.Clone(o.body["contact"].(map[string]any))
	contact["phone"] = phone
	newer := &order{kind: o.kind, workspace: o.workspace, email: o.email, from: o.from, after: o, accepted: make(chan struct{}), wants: slices.Clone(o.wants),
		body: map[string]any{"workspace_id": o.workspace, "source_event_id": fmt.Sprintf("evt-%s-%d", b.name, number), "contact": contact}}
	o.wants[0].Changes = "" // the newer may have gone in its place
	newer.wants[0].Changes, newer.wants[0].Last = phone, "+1555"
	return newer
}

// add puts the task and the rollup into an outcome.
func (o *order) add(tag string, types map[string][]string, person *oracle.Want) {
	if slices.Contains(o.kind.parts, partTask) {
		o.body["task"] = map[string]any{"id": "task-" + tag, "subject": "Send the offer T-" + tag + ".", "body": "Agreed on Monday.", "due_at": "2026-12-01T15:00:00Z"}
		o.wants = append(o.wants, oracle.Want{Object: "task", Types: types[partTask], Tag: "T-" + tag + ".", Contact: person})
	}
	if slices.Contains(o.kind.parts, partRollup) {
		o.body["rollup"] = map[string]any{"id": "rollup-" + tag, "week_start": "2026-11-16", "summary": "The offer was revised R-" + tag + "."}
		o.wants = append(o.wants, oracle.Want{Object: "rollup", Types: types[partRollup], Tag: "R-" + tag + ".", Contact: person})
	}
}

// seed puts a person into a CRM as somebody who was there before, and gives the record's id.
func (b *bench) seed(ctx context.Context, crm, email string) (string, error) {
	if crm == lane.Salesforce {
		var made struct {
			ID string `json:"id"`
		}
		err := b.lane.Control(ctx, crm, http.MethodPost, "seed", map[string]any{"object": "Lead",
			"fields": map[string]any{"Email": email, "LastName": "Byron", "Company": "Example"}}, &made)
		return made.ID, err
	}
	var made struct {
		IDs map[string][]string `json:"ids"`
	}
	err := b.lane.Control(ctx, crm, http.MethodPost, "seed", map[string]any{"contacts": []any{map[string]string{"email": email}}}, &made)
	if err != nil || len(made.IDs["contacts"]) != 1 {
		return "", fmt.Errorf("seed a contact: %v: %w", made, err)
	}
	return made.IDs["contacts"][0], nil
}
