package main

import (
	"fmt"
	"html/template"
	"slices"
	"strings"

	"github.com/getkin/kin-openapi/openapi3"
)

// shape is a schema with its fields; those that stand in place are told with their path.
func (m *maker) shape(name string, ref *openapi3.SchemaRef) shape {
	s := shape{Name: name, Type: m.kind(&openapi3.SchemaRef{Value: ref.Value}), About: m.html(ref.Value.Description)}
	s.Fields = m.fields("", name, ref.Value)
	return s
}

func (m *maker) fields(prefix, name string, s *openapi3.Schema) (all []field) {
	for _, part := range s.AllOf {
		all = append(all, m.fields(prefix, schemaName(part), part.Value)...)
	}
	for _, property := range m.properties(name, s) {
		ref := s.Properties[property]
		all = append(all, m.field(prefix+property, "", slices.Contains(s.Required, property), ref, ""))
		if schemaName(ref) == "" && len(ref.Value.Properties) > 0 {
			all = append(all, m.fields(prefix+property+".", "", ref.Value)...)
		}
		if items := ref.Value.Items; schemaName(ref) == "" && items != nil && schemaName(items) == "" && len(items.Value.Properties) > 0 {
			all = append(all, m.fields(prefix+property+"[].", "", items.Value)...)
		}
	}
	return all
}

func (m *maker) field(name, in string, required bool, ref *openapi3.SchemaRef, about string) field {
	if about == "" {
		about = ref.Value.Description
		if schemaName(ref) != "" { // told where it stands
			about = ""
		}
	}
	return field{Name: name, In: in, Required: required, Type: m.kind(ref), About: m.html(about)}
}

// kind is a schema in a few words, with a link where it has a name.
func (m *maker) kind(ref *openapi3.SchemaRef) template.HTML {
	if name := schemaName(ref); name != "" {
		return template.HTML(fmt.Sprintf(`<a href="#schema-%[1]s">%[1]s</a>`, template.HTMLEscapeString(name))) //nolint:gosec // escaped
	}
	s := ref.Value
	var words []string
	switch {
	case s.Items != nil:
		return "list of " + m.kind(s.Items) + template.HTML(template.HTMLEscapeString(limits(s))) //nolint:gosec // escaped
	case len(s.AllOf) > 0:
		for _, part := range s.AllOf {
			words = append(words, string(m.kind(part)))
		}
		return template.HTML(strings.Join(words, " and ")) //nolint:gosec // made of the same
	case len(s.OneOf) > 0:
		for _, part := range s.OneOf {
			words = append(words, string(m.kind(part)))
		}
		return template.HTML(strings.Join(words, " or ")) //nolint:gosec // made of the same
	}
	text := "anything"
	if s.Type != nil {
		text = strings.Join(s.Type.Slice(), " or ")
	}
	if s.Format != "" {
		text += " (" + s.Format + ")"
	}
	if s.Nullable {
		text += " or null"
	}
	text += limits(s)
	out := template.HTMLEscapeString(text)
	if len(s.Enum) > 0 {
		out += ": "
		for i, v := range s.Enum {
			if i > 0 {
				out += ", "
			}
			out += "<code>" + template.HTMLEscapeString(fmt.Sprint(v)) + "</code>"
		}
	}
	return template.HTML(out) //nolint:gosec // escaped
}

// limits are the rules of a schema that have no words of their own in the contract.
func limits(s *openapi3.Schema) string {
	var all []string
	between := func(what string, least uint64, most *uint64) {
		switch {
		case least > 0 && most != nil:
			all = append(all, fmt.Sprintf("%d to %d %s", least, *most, what))
		case most != nil:
			all = append(all, fmt.Sprintf("at most %d %s", *most, what))
		case least > 0:
			all = append(all, fmt.Sprintf("at least %d %s", least, what))
		}
	}
	between("characters", s.MinLength, s.MaxLength)
	between("items", s.MinItems, s.MaxItems)
	if s.Min != nil {
		all = append(all, fmt.Sprintf("from %v", *s.Min))
	}
	if s.Max != nil {
		all = append(all, fmt.Sprintf("up to %v", *s.Max))
	}
	if s.Default != nil {
		all = append(all, fmt.Sprintf("%v unless given", s.Default))
	}
	if len(all) == 0 {
		return ""
	}
	return ", " + strings.Join(all, ", ")
}
