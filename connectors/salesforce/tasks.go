package salesforce

import (
	"context"
	"fmt"
	"strings"
	"time"

	"crm-connectors/connectors"
)

// taskBody is a Task as it is sent. Empty fields are left to the org's defaults.
type taskBody struct {
	Subject      string `json:"Subject,omitempty"`
	Description  string `json:"Description,omitempty"`
	Status       string `json:"Status,omitempty"`
	Priority     string `json:"Priority,omitempty"`
	ActivityDate string `json:"ActivityDate,omitempty"` // a date; Salesforce shifts it by no time zone
	WhoID        string `json:"WhoId,omitempty"`
	WhatID       string `json:"WhatId,omitempty"`
	OwnerID      string `json:"OwnerId,omitempty"`
}

// draft is a Task with what may still have to change about it.
type draft struct {
	body     taskBody
	defaults map[string]any // of the settings, for fields that body leaves out
	who      connectors.Ref // whom body.WhoID names
	aside    connectors.Ref // a lead that gave way to WhatId, and returns if that goes
	spare    spare
}

// priorities are the standard values; an org that renamed them keeps them as API names.
var priorities = map[string]string{"high": "High", "medium": "Normal", "low": "Low"}

// activity creates the Task that the write asks for.
func (st *step) activity(ctx context.Context) (connectors.Ref, connectors.Outcome, *connectors.Error) {
	body, err := st.activityBody(ctx)
	if err != nil {
		return connectors.Ref{}, "", err
	}
	return st.post(ctx, body)
}

func (st *step) activityBody(ctx context.Context) (taskBody, *connectors.Error) {
	if st.write.Object == connectors.ObjectRollup {
		return st.rollup(ctx, *st.write.Rollup)
	}
	return st.task(ctx, *st.write.Task)
}

// task is an open Task.
func (st *step) task(ctx context.Context, t connectors.Task) (taskBody, *connectors.Error) {
	body := taskBody{Subject: st.cut("Subject", oneLine(t.Subject), maxSubject), Status: st.account.Settings.TaskStatus,
		Description: st.described(t.Body), Priority: priorities[strings.ToLower(t.Priority)]}
	if !t.DueAt.IsZero() {
		body.ActivityDate = t.DueAt.UTC().Format(time.DateOnly)
	}
	var err *connectors.Error
	body.OwnerID, err = st.owner(ctx, t.OwnerEmail)
	return body, err
}

// rollup is the closed Task that carries a week's summary. Closed tasks take no locks on the
// account and stand in nobody's list of things to do.
func (st *step) rollup(ctx context.Context, r connectors.Rollup) (taskBody, *connectors.Error) {
	week, parseErr := time.Parse(time.DateOnly, r.WeekStart)
	if parseErr != nil {
		return taskBody{}, rejected("week_start_invalid", "The week's start is not a date of the form YYYY-MM-DD.", doMendData)
	}
	body := taskBody{Subject: rollupSubject, Description: st.described(r.Summary),
		ActivityDate: week.AddDate(0, 0, 6).Format(time.DateOnly)}
	if setsField(st.defaults(connectors.ObjectRollup), "Status") {
		return body, nil
	}
	var err *connectors.Error
	body.Status, err = st.closedStatus(ctx)
	return body, err
}

func (st *step) cut(name, value string, most int) string {
	value, was := limit(value, most)
	if was {
		st.note("text_truncated", fmt.Sprintf("%s was cut to the %d characters that Salesforce stores.", name, most))
	}
	return value
}

// mends is how often a refused Task is changed and sent again: each mend takes one thing away or
// replaces it, and there are eight such things.
const mends = 8

// post links the Task and creates it, unless an earlier attempt has.
func (st *step) post(ctx context.Context, body taskBody) (connectors.Ref, connectors.Outcome, *connectors.Error) {
	if st.keyed() {
		earlier, err := st.byMarker(ctx)
		switch {
		case err != nil:
			return connectors.Ref{}, "", err
		case len(earlier) > 0:
			return st.adopt(ctx, oldestFirst(earlier))
		}
	}
	d, err := st.link(ctx, body)
	if err != nil {
		return connectors.Ref{}, "", err
	}
	var m made
	err = st.mending(ctx, &d, func() *connectors.Error {
		var failed *connectors.Error
		record, encoding := completed(d.defaults, d.body)
		if encoding != nil {
			return rejected("write_invalid", "The write could not be encoded.", doTellUs)
		}
		m, failed = st.make(ctx, typeTask, func(bool) map[string]any { return record })
		return failed
	})
	switch {
	case err != nil:
		return connectors.Ref{}, "", err
	case len(m.earlier) > 0:
		return st.adopt(ctx, m.earlier)
	}
	return connectors.Ref{Type: typeTask, ID: m.id}, m.outcome, nil
}

// mending sends d. Where Salesforce names a link or owner that it does not accept, d is sent again without it: what is refused was not
// executed.
func (st *step) mending(ctx context.Context, d *draft, send func() *connectors.Error) *connectors.Error {
	var err *connectors.Error
	for range mends + 1 {
		if err = send(); err == nil {
			return nil
		}
		better, mendErr := st.mend(ctx, d, err)
		switch {
		case mendErr != nil:
			return mendErr
		case !better:
			return err
		}
	}
	return err
}
