package simsalesforce

import (
	"fmt"
	"net/http"
)

// refusal is an answer other than success in the data API's shape: an array of errors.
type refusal struct {
	status int
	errors []apiError
	// duplicate is the nested object of DUPLICATES_DETECTED under its key, spelt as the org does.
	duplicateKey string
	duplicate    any
}

// apiError is one element of that array. Fields that are nil are left out, empty ones are sent.
type apiError struct {
	Message   string   `json:"message"`
	ErrorCode string   `json:"errorCode"`
	Fields    []string `json:"fields,omitzero"`
}

func refuse(status int, code, message string, fields ...string) *refusal {
	return &refusal{status: status, errors: []apiError{{Message: message, ErrorCode: code, Fields: fields}}}
}

// bad is a 400, whose fields key is there even when it is empty.
func bad(code, message string, fields ...string) *refusal {
	if fields == nil {
		fields = []string{}
	}
	return refuse(http.StatusBadRequest, code, message, fields...)
}

func parserError(format string, args ...any) *refusal {
	return refuse(http.StatusBadRequest, "JSON_PARSER_ERROR", fmt.Sprintf(format, args...))
}

func notFound() *refusal {
	return refuse(http.StatusNotFound, "NOT_FOUND", "The requested resource does not exist")
}

func (r *refusal) body() any {
	if r.duplicate == nil {
		return r.errors
	}
	e := r.errors[0]
	body := map[string]any{"errorCode": e.ErrorCode, "message": e.Message}
	if r.duplicateKey != "none" {
		body[r.duplicateKey] = r.duplicate
	}
	return []any{body}
}

// collected is the shape that errors have inside the answers of composite/sobjects: the code is
// called statusCode there.
func (r *refusal) collected() []map[string]any {
	out := make([]map[string]any, 0, len(r.errors))
	for _, e := range r.errors {
		fields := e.Fields
		if fields == nil {
			fields = []string{}
		}
		out = append(out, map[string]any{"statusCode": e.ErrorCode, "message": e.Message, "fields": fields})
	}
	return out
}

// reply is the answer to one call, over HTTP or as a part of a composite.
type reply struct {
	status int
	body   any // nil: none
	header map[string]string
}

func ok(body any) reply { return reply{status: http.StatusOK, body: body} }

func (r *refusal) reply() reply { return reply{status: r.status, body: r.body()} }
