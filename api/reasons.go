package api

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/getkin/kin-openapi/openapi3filter"
)

// maxFieldName bounds how much of a posted field name is repeated to its sender.
const maxFieldName = 64

// schemaFailure is the validator's finding in plain words. It takes the place and the broken rule from the
// finding and never the value, which may be personal data.
func schemaFailure(field string, err error) *Error {
	var se *openapi3.SchemaError
	if !errors.As(err, &se) {
		return invalid(orBody(field), "is not as the contract says")
	}
	path := se.JSONPointer()
	if field != "" {
		path = append([]string{field}, path...)
	}
	if se.SchemaField == "properties" {
		path = append(path, unknownField(se))
	}
	return invalid(orBody(fieldPath(path)), reason(se))
}

func orBody(field string) string {
	if field == "" {
		return "body"
	}
	return field
}

func fieldPath(path []string) string {
	for i, name := range path {
		name = strings.ToValidUTF8(strings.Map(printable, name), "")
		if r := []rune(name); len(r) > maxFieldName {
			name = string(r[:maxFieldName]) + "…"
		}
		path[i] = name
	}
	return strings.Join(path, ".")
}

func printable(r rune) rune {
	if r < ' ' || r == 0x7f {
		return -1
	}
	return r
}

// unknownField is the first field, in order, that the schema does not have.
func unknownField(se *openapi3.SchemaError) string {
	object, _ := se.Value.(map[string]any)
	for _, name := range slices.Sorted(maps.Keys(object)) {
		if se.Schema.Properties[name] == nil {
			return name
		}
	}
	return ""
}

// reason says which rule a value breaks.
func reason(se *openapi3.SchemaError) string {
	s := se.Schema
	switch se.SchemaField {
	case "properties":
		return "is not a known field"
	case "required":
		return "is required"
	case "nullable":
		return "must not be null"
	case "type":
		return "must be " + typeWords(s)
	case "enum":
		return "must be one of " + enumWords(s)
	case "minLength":
		if s.MinLength == 1 {
			return "must not be empty"
		}
		return fmt.Sprintf("is shorter than %d characters", s.MinLength)
	case "maxLength":
		return fmt.Sprintf("is longer than %d characters", *s.MaxLength)
	case "minItems":
		return fmt.Sprintf("must hold at least %d", s.MinItems)
	case "maxItems":
		return fmt.Sprintf("must hold at most %d", *s.MaxItems)
	case "maxProperties":
		return fmt.Sprintf("must hold at most %d", *s.MaxProps)
	case "minimum":
		return fmt.Sprintf("must be at least %v", *s.Min)
	case "maximum":
		return fmt.Sprintf("must be at most %v", *s.Max)
	case "pattern":
		if words, ok := s.Extensions["x-pattern-words"].(string); ok {
			return words
		}
	case "format":
		return formatWords(s.Format)
	case "oneOf":
		if words, ok := s.Extensions["x-one-of-words"].(string); ok {
			return words
		}
	case "anyOf":
		return "must hold at least one of " + branchWords(s)
	}
	return "is not as the contract says"
}

func typeWords(s *openapi3.Schema) string {
	switch {
	case s.Type.Is(openapi3.TypeObject):
		return "an object"
	case s.Type.Is(openapi3.TypeArray):
		return "a list"
	case s.Type.Is(openapi3.TypeBoolean):
		return "true or false"
	case s.Type.Is(openapi3.TypeInteger):
		return "a whole number"
	case s.Type.Is(openapi3.TypeString):
		return "a string"
	}
	return "of another type"
}

func formatWords(format string) string {
	switch format {
	case "date-time":
		return "must be a date and time with an offset, such as 2026-11-27T09:00:00Z"
	case "date":
		return "must be a date, such as 2026-11-23"
	}
	return "is not a valid " + format
}

func enumWords(s *openapi3.Schema) string {
	words := make([]string, len(s.Enum))
	for i, v := range s.Enum {
		words[i] = fmt.Sprint(v)
	}
	return strings.Join(words, ", ")
}

// branchWords lists the fields of which a combination asks for one.
func branchWords(s *openapi3.Schema) string {
	var names []string
	for _, branch := range s.AnyOf {
		names = append(names, branch.Value.Required...)
	}
	return strings.Join(names, ", ")
}

// parameterFailure is the same for a path, query or header parameter.
func parameterFailure(err error) *Error {
	var re *openapi3filter.RequestError
	if !errors.As(err, &re) || re.Parameter == nil {
		return &Error{Code: CodeInternal, Err: err}
	}
	name := re.Parameter.Name
	var parse *openapi3filter.ParseError
	switch {
	case errors.Is(err, openapi3filter.ErrInvalidRequired):
		return invalid(name, "is required")
	case errors.Is(err, openapi3filter.ErrInvalidEmptyValue):
		return invalid(name, "must not be empty")
	case errors.As(err, &parse):
		return invalid(name, "must be "+typeWords(re.Parameter.Schema.Value))
	}
	return schemaFailure(name, err)
}

// findNUL is the path of the first string with a NUL character: JSON allows it, Postgres stores none.
func findNUL(at string, value any) string {
	switch v := value.(type) {
	case string:
		if strings.ContainsRune(v, 0) {
			return orBody(at)
		}
	case []any:
		for i, child := range v {
			if found := findNUL(join(at, fmt.Sprint(i)), child); found != "" {
				return found
			}
		}
	case map[string]any:
		if !hasNUL(v) { // so that nearly nothing is sorted
			return ""
		}
		for _, name := range slices.Sorted(maps.Keys(v)) {
			if found := findNUL(join(at, fieldPath([]string{name})), v[name]); found != "" {
				return found
			}
		}
	}
	return ""
}

// hasNUL says whether findNUL would find anything, in whatever order.
func hasNUL(value any) bool {
	switch v := value.(type) {
	case string:
		return strings.IndexByte(v, 0) >= 0
	case []any:
		return slices.ContainsFunc(v, hasNUL)
	case map[string]any:
		for _, child := range v {
			if hasNUL(child) {
				return true
			}
		}
	}
	return false
}

func join(at, name string) string {
	if at == "" {
		return name
	}
	return at + "." + name
}

// asItemError keeps an *Error and hides anything else.
func asItemError(err error) *Error {
	var e *Error
	if errors.As(err, &e) {
		return e
	}
	return &Error{Code: CodeInvalidJSON, Err: err}
}
