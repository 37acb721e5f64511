package simsalesforce

import (
	"html/template"
	"net/http"
)

var homePage = template.Must(template.New("home").Parse(`<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>Simulated Salesforce</title>
<style>body{font:15px sans-serif;margin:2rem}table{border-collapse:collapse;margin-bottom:2rem}td,th{border:1px solid #bbb;padding:.25rem .5rem;
text-align:left;vertical-align:top;white-space:pre-wrap}</style></head>
<body><h1>Simulated Salesforce org {{.Org}}</h1>
{{range .Tables}}<h2>{{.Name}} ({{len .Rows}})</h2>
{{if .Rows}}<table><tr>{{range .Columns}}<th>{{.}}</th>{{end}}</tr>
{{range .Rows}}<tr>{{range .}}<td>{{.}}</td>{{end}}</tr>
{{end}}</table>{{end}}
{{end}}</body></html>
`))

const homeRows = 100

type homeTable struct {
	Name    string
	Columns []string
	Rows    [][]string
}

// home is a page for people: the newest records of the org.
func (s *Sim) home(w http.ResponseWriter, _ *http.Request) {
	tables := []homeTable{
		{Name: "Task", Columns: []string{"Id", "Subject", "Status", "ActivityDate", "WhoId", "WhatId", "Description"}},
		{Name: "Lead", Columns: []string{"Id", "Name", "Company", "Email", "Status", "IsConverted", "LastModifiedDate"}},
		{Name: "Contact", Columns: []string{"Id", "Name", "Email", "AccountId", "LastModifiedDate"}},
		{Name: "Opportunity", Columns: []string{"Id", "Name", "StageName", "AccountId"}},
		{Name: "User", Columns: []string{"Id", "Name", "Email", "IsActive"}},
	}
	s.mu.Lock()
	for i := range tables {
		tables[i].fill(s.tables[tables[i].Name])
	}
	s.mu.Unlock()
	w.Header().Set("Content-Type", "text/html;charset=UTF-8")
	_ = homePage.Execute(w, map[string]any{"Org": orgID, "Tables": tables}) // the browser went away
}

func (h *homeTable) fill(t *table) {
	for i := len(t.rows) - 1; i >= 0 && len(h.Rows) < homeRows; i-- {
		if t.rows[i].Deleted {
			continue
		}
		row := make([]string, 0, len(h.Columns))
		for _, c := range h.Columns {
			row = append(row, asText(t.rows[i].Fields[c]))
		}
		h.Rows = append(h.Rows, row)
	}
}
