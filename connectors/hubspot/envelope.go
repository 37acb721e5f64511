package hubspot

import (
	"bytes"
	"encoding/json"
	"errors"
	"strings"
)

// words are the strings of a JSON value that is a string or a list of them; HubSpot's error
// contexts are both.
type words []string

// UnmarshalJSON takes anything: what is no text is left out, for an error body must never be the
// reason that an error is not understood.
func (w *words) UnmarshalJSON(data []byte) error {
	if !bytes.HasPrefix(data, []byte("[")) {
		data = append(append([]byte("["), data...), ']')
	}
	var list []any
	err := json.Unmarshal(data, &list)
	for _, v := range list {
		if s, ok := v.(string); ok && s != "" {
			*w = append(*w, s)
		}
	}
	return err
}

// envelope is every error body of HubSpot's in one: CRM calls, rate limits and the token endpoint.
// All fields are optional.
type envelope struct {
	Message       string           `json:"message"`
	Category      string           `json:"category"`
	SubCategory   string           `json:"subCategory"`
	CorrelationID string           `json:"correlationId"`
	PolicyName    string           `json:"policyName"`
	Context       map[string]words `json:"context"`
	Errors        []errorDetail    `json:"errors"`

	Status      string `json:"status"`            // "error", or the token endpoint's own code
	OAuthError  string `json:"error"`             // RFC 6749
	Description string `json:"error_description"` // RFC 6749

	readable bool // the body was a JSON object
}

type errorDetail struct {
	Message string           `json:"message"`
	Code    string           `json:"code"`
	Context map[string]words `json:"context"`
}

// openEnvelope reads an error body as far as it can be read.
func openEnvelope(body []byte) envelope {
	var e envelope
	err := json.Unmarshal(body, &e)
	var oddField *json.UnmarshalTypeError
	if err != nil && !errors.As(err, &oddField) { // an odd field does not spoil the others
		return envelope{}
	}
	e.readable = bytes.HasPrefix(bytes.TrimSpace(body), []byte("{"))
	if e.Message == "" {
		e.Message = e.Description
	}
	if len(e.Errors) == 0 {
		e.Errors = embedded(e.Message)
	}
	if e.PolicyName == "" {
		e.PolicyName = policyIn(e.Message)
	}
	return e
}

// embedded takes the details from the message "Property values were not valid: [{…}]", which older
// answers carry instead of errors.
func embedded(message string) []errorDetail {
	_, list, found := strings.Cut(message, "Property values were not valid: ")
	if !found {
		return nil
	}
	var values []struct{ Message, Error, Name string }
	if json.Unmarshal([]byte(list), &values) != nil {
		return nil
	}
	details := make([]errorDetail, 0, len(values))
	for _, v := range values {
		details = append(details, errorDetail{Message: v.Message, Code: v.Error, Context: map[string]words{"propertyName": {v.Name}}})
	}
	return details
}

// policyIn reads the limit's name from "You have reached your ten_secondly_rolling limit."
func policyIn(message string) string {
	_, rest, found := strings.Cut(message, "You have reached your ")
	if name, _, ok := strings.Cut(rest, " limit"); found && ok {
		return strings.ToUpper(name)
	}
	return ""
}

// named are the values of a context key, wherever the body has it, each once.
func (e envelope) named(key string) []string {
	var out []string
	seen := map[string]bool{}
	add := func(ws words) {
		for _, w := range ws {
			if !seen[w] {
				seen[w] = true
				out = append(out, w)
			}
		}
	}
	add(e.Context[key])
	for _, d := range e.Errors {
		add(d.Context[key])
	}
	return out
}

// hasCode tells whether one of the errors carries code.
func (e envelope) hasCode(code string) bool {
	for _, d := range e.Errors {
		if d.Code == code {
			return true
		}
	}
	return false
}

// says is the message, or the first error's own sentence where the message is raw JSON.
func (e envelope) says() string {
	if strings.Contains(e.Message, ": [{") && len(e.Errors) > 0 && e.Errors[0].Message != "" {
		return e.Errors[0].Message
	}
	return e.Message
}
