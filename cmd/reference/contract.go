package main

import (
	"fmt"
	"slices"
	"strings"

	"github.com/getkin/kin-openapi/openapi3"
	"go.yaml.in/yaml/v3"
)

// contract is the document, and the order in which it names things, which the parsed document has lost.
type contract struct {
	*openapi3.T
	order yaml.Node
}

func parse(text []byte) (*contract, error) {
	doc, err := openapi3.NewLoader().LoadFromData(text)
	if err != nil {
		return nil, fmt.Errorf("read the contract: %w", err)
	}
	c := &contract{T: doc}
	if err := yaml.Unmarshal(text, &c.order); err != nil {
		return nil, fmt.Errorf("read the contract's order: %w", err)
	}
	return c, nil
}

// names are the keys at a place of the document, as they stand there.
func (c *contract) names(place ...string) (names []string) {
	at := &c.order
	if at.Kind == yaml.DocumentNode {
		at = at.Content[0]
	}
	for _, key := range place {
		if at = value(at, key); at == nil {
			return nil
		}
	}
	for i := 0; i+1 < len(at.Content); i += 2 {
		names = append(names, at.Content[i].Value)
	}
	return names
}

func value(at *yaml.Node, key string) *yaml.Node {
	for i := 0; i+1 < len(at.Content); i += 2 {
		if at.Content[i].Value == key {
			v := at.Content[i+1]
			if v.Kind == yaml.AliasNode {
				v = v.Alias
			}
			return v
		}
	}
	return nil
}

// operation is one of the contract, where it stands.
type operation struct {
	Method, Path string
	*openapi3.Operation
}

// operations are those of a tag, in the document's order.
func (c *contract) operations(tag string) (all []operation) {
	for _, path := range c.names("paths") {
		for _, method := range c.names("paths", path) {
			op := c.Paths.Value(path).GetOperation(strings.ToUpper(method))
			if op != nil && slices.Contains(op.Tags, tag) {
				all = append(all, operation{strings.ToUpper(method), path, op})
			}
		}
	}
	return all
}

// schemaName is what a reference leads to; empty: the schema stands where it is used.
func schemaName(ref *openapi3.SchemaRef) string {
	if ref == nil {
		return ""
	}
	name, ok := strings.CutPrefix(ref.Ref, "#/components/schemas/")
	if !ok {
		return ""
	}
	return name
}

// properties are those of a schema in the document's order where it is a named one.
func (c *contract) properties(name string, s *openapi3.Schema) []string {
	names := c.names("components", "schemas", name, "properties")
	if name == "" || len(names) != len(s.Properties) {
		names = names[:0]
		for property := range s.Properties {
			names = append(names, property)
		}
		slices.Sort(names)
	}
	return names
}
