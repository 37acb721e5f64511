package api

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/url"
	"time"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/oapi-codegen/runtime"
)

// Validator holds requests against the contract. It is safe for concurrent use.
type Validator struct {
	spec    *openapi3.T
	outcome *openapi3.Schema
	patch   *openapi3.Schema // of a connection's settings
	bodies  map[*openapi3.Operation]bodyRule
	format  []openapi3.SchemaValidationOption
}

// bodyRule is how the body of one operation is judged.
type bodyRule struct {
	v       *Validator
	schema  *openapi3.Schema
	webhook bool // may be a database webhook around an outcome
	batch   bool // its items are judged one by one, by the handler
	form    bool // of a page of ours
	events  bool // of a CRM, read one by one by who knows them
}

const (
	syncRequestRef  = "#/components/schemas/SyncRequest"
	batchRequestRef = "#/components/schemas/BatchRequest"
	eventsRef       = "#/components/schemas/HubspotEvents"
	jsonMedia       = "application/json"
	formMedia       = "application/x-www-form-urlencoded"
)

// NewValidator reads the contract that is compiled in. It fails only if that is broken.
func NewValidator() (*Validator, error) {
	spec, err := GetSpec()
	if err != nil {
		return nil, fmt.Errorf("read the contract: %w", err)
	}
	outcome, patch := spec.Components.Schemas["Outcome"], spec.Components.Schemas["SettingsPatch"]
	if outcome == nil || outcome.Value == nil || patch == nil || patch.Value == nil {
		return nil, fmt.Errorf("the contract has no schema Outcome or SettingsPatch")
	}
	v := &Validator{spec: spec, outcome: outcome.Value, patch: patch.Value, bodies: map[*openapi3.Operation]bodyRule{},
		format: []openapi3.SchemaValidationOption{openapi3.VisitAsRequest(),
			openapi3.WithStringFormatValidator("date-time", openapi3.NewCallbackValidator(parses(time.RFC3339))),
			openapi3.WithStringFormatValidator("date", openapi3.NewCallbackValidator(parses(time.DateOnly)))}}
	for path, item := range spec.Paths.Map() {
		for method, op := range item.Operations() {
			if op.RequestBody == nil {
				continue
			}
			if form := op.RequestBody.Value.Content.Get(formMedia); form != nil {
				v.bodies[op] = bodyRule{v: v, schema: form.Schema.Value, form: true}
				continue
			}
			media := op.RequestBody.Value.Content.Get(jsonMedia)
			if media == nil || media.Schema == nil {
				return nil, fmt.Errorf("the contract has no JSON body for %s %s", method, path)
			}
			v.bodies[op] = v.rule(media.Schema)
		}
	}
	return v, nil
}

// rule judges SyncRequest as the outcome alone: the webhook around it has been opened by then, and an
// error can name the field where "matches none of two" could not.
func (v *Validator) rule(ref *openapi3.SchemaRef) bodyRule {
	switch ref.Ref {
	case syncRequestRef:
		return bodyRule{v: v, schema: v.outcome, webhook: true}
	case batchRequestRef:
		return bodyRule{v: v, schema: ref.Value, batch: true}
	}
	return bodyRule{v: v, schema: ref.Value, events: ref.Ref == eventsRef}
}

// check gives the body to bind, or an *Error, or errNothingToCarry. eventID is the header Idempotency-Key: it stands for an outcome's
// source_event_id where the outcome has none.
func (b bodyRule) check(data []byte, eventID string) (io.ReadCloser, error) {
	switch {
	case b.batch:
		return b.checkBatch(data)
	case b.form:
		return b.checkForm(data)
	case b.events:
		return b.checkEvents(data)
	}
	value, err := decodeJSON(data)
	if err != nil {
		return nil, err
	}
	if b.webhook {
		if value, err = openWebhook(value); err != nil {
			return nil, err
		}
		if outcome, ok := value.(map[string]any); ok && eventID != "" && outcome["source_event_id"] == nil {
			outcome["source_event_id"] = eventID
		}
		if data, err = json.Marshal(value); err != nil {
			return nil, fmt.Errorf("encode the record of a webhook: %w", err)
		}
	}
	if e := b.v.visit(b.schema, value); e != nil {
		return nil, e
	}
	return newCheckedBody(data, value), nil
}

