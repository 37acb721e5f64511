package simsalesforce

import (
	"net/http"
	"strings"
)

// derive adds what the platform itself works out from a row's other fields: names, defaults,
// counts and flags. row is the whole row as it would be written; derive changes it in place.
func (s *Sim) derive(obj *object, row map[string]any) {
	if row["OwnerId"] == nil {
		if _, has := obj.field("OwnerId"); has {
			row["OwnerId"] = UserID
		}
	}
	for _, f := range obj.fields {
		if f.kind == "boolean" && row[f.name] == nil {
			row[f.name] = false
		}
	}
	switch obj.name {
	case "Lead":
		row["Name"] = fullName(row)
		if row["Status"] == nil {
			row["Status"] = defaultStatus(s.behaviour.leadStatuses())
		}
	case "Contact", "User":
		row["Name"] = fullName(row)
	case "Opportunity":
		stage, _ := row["StageName"].(string)
		row["IsWon"] = stage == "Closed Won"
		row["IsClosed"] = strings.HasPrefix(stage, "Closed")
	case "Task":
		s.deriveTask(row)
	}
}

func (s *Sim) deriveTask(row map[string]any) {
	if row["Status"] == nil {
		row["Status"] = defaultStatus(s.behaviour.taskStatuses())
	}
	if row["Priority"] == nil {
		row["Priority"] = "Normal"
	}
	if row["TaskSubtype"] == nil {
		row["TaskSubtype"] = "Task"
	}
	closed := false
	for _, st := range s.behaviour.taskStatuses() {
		closed = closed || (st.Closed && st.Name == row["Status"])
	}
	if was, _ := row["IsClosed"].(bool); closed && !was {
		row["CompletedDateTime"] = stamp(s.core.Clock.Now())
	} else if !closed {
		row["CompletedDateTime"] = nil
	}
	row["IsClosed"], row["IsHighPriority"] = closed, row["Priority"] == "High"
	row["WhoCount"], row["WhatCount"] = present(row["WhoId"]), present(row["WhatId"])
	row["AccountId"] = s.taskAccount(row)
}

// taskAccount is the account that a task hangs under: the one of WhatId before the one of WhoId.
func (s *Sim) taskAccount(row map[string]any) any {
	for _, name := range []string{"WhatId", "WhoId"} {
		id, _ := row[name].(string)
		target := s.objectOf(id)
		if target == nil {
			continue
		}
		if target.name == "Account" {
			return id
		}
		if r := s.tables[target.name].byID[id]; r != nil && r.Fields["AccountId"] != nil {
			return r.Fields["AccountId"]
		}
	}
	return nil
}

func present(v any) int64 {
	if v == nil {
		return 0
	}
	return 1
}

func fullName(row map[string]any) any {
	var parts []string
	for _, f := range []string{"FirstName", "MiddleName", "LastName", "Suffix"} {
		if s, _ := row[f].(string); s != "" {
			parts = append(parts, s)
		}
	}
	if parts == nil {
		return nil
	}
	return strings.Join(parts, " ")
}

// assign is the lead assignment rule. It runs on every write of a lead, create or update, unless
// the request says FALSE.
func (c *call) assign(obj *object, row map[string]any) {
	if c.s.behaviour.AssignmentRules && obj.name == "Lead" && !strings.EqualFold(c.header.Get("Sforce-Auto-Assign"), "FALSE") {
		row["OwnerId"] = OtherUserID
	}
}

// stale is the If-Unmodified-Since check of a write.
func (c *call) stale(r *Record) *refusal {
	since, err := http.ParseTime(c.header.Get("If-Unmodified-Since"))
	if err != nil {
		return nil // absent, or not a date: no condition
	}
	if !parseStamp(r.str("LastModifiedDate")).After(since) {
		return nil
	}
	return refuse(http.StatusPreconditionFailed, "PRECONDITION_FAILED", "The record was modified since the given time")
}
