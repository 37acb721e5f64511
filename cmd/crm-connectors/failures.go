package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"strings"

	"crm-connectors/api"
	"crm-connectors/connectors"
	"crm-connectors/connectors/hubspot"
	"crm-connectors/connectors/salesforce"
	"crm-connectors/handlers"
)

func failuresCommand() command {
	c := command{name: "failures", group: groupOperate, summary: "List all error codes, what they mean and what to do", usage: `Usage: crm-connectors failures [--json]

Prints the catalogue of everything that can go wrong as Markdown: each code with its meaning, what a person does, and how it
is known. It comes from the tables that the running service judges by.

Example
  crm-connectors failures --json`}
	c.run = func(_ context.Context, e env) error {
		fs := newFlags(c)
		asJSON := fs.Bool("json", false, "print JSON")
		if err := parseFlags(fs, c, e); err != nil {
			return err
		}
		if !*asJSON {
			return writeCatalogue(e.stdout, catalogue())
		}
		enc := json.NewEncoder(e.stdout)
		enc.SetIndent("", "  ")
		enc.SetEscapeHTML(false)
		return enc.Encode(catalogue())
	}
	return c
}

// section is one part of the catalogue.
type section struct {
	Title string       `json:"title"`
	About string       `json:"about"`
	Codes []codeReport `json:"codes"`
}

type codeReport struct {
	Code   string        `json:"code"`
	Causes []causeReport `json:"causes"`
}

type causeReport struct {
	Class  string `json:"class,omitempty"`
	Status int    `json:"status,omitempty"` // HTTP API only
	Means  string `json:"means"`
	Action string `json:"action"`
	Source string `json:"source"`
}

func catalogue() []section {
	var ours []codeReport
	for _, code := range apiCodes() {
		e := &api.Error{Code: code}
		ours = append(ours, codeReport{Code: string(code), Causes: []causeReport{
			{Status: e.Status(), Means: strings.TrimSuffix(e.Text(), ".") + ".", Action: handlers.NextActions()[code], Source: fmt.Sprintf("HTTP %d, openapi.yaml", e.Status())}}})
	}
	return []section{
		{Title: "HTTP API", About: "The `code` of an answer that is no success.", Codes: ours},
		{Title: "HubSpot", About: "On a write or a connection, where HubSpot answered or did not.", Codes: grouped(hubspot.Failures())},
		{Title: "Salesforce", About: "On a write or a connection, where Salesforce answered or did not.", Codes: grouped(salesforce.Failures())},
		{Title: "The service itself", About: "On a write or a connection of either CRM, where no CRM said so.", Codes: grouped(ownFailures())},
	}
}

// grouped puts the causes of one code together, at the place of the first.
func grouped(lines []connectors.Failure) []codeReport {
	at := map[string]int{}
	var out []codeReport
	for _, f := range lines {
		i, ok := at[f.Code]
		if !ok {
			i = len(out)
			at[f.Code] = i
			out = append(out, codeReport{Code: f.Code})
		}
		out[i].Causes = append(out[i].Causes, causeReport{Class: string(f.Class), Means: f.Cause, Action: f.Action, Source: f.Source})
	}
	return out
}

const catalogueHead = `# Error codes

Made by ` + "`crm-connectors failures`" + `; not for editing. A code is stable; the words beside it may become better. On a write the
CRM's own words may follow the meaning. What the service does by itself:

| Class | What happens |
|---|---|
| retry | Not executed, or harmless to repeat: tried again by itself. |
| in_doubt | It may have been executed: looked for before anything else. Reads and updates are simply repeated. |
| needs_auth | The access token was refused: renewed once, then tried again. |
| needs_reconnect | The access is gone: the writes wait until the customer reconnects. |
| misconfigured | This service's own registration or settings are refused: the operator acts. |
| rejected | Not executed, and would never be: a person changes something, then retries. |
`

func writeCatalogue(w io.Writer, sections []section) error {
	var b strings.Builder
	b.WriteString(catalogueHead)
	for _, s := range sections {
		fmt.Fprintf(&b, "\n## %s\n\n%s\n\n| Code | What it means | What to do | Known from |\n|---|---|---|---|\n", s.Title, s.About)
		for _, c := range s.Codes {
			name := "`" + c.Code + "`"
			for _, cause := range c.Causes {
				means := cell(cause.Means)
				if cause.Class != "" {
					means += " (" + cause.Class + ")"
				}
				fmt.Fprintf(&b, "| %s | %s | %s | %s |\n", name, means, cell(cause.Action), cell(cause.Source))
				name = "" // further causes stand under the same code
			}
		}
	}
	_, err := io.WriteString(w, b.String())
	return err
}

// cell keeps a text inside its cell of a table.
func cell(s string) string { return strings.ReplaceAll(strings.ReplaceAll(s, "|", `\|`), "\n", " ") }
