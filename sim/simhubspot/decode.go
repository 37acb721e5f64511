package simhubspot

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
)

// flexibleID is an id that may come as a JSON string or number.
type flexibleID string

// UnmarshalJSON takes a string or a whole number.
func (f *flexibleID) UnmarshalJSON(data []byte) error {
	var text string
	if err := json.Unmarshal(data, &text); err == nil {
		*f = flexibleID(text)
		return nil
	}
	var n int64
	if err := json.Unmarshal(data, &n); err != nil {
		return fmt.Errorf("id: %w", err)
	}
	*f = flexibleID(strconv.FormatInt(n, 10))
	return nil
}

// values are the properties of a request: strings, and null where the version allows it.
type values map[string]*string

// flat turns null into "", which clears; only 2026-09 describes null as a value.
func (v values) flat(version string) (map[string]string, *apiError) {
	out := make(map[string]string, len(v))
	for name, p := range v {
		switch {
		case p != nil:
			out[name] = *p
		case version == version09:
			out[name] = ""
		default:
			return nil, invalid("Invalid input JSON: property %q is null; send an empty string to clear it", name)
		}
	}
	return out, nil
}

// decode reads the request's JSON into v and refuses what a careful client never sends: another
// content type, a key twice in one object, a key that the endpoint does not have, text after the end.
func (c *call) decode(v any) *apiError {
	if !isJSON(c.r) {
		return fail(http.StatusUnsupportedMediaType, "", "Content-Type must be application/json")
	}
	if len(bytes.TrimSpace(c.body)) == 0 {
		return invalid("Invalid JSON input: a request body was expected, but none found")
	}
	if err := checkDuplicates(json.NewDecoder(bytes.NewReader(c.body))); err != nil {
		return c.badJSON(err)
	}
	dec := json.NewDecoder(bytes.NewReader(c.body))
	dec.DisallowUnknownFields()
	if err := dec.Decode(v); err != nil {
		return c.badJSON(err)
	}
	if _, err := dec.Token(); !errors.Is(err, io.EOF) {
		return c.badJSON(errors.New("unexpected text after the end"))
	}
	return nil
}

func (c *call) badJSON(err error) *apiError {
	offset := int64(1)
	var syntax *json.SyntaxError
	var wrongType *json.UnmarshalTypeError
	switch {
	case errors.As(err, &syntax):
		offset = syntax.Offset
	case errors.As(err, &wrongType):
		offset = wrongType.Offset
	}
	before := c.body[:min(offset, int64(len(c.body)))]
	line := bytes.Count(before, []byte("\n")) + 1
	column := len(before) - bytes.LastIndexByte(before, '\n') - 1
	return invalid("Invalid input JSON on line %d, column %d: %s", line, column, err)
}

// checkDuplicates walks one JSON value; encoding/json itself would silently let the last key win.
func checkDuplicates(dec *json.Decoder) error {
	tok, err := dec.Token()
	if err != nil {
		return fmt.Errorf("read value: %w", err)
	}
	switch tok {
	case json.Delim('['):
		for dec.More() {
			if err := checkDuplicates(dec); err != nil {
				return err
			}
		}
	case json.Delim('{'):
		seen := map[string]bool{}
		for dec.More() {
			key, err := dec.Token()
			if err != nil {
				return fmt.Errorf("read key: %w", err)
			}
			name, _ := key.(string)
			if seen[name] {
				return fmt.Errorf("duplicate key %q", name)
			}
			seen[name] = true
			if err := checkDuplicates(dec); err != nil {
				return err
			}
		}
	default:
		return nil
	}
	if _, err := dec.Token(); err != nil {
		return fmt.Errorf("read closing bracket: %w", err)
	}
	return nil
}
