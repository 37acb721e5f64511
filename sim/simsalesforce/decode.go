package simsalesforce

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"regexp"
	"slices"
	"strings"
	"time"
	"unicode/utf16"
	"unicode/utf8"
)

var emailShape = regexp.MustCompile(`^[^@\s<>(),;:"\[\]\\]+@([A-Za-z0-9]([A-Za-z0-9-]*[A-Za-z0-9])?\.)+[A-Za-z]{2,}$`)

// parseJSON reads one JSON value; numbers keep their text.
func parseJSON(body []byte, into any) *refusal {
	if !utf8.Valid(body) {
		return parserError("Invalid UTF-8 middle byte at [line:1, column:1]")
	}
	dec := json.NewDecoder(bytes.NewReader(body))
	dec.UseNumber()
	if err := dec.Decode(into); err != nil {
		if errors.Is(err, io.EOF) {
			return parserError("The HTTP entity body is required, but this request has no entity body.")
		}
		return parserError("%s at [line:1, column:%d]", err, dec.InputOffset()+1)
	}
	if _, err := dec.Token(); !errors.Is(err, io.EOF) {
		return parserError("Unexpected content after the end of the value at [line:1, column:%d]", dec.InputOffset()+1)
	}
	return nil
}

// decodeFields turns a request's fields into stored values under the schema's own names. It knows
// about one field at a time: shape, length, picklist. What fields mean together is in rules.go.
func decodeFields(obj *object, raw map[string]any, creating bool) (map[string]any, *refusal) {
	out := make(map[string]any, len(raw))
	for _, name := range slices.Sorted(maps.Keys(raw)) {
		value := raw[name]
		switch {
		case strings.EqualFold(name, "attributes"):
			continue
		case strings.EqualFold(name, "id"):
			return nil, refuse(400, "INVALID_FIELD", "The Id field should not be specified in the sobject data.")
		}
		f, ok := obj.field(name)
		if !ok {
			return nil, refuse(400, "INVALID_FIELD", fmt.Sprintf("No such column '%s' on sobject of type %s", name, obj.name))
		}
		v, no := decodeValue(f, value)
		if no != nil {
			return nil, no
		}
		out[f.name] = v
	}
	for _, check := range []func(field, any) *refusal{
		func(f field, _ any) *refusal { return checkAccess(f, creating) }, checkText, checkLength, checkEmail, checkPick,
	} {
		for _, f := range obj.fields { // in the schema's order, so that answers do not vary
			if v, sent := out[f.name]; sent {
				if no := check(f, v); no != nil {
					return nil, no
				}
			}
		}
	}
	return out, nil
}

func wrongShape(f field, value any) *refusal {
	shown, _ := json.Marshal(value)
	token := "VALUE_STRING"
	switch value.(type) {
	case json.Number:
		token = "VALUE_NUMBER"
	case bool:
		token = "VALUE_BOOLEAN"
	case map[string]any:
		token = "START_OBJECT"
	case []any:
		token = "START_ARRAY"
	}
	return parserError("Cannot deserialize instance of %s from %s value %s or request may be missing a required field at [line:1, column:1]",
		f.kind, token, strings.Trim(string(shown), `"`))
}

func decodeValue(f field, value any) (any, *refusal) {
	if value == nil {
		if f.kind == "boolean" {
			return false, nil
		}
		return nil, nil
	}
	switch f.kind {
	case "boolean":
		if b, ok := value.(bool); ok {
			return b, nil
		}
	case "int":
		if n, ok := value.(json.Number); ok {
			if i, err := n.Int64(); err == nil {
				return i, nil
			}
		}
	case "currency":
		if n, ok := value.(json.Number); ok {
			if x, err := n.Float64(); err == nil {
				return x, nil
			}
		}
	case "date", "datetime":
		if s, ok := value.(string); ok {
			return decodeTime(f, strings.TrimSpace(s))
		}
	default:
		if s, ok := value.(string); ok {
			if s = strings.TrimSpace(s); s == "" {
				return nil, nil // an empty text is no text
			}
			return s, nil
		}
	}
	return nil, wrongShape(f, value)
}

func decodeTime(f field, s string) (any, *refusal) {
	if s == "" {
		return nil, nil
	}
	if f.kind == "date" {
		if _, err := time.Parse(dateLayout, s); err != nil {
			return nil, wrongShape(f, s)
		}
		return s, nil
	}
	for _, layout := range []string{time.RFC3339Nano, timeLayout, "2006-01-02T15:04:05-0700"} {
		if t, err := time.Parse(layout, s); err == nil {
			return stamp(t), nil
		}
	}
	return nil, wrongShape(f, s)
}

func checkAccess(f field, creating bool) *refusal {
	if (creating && f.createable) || (!creating && f.updateable) {
		return nil
	}
	return bad("INVALID_FIELD_FOR_INSERT_UPDATE", fmt.Sprintf("Unable to create/update fields: %s. Please check the security settings "+
		"of this field and verify that it is read/write for your profile or permission set.", f.name), f.name)
}

// checkText refuses what XML cannot carry: control characters and non-characters.
func checkText(f field, value any) *refusal {
	s, _ := value.(string)
	for _, r := range s {
		if (r < ' ' && r != '\n' && r != '\t' && r != '\r') || r == 0xFFFE || r == 0xFFFF {
			return bad("TEXT_DATA_OUTSIDE_SUPPORTED_CHARSET",
				fmt.Sprintf("%s: text data contains a character outside the supported set: U+%04X", f.label, r), f.name)
		}
	}
	return nil
}

// checkLength counts UTF-16 units: an emoji is two.
func checkLength(f field, value any) *refusal {
	s, isText := value.(string)
	if !isText || f.length == 0 || f.kind == "reference" || len(utf16.Encode([]rune(s))) <= f.length {
		return nil
	}
	return bad("STRING_TOO_LONG", fmt.Sprintf("%s: data value too large: %s (max length=%d)", f.label, s, f.length), f.name)
}

func checkEmail(f field, value any) *refusal {
	s, isText := value.(string)
	if f.kind != "email" || !isText || emailShape.MatchString(s) {
		return nil
	}
	return bad("INVALID_EMAIL_ADDRESS", fmt.Sprintf("%s: invalid email address: %s", f.label, s), f.name)
}

func checkPick(f field, value any) *refusal {
	s, isText := value.(string)
	if !f.restricted || !isText {
		return nil
	}
	for _, p := range f.values {
		if strings.EqualFold(p.value, s) {
			return nil
		}
	}
	return bad("INVALID_OR_NULL_FOR_RESTRICTED_PICKLIST",
		fmt.Sprintf("%s: bad value for restricted picklist field: %s", f.label, s), f.name)
}