// checkForm judges a form, whose fields are text and stand there once.
func (b bodyRule) checkForm(data []byte) (io.ReadCloser, error) {
	form, err := url.ParseQuery(string(data))
	if err != nil {
		return nil, invalid("body", "must be a form")
	}
	value := make(map[string]any, len(form))
	for name, values := range form {
		if len(values) != 1 {
			return nil, invalid("body", "must have each field once")
		}
		value[name] = values[0]
	}
	if e := b.v.visit(b.schema, value); e != nil {
		return nil, e
	}
	return io.NopCloser(bytes.NewReader(data)), nil
}

// checkEvents judges the list alone: a CRM sends kinds of events that nobody here has heard of, and repeats what is refused.
func (b bodyRule) checkEvents(data []byte) (io.ReadCloser, error) {
	var events []json.RawMessage
	if at := invalidUTF8(data); at >= 0 {
		return nil, brokenJSON(int64(at))
	}
	if err := json.Unmarshal(data, &events); err != nil {
		if json.Valid(data) {
			return nil, invalid("body", "must be a list")
		}
		return nil, brokenJSON(errorOffset(err, data))
	}
	if most := b.schema.MaxItems; most != nil && uint64(len(events)) > *most {
		return nil, invalid("body", fmt.Sprintf("must have at most %d events", *most))
	}
	return io.NopCloser(bytes.NewReader(data)), nil
}

// checkBatch judges the frame of a batch and leaves its items unread: thousands of decoded maps would cost
// many times the body's size.
func (b bodyRule) checkBatch(data []byte) (io.ReadCloser, error) {
	if at := invalidUTF8(data); at >= 0 {
		return nil, brokenJSON(int64(at))
	}
	var frame map[string]json.RawMessage
	if err := json.Unmarshal(data, &frame); err != nil {
		if json.Valid(data) {
			return nil, invalid("body", "must be an object")
		}
		return nil, brokenJSON(errorOffset(err, data))
	}
	value := make(map[string]any, len(frame))
	for key := range frame {
		value[key] = nil
	}
	if raw, ok := frame["outcomes"]; ok && !bytes.Equal(raw, []byte("null")) {
		var items []unread
		if err := json.Unmarshal(raw, &items); err != nil {
			return nil, invalid("outcomes", "must be a list")
		}
		stand := make([]any, len(items))
		for i := range stand {
			stand[i] = map[string]any{}
		}
		value["outcomes"] = stand
	}
	if e := b.v.visit(b.schema, value); e != nil {
		return nil, e
	}
	return io.NopCloser(bytes.NewReader(data)), nil // no other field is left, in whatever case
}

// unread is an item that is counted and not kept.
type unread struct{}

// UnmarshalJSON reads nothing.
func (*unread) UnmarshalJSON([]byte) error { return nil }

// Outcome validates and decodes one item of a batch by the rules of a single outcome.
func (v *Validator) Outcome(raw json.RawMessage) (*Outcome, *Error) {
	value, err := decodeJSON(raw)
	if err != nil {
		return nil, asItemError(err)
	}
	if e := v.visit(v.outcome, value); e != nil {
		return nil, e
	}
	var out Outcome
	if err := runtime.BindJSONValue(value, &out); err != nil {
		return nil, &Error{Code: CodeValidationFailed, Message: "The outcome could not be read", Err: err}
	}
	return &out, nil
}

// SettingsPatch judges a patch of a connection's settings that did not come as the body of a request.
func (v *Validator) SettingsPatch(raw []byte) *Error {
	value, err := decodeJSON(raw)
	if err != nil {
		return asItemError(err)
	}
	return v.visit(v.patch, value)
}

// visit judges value by schema.
func (v *Validator) visit(schema *openapi3.Schema, value any) *Error {
	if err := schema.VisitJSON(value, v.format...); err != nil {
		// Fields before combinations: "contct is not a known field" helps more than "one of contact, task ...".
		for _, part := range schema.AllOf {
			if err := part.Value.VisitJSON(value, v.format...); err != nil {
				return schemaFailure("", err)
			}
		}
		return schemaFailure("", err)
	}
	if field := findNUL("", value); field != "" {
		return invalid(field, "holds a NUL character, which cannot be stored")
	}
	return nil
}

func parses(layout string) func(string) error {
	return func(s string) error {
		_, err := time.Parse(layout, s)
		return err
	}
}
