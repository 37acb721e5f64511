package salesforce

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"strconv"
	"strings"

	"crm-connectors/connectors"
)

// record is what a query gives of a lead, contact or task, as far as it was asked for.
type record struct {
	ID                     string `json:"Id"`
	IsDeleted              bool   `json:"IsDeleted"`
	CreatedDate            stamp  `json:"CreatedDate"`
	IsConverted            bool   `json:"IsConverted"`
	ConvertedContactID     string `json:"ConvertedContactId"`
	ConvertedOpportunityID string `json:"ConvertedOpportunityId"`
	Email                  string `json:"Email"`
	WhoID                  string `json:"WhoId"`
	WhatID                 string `json:"WhatId"`
	Subject                string `json:"Subject"`
	Description            string `json:"Description"`
	fields
	marked
}

// page is an answer to a query; more is where the rest is, below the version; empty: that was all.
type page struct {
	records []record
	more    string
}

const (
	maxQueries = 5      // of one composite call
	smallPage  = 200    // the least that Salesforce goes down to, for records with long texts
	maxRecords = 10_000 // that are looked through
)

var smallPages = [2]string{"Sforce-Query-Options", "batchSize=" + strconv.Itoa(smallPage)}

// queries runs up to five queries in one composite call, which counts as one. Any that fails fails all.
func (st *step) queries(ctx context.Context, qs ...query) ([][]record, *connectors.Error) {
	pages, failures, err := st.eachQuery(ctx, qs...)
	if err != nil {
		return nil, err
	}
	out := make([][]record, len(qs))
	for i := range qs {
		if failures[i] != nil {
			return nil, failures[i]
		}
		out[i] = pages[i].records
	}
	return out, nil
}

// eachQuery is queries whose queries fail by themselves. The error is the call's own.
func (st *step) eachQuery(ctx context.Context, qs ...query) ([]page, []*connectors.Error, *connectors.Error) {
	body, place := st.askFor(qs)
	reply, err := st.call(ctx, connectors.Read, http.MethodPost, "/composite", "/composite", body)
	if err != nil {
		return nil, nil, err
	}
	var answer struct {
		CompositeResponse []struct {
			Body           json.RawMessage `json:"body"`
			HTTPStatusCode int             `json:"httpStatusCode"`
			ReferenceID    string          `json:"referenceId"`
		} `json:"compositeResponse"`
	}
	if err := json.Unmarshal(reply.Body, &answer); err != nil {
		return nil, nil, unreadable(connectors.Read, reply.Status, err)
	}
	pages, failures := make([]page, len(qs)), make([]*connectors.Error, len(qs))
	for i := range qs {
		failures[i] = unreadable(connectors.Read, reply.Status, errors.New("a query without an answer"))
	}
	for _, sub := range answer.CompositeResponse {
		i, asked := place[sub.ReferenceID]
		if !asked {
			return nil, nil, unreadable(connectors.Read, reply.Status, errors.New("an answer to nothing that was asked"))
		}
		failures[i] = nil
		if sub.HTTPStatusCode != http.StatusOK {
			failures[i] = classifyOn(qs[i].object, connectors.Read, connectors.Reply{Status: sub.HTTPStatusCode, Body: sub.Body}, st.c.cfg.Now())
			continue
		}
		pages[i], failures[i] = st.readPage(sub.Body, reply.Status)
	}
	return pages, failures, nil
}

type subrequest struct {
	Method      string            `json:"method"`
	ReferenceID string            `json:"referenceId"`
	URL         string            `json:"url"`
	HTTPHeaders map[string]string `json:"httpHeaders,omitempty"`
}

type compositeBody struct {
	AllOrNone          bool         `json:"allOrNone"`
	CollateSubrequests bool         `json:"collateSubrequests"`
	CompositeRequest   []subrequest `json:"compositeRequest"`
}

// askFor is the body of the call, and which query each reference id stands for.
func (st *step) askFor(qs []query) (body compositeBody, place map[string]int) {
	place = map[string]int{}
	for i, q := range qs {
		id := q.object
		if _, taken := place[id]; taken {
			id += strconv.Itoa(i)
		}
		part := subrequest{Method: http.MethodGet, ReferenceID: id, URL: q.path(st.c.cfg.Version)}
		if q.small {
			part.HTTPHeaders = map[string]string{smallPages[0]: smallPages[1]}
		}
		body.CompositeRequest = append(body.CompositeRequest, part)
		place[id] = i
	}
	return body, place
}

// query runs one query by itself, without its further pages.
func (st *step) query(ctx context.Context, q query) ([]record, *connectors.Error) {
	p, err := st.page(ctx, q.below(), q.resource(), q.small)
	return p.records, err
}

// rest gives the records of a page and of all that follow it; false: there are more than are looked through.
func (st *step) rest(ctx context.Context, p page, small bool) ([]record, bool, *connectors.Error) {
	out := p.records
	for p.more != "" {
		if len(out) >= maxRecords {
			return nil, false, nil
		}
		var err *connectors.Error
		if p, err = st.page(ctx, p.more, "/query/{cursor}", small); err != nil {
			return nil, false, err
		}
		out = append(out, p.records...)
	}
	return out, true, nil
}

func (st *step) page(ctx context.Context, path, route string, small bool) (page, *connectors.Error) {
	var extra [][2]string
	if small {
		extra = append(extra, smallPages)
	}
	reply, err := st.call(ctx, connectors.Read, http.MethodGet, path, route, nil, extra...)
	if err != nil {
		return page{}, err
	}
	return st.readPage(reply.Body, reply.Status)
}

func (st *step) readPage(body []byte, status int) (page, *connectors.Error) {
	var in struct {
		Records []record `json:"records"`
		Next    string   `json:"nextRecordsUrl"`
	}
	if err := json.Unmarshal(body, &in); err != nil {
		return page{}, unreadable(connectors.Read, status, err)
	}
	for _, r := range in.Records { // ids become parts of paths
		if _, ok := canonicalID(r.ID); !ok {
			return page{}, unreadable(connectors.Read, status, errors.New("a record has no id"))
		}
	}
	more, ours := strings.CutPrefix(in.Next, st.prefix())
	if in.Next != "" && !ours {
		return page{}, unreadable(connectors.Read, status, errors.New("the next page is somewhere else"))
	}
	return page{records: in.Records, more: more}, nil
}
