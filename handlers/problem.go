package handlers

import (
	"context"
	"errors"

	"crm-connectors/api"
	"crm-connectors/store"
)

// Problem is a failure as a page shows it: what the API would have answered, with what to do about it.
type Problem struct {
	Code   string
	Status int // of HTTP
	Cause  string
	Action string
	Fields map[string]string // what is wrong with which field
}

// ProblemOf makes of an error of these handlers what its reader may be told. What is a fault of ours says no more than that: its caller
// logs the error.
func ProblemOf(err error) Problem {
	var e *api.Error
	switch {
	case errors.As(err, &e):
	case errors.Is(err, context.DeadlineExceeded), errors.Is(err, context.Canceled):
		e = &api.Error{Code: api.CodeTimeout}
	case store.Away(err):
		e = &api.Error{Code: api.CodeDatabaseUnavailable}
	default:
		e = &api.Error{Code: api.CodeInternal}
	}
	p := Problem{Code: string(e.Code), Status: e.Status(), Cause: e.Text(), Action: NextActions()[e.Code], Fields: map[string]string{}}
	if field, ok := e.Details["field"].(string); ok {
		reason, _ := e.Details["reason"].(string)
		p.Fields[field] = reason
	}
	if list, ok := e.Details["problems"].([]settingProblem); ok {
		for _, s := range list {
			p.Fields[s.Field] = s.Message
		}
	}
	return p
}

// ProblemNamed is what a code of the contract means, such as one that came back with a browser; false: there is no such code.
func ProblemNamed(code string) (Problem, bool) {
	action, ok := NextActions()[api.ErrorCode(code)]
	e := &api.Error{Code: api.ErrorCode(code)}
	return Problem{Code: code, Status: e.Status(), Cause: e.Text(), Action: action}, ok
}
