package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"

	"crm-connectors/api"
	"crm-connectors/handlers"
)

// The codes of failures that no answer of the API has named; docs/cli.md explains them.
const (
	codeUsage       = "usage"
	codeNotSetUp    = "not_set_up"
	codeUnreachable = "service_unreachable"
	codeCut         = "answer_cut"
	codeUnreadable  = "answer_unreadable"
	codeFailed      = "failed"
)

// callError is a failure on this side of the API: before the service was asked, or because no answer could be had from it.
type callError struct {
	code, text, action string
	err                error // behind it; may be nil
}

func (e *callError) Error() string { return e.message() + "\nWhat to do: " + e.action }

func (e *callError) Unwrap() error { return e.err }

func (e *callError) message() string {
	if e.err == nil {
		return e.text
	}
	return e.text + ": " + e.err.Error()
}

// unreadable is of an answer that is JSON, and not this service's.
func unreadable(err error) error {
	return &callError{code: codeUnreadable, text: "the answer is not this service's", action: "See whether " + remoteURLVariable + " leads to a service of this release.", err: err}
}

// failure is why a command did not do its work, in one shape for every cause.
type failure struct {
	Code       string `json:"code"`
	Message    string `json:"message"`
	Cause      string `json:"cause"`
	NextAction string `json:"next_action"`
	RequestID  string `json:"request_id,omitempty"` // as in the service's log
}

func failureOf(err error) failure {
	var (
		refused *remoteError
		called  *callError
		usage   *usageError
	)
	switch {
	case errors.As(err, &refused):
		f := failure{Code: refused.Code, Message: refused.Message, Cause: refused.Message, NextAction: refused.Action, RequestID: refused.RequestID}
		if code := api.ErrorCode(refused.Code); handlers.NextActions()[code] != "" {
			f.Cause = (&api.Error{Code: code}).Text()
		}
		return f
	case errors.As(err, &called):
		return failure{Code: called.code, Message: called.message(), Cause: called.text, NextAction: called.action}
	case errors.As(err, &usage):
		text, more, _ := strings.Cut(usage.text, "\n")
		if more == "" {
			more = "Run '" + program + " --help' for how commands are called."
		}
		return failure{Code: codeUsage, Message: text, Cause: "The command was called wrongly; nothing was changed.", NextAction: more}
	}
	return failure{Code: codeFailed, Message: err.Error(), Cause: err.Error(), NextAction: "Mend what the message names, then run the command again."}
}

// tellFailure writes a failure for people, or for a program that has asked for JSON.
func tellFailure(w io.Writer, args []string, err error) {
	if !wantsJSON(args) {
		_, _ = fmt.Fprintf(w, "%s: %v\n", program, err)
		return
	}
	enc := json.NewEncoder(w)
	enc.SetIndent("", "  ")
	enc.SetEscapeHTML(false)
	_ = enc.Encode(failureOf(err)) // there is nowhere left to say so
}

// wantsJSON looks for the flag in what was typed: what could not be parsed has to be told too.
func wantsJSON(args []string) bool {
	return slices.ContainsFunc(args, func(a string) bool {
		name, value, set := strings.Cut(a, "=")
		yes, err := strconv.ParseBool(value)
		return (name == "-json" || name == "--json") && (!set || yes && err == nil)
	})
}
