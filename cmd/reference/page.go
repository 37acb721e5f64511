package main

import (
	"bytes"
	_ "embed"
	"encoding/json"
	"fmt"
	"html/template"
	"io"
	"maps"
	"slices"
	"strings"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/yuin/goldmark"
	"github.com/yuin/goldmark/extension"
)

//go:embed page.html
var pageText string

// The page as the template reads it.
type (
	page struct {
		Title, Version string
		About          template.HTML
		Groups         []group
		Codes          []code
		Schemas        []shape
	}
	group struct {
		Name, About string
		Operations  []entry
	}
	entry struct {
		ID, Method, Path, Summary string
		About                     template.HTML
		Who, Curl                 string
		Parameters                []field
		Body                      *shape
		Examples                  []example
		Answers                   []answer
	}
	answer struct {
		Status  string
		About   template.HTML
		Type    template.HTML
		Samples []example
	}
	example struct{ Name, Text string }
	code    struct {
		Name  string
		About template.HTML
	}
	shape struct {
		Name   string
		Type   template.HTML
		About  template.HTML
		Fields []field
	}
	field struct {
		Name, In string
		Required bool
		Type     template.HTML
		About    template.HTML
	}
)

// maker turns parts of the contract into parts of the page.
type maker struct {
	*contract
	markdown goldmark.Markdown
	err      error
}

func render(w io.Writer, text []byte) error {
	c, err := parse(text)
	if err != nil {
		return err
	}
	m := &maker{contract: c, markdown: goldmark.New(goldmark.WithExtensions(extension.Table))}
	p := page{Title: c.Info.Title, Version: c.Info.Version, About: m.html(c.Info.Description)}
	for _, tag := range c.Tags {
		g := group{Name: tag.Name, About: tag.Description}
		for _, op := range c.operations(tag.Name) {
			g.Operations = append(g.Operations, m.entry(op))
		}
		p.Groups = append(p.Groups, g)
	}
	for _, name := range c.names("components", "schemas") {
		p.Schemas = append(p.Schemas, m.shape(name, c.Components.Schemas[name]))
	}
	p.Codes = m.codes()
	if m.err != nil {
		return m.err
	}
	t, err := template.New("page").Parse(pageText)
	if err != nil {
		return err
	}
	return t.Execute(w, p)
}

// html is CommonMark as HTML; the contract is ours, and so trusted.
func (m *maker) html(markdown string) template.HTML {
	var b bytes.Buffer
	if err := m.markdown.Convert([]byte(markdown), &b); err != nil && m.err == nil {
		m.err = err
	}
	return template.HTML(strings.TrimSpace(b.String())) //nolint:gosec // from our own contract
}

func (m *maker) entry(op operation) entry {
	e := entry{ID: op.OperationID, Method: op.Method, Path: op.Path, Summary: op.Summary, About: m.html(op.Description), Who: m.who(op.Operation)}
	for _, p := range op.Parameters {
		e.Parameters = append(e.Parameters, m.field(p.Value.Name, p.Value.In, p.Value.Required, p.Value.Schema, p.Value.Description))
	}
	body := ""
	if op.RequestBody != nil {
		if media := op.RequestBody.Value.Content.Get("application/json"); media != nil {
			shape := m.shape(schemaName(media.Schema), media.Schema)
			e.Body, e.Examples = &shape, m.examples(media)
			if len(e.Examples) > 0 {
				body = e.Examples[0].Text
			}
		}
	}
	e.Curl = curl(op, body, e.Who)
	for _, status := range slices.Sorted(maps.Keys(op.Responses.Map())) {
		e.Answers = append(e.Answers, m.answer(status, op.Responses.Value(status)))
	}
	return e
}

func (m *maker) answer(status string, r *openapi3.ResponseRef) answer {
	a := answer{Status: status, About: m.html(*r.Value.Description)}
	for _, kind := range slices.Sorted(maps.Keys(r.Value.Content)) {
		media := r.Value.Content[kind]
		if kind == "application/json" {
			a.Type = m.kind(media.Schema)
			if status < "400" { // failures are all of one shape
				a.Samples = m.examples(media)
			}
		} else {
			a.Type = template.HTML("<code>" + template.HTMLEscapeString(kind) + "</code>") //nolint:gosec // escaped
		}
	}
	return a
}

// who says which credentials open an operation.
func (m *maker) who(op *openapi3.Operation) string {
	if op.Security != nil && len(*op.Security) == 0 {
		return "nobody has to prove who they are"
	}
	return ""
}

func (m *maker) examples(media *openapi3.MediaType) (all []example) {
	for _, name := range slices.Sorted(maps.Keys(media.Examples)) {
		one := media.Examples[name].Value
		text, err := json.MarshalIndent(one.Value, "", "  ")
		if err != nil {
			m.err = fmt.Errorf("example %s: %w", name, err)
			return nil
		}
		title := one.Summary
		if title == "" {
			title = name
		}
		all = append(all, example{title, string(text)})
	}
	return all
}

// codes are the failures that callers can meet, from the words of the contract's enumeration.
func (m *maker) codes() (all []code) {
	ref := m.Components.Schemas["ErrorCode"]
	if ref == nil {
		return nil
	}
	words, _ := ref.Value.Extensions["x-enumDescriptions"].(map[string]any)
	for _, name := range ref.Value.Enum {
		about, _ := words[fmt.Sprint(name)].(string)
		all = append(all, code{fmt.Sprint(name), m.html(about)})
	}
	return all
}

// curl is a call as a shell makes it.
func curl(op operation, body, who string) string {
	var b strings.Builder
	fmt.Fprintf(&b, "curl -X %s \"$CRM_CONNECTORS_URL/functions/v1%s", op.Method, op.Path)
	sep := "?"
	for _, p := range op.Parameters {
		if p.Value.In == "query" && p.Value.Required {
			fmt.Fprintf(&b, "%s%s=%v", sep, p.Value.Name, p.Value.Example)
			sep = "&"
		}
	}
	b.WriteString("\"")
	if who == "" {
		b.WriteString(" \\\n  -H \"apikey: $CRM_CONNECTORS_KEY\"")
	}
	if body != "" {
		b.WriteString(" \\\n  -H 'Content-Type: application/json' \\\n  -d '" + strings.ReplaceAll(body, "'", `'\''`) + "'")
	}
	text := b.String()
	for _, p := range op.Parameters {
		if p.Value.In == "path" {
			text = strings.ReplaceAll(text, "{"+p.Value.Name+"}", fmt.Sprint(p.Value.Example))
		}
	}
	return text
}
