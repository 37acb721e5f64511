package simsalesforce

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"regexp"
	"strconv"
	"strings"
)

const (
	maxParts   = 25
	maxQueries = 5 // query, queryAll and collections among them
)

var (
	referenceID = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9_]*$`)
	placeholder = regexp.MustCompile(`@\{([^{}]*)\}`)
)

type compositeRequest struct {
	AllOrNone bool            `json:"allOrNone"`
	Collate   bool            `json:"collateSubrequests"`
	Parts     []compositePart `json:"compositeRequest"`
}

type compositePart struct {
	Method  string            `json:"method"`
	URL     string            `json:"url"`
	ID      string            `json:"referenceId"`
	Body    json.RawMessage   `json:"body"`
	Headers map[string]string `json:"httpHeaders"`
}

type compositeResult struct {
	Body    any               `json:"body"`
	Headers map[string]string `json:"httpHeaders"`
	Status  int               `json:"httpStatusCode"`
	ID      string            `json:"referenceId"`
}

// composite runs up to 25 calls as one. The answer as a whole is 200 whatever the parts say.
func (c *call) composite() reply {
	if c.method != http.MethodPost {
		return c.wrongMethod("POST")
	}
	var in compositeRequest
	if no := parseJSON(c.body, &in); no != nil {
		return no.reply()
	}
	if no := checkParts(in.Parts); no != nil {
		return no.reply()
	}
	before, failed := c.tx.mark(), -1
	results, values := make([]compositeResult, 0, len(in.Parts)), map[string]any{}
	for i, part := range in.Parts {
		answer := c.runPart(part, values)
		values[part.ID] = plain(answer.body)
		results = append(results, compositeResult{answer.body, headersOf(answer), answer.status, part.ID})
		if failed < 0 && answer.status >= 300 {
			failed = i
		}
		if failed >= 0 && in.AllOrNone {
			break
		}
	}
	if failed >= 0 && in.AllOrNone {
		c.tx.rollback(before)
		results = halted(in.Parts, results[failed], failed)
	}
	return ok(map[string]any{"compositeResponse": results})
}

func headersOf(r reply) map[string]string {
	if r.header == nil {
		return map[string]string{}
	}
	return r.header
}

// halted is what allOrNone leaves of the answers: the failed one, and that the others did not happen.
func halted(parts []compositePart, failure compositeResult, failed int) []compositeResult {
	no := refuse(http.StatusBadRequest, "PROCESSING_HALTED",
		"The transaction was rolled back since another operation in the same transaction failed.")
	out := make([]compositeResult, 0, len(parts))
	for i, p := range parts {
		if i == failed {
			out = append(out, failure)
			continue
		}
		out = append(out, compositeResult{no.body(), map[string]string{}, no.status, p.ID})
	}
	return out
}

func checkParts(parts []compositePart) *refusal {
	queries, seen := 0, map[string]bool{}
	for _, p := range parts {
		if !referenceID.MatchString(p.ID) {
			return refuse(http.StatusBadRequest, "INVALID_INPUT", "The reference id '"+p.ID+"' has characters that are not allowed.")
		}
		if seen[p.ID] {
			return refuse(http.StatusBadRequest, "INVALID_INPUT", "Duplicate reference id '"+p.ID+"'.")
		}
		seen[p.ID] = true
		if strings.Contains(p.URL, "/query") || strings.Contains(p.URL, "/composite/sobjects") {
			queries++
		}
	}
	switch {
	case len(parts) == 0:
		return refuse(http.StatusBadRequest, "INVALID_INPUT", "compositeRequest has no subrequests.")
	case len(parts) > maxParts:
		return refuse(http.StatusBadRequest, "LIMIT_EXCEEDED", "The limit of 25 subrequests was exceeded.")
	case queries > maxQueries:
		return refuse(http.StatusBadRequest, "LIMIT_EXCEEDED", "The limit of 5 query and collection subrequests was exceeded.")
	}
	return nil
}

// runPart runs one part, after the references to earlier answers in it are filled in.
func (c *call) runPart(part compositePart, values map[string]any) reply {
	address, no := resolve(part.URL, values, url.PathEscape)
	if no != nil {
		return no.reply()
	}
	body, no := resolve(string(part.Body), values, func(s string) string {
		quoted, _ := json.Marshal(s)
		return strings.Trim(string(quoted), `"`)
	})
	if no != nil {
		return no.reply()
	}
	if len(address) > maxURI {
		return refuse(http.StatusRequestURITooLong, "URI_TOO_LONG", "The subrequest's URI is too long").reply()
	}
	u, err := url.Parse(address)
	if err != nil || !strings.HasPrefix(u.Path, "/services/data/") {
		return notFound().reply()
	}
	sub := &call{s: c.s, tx: c.tx, method: part.Method, query: u.Query(), header: c.header.Clone(), body: []byte(body), inside: true, home: c.home}
	for name, value := range part.Headers {
		sub.header.Set(name, value)
	}
	if no := sub.locate(strings.TrimPrefix(u.EscapedPath(), "/services/data/")); no != nil {
		return no.reply()
	}
	return sub.run()
}

// resolve replaces @{refId.path} by values of earlier answers.
func resolve(text string, values map[string]any, escape func(string) string) (out string, no *refusal) {
	out = placeholder.ReplaceAllStringFunc(text, func(m string) string {
		path := m[2 : len(m)-1]
		id, rest, _ := strings.Cut(path, ".")
		found, known := follow(values[id], rest)
		if !known && no == nil {
			no = refuse(http.StatusBadRequest, "PROCESSING_HALTED", fmt.Sprintf(
				"Invalid reference specified. No value for %s found in %s. Do you have a typo in your reference?", path, id))
		}
		return escape(asText(found))
	})
	return out, no
}

// follow walks a path such as records[0].Id. Names have case: a create answers with id, a query
// with Id.
func follow(v any, path string) (any, bool) {
	for _, step := range strings.FieldsFunc(path, func(r rune) bool { return r == '.' || r == '[' || r == ']' }) {
		switch at := v.(type) {
		case map[string]any:
			v = at[step]
		case []any:
			i, err := strconv.Atoi(step)
			if err != nil || i < 0 || i >= len(at) {
				return nil, false
			}
			v = at[i]
		default:
			return nil, false
		}
	}
	switch v.(type) {
	case nil, map[string]any, []any:
		return nil, false
	}
	return v, true
}

// plain is a body as its JSON says it.
func plain(body any) any {
	text, err := json.Marshal(body)
	if err != nil {
		return nil
	}
	var out any
	_ = json.Unmarshal(text, &out) // its own output
	return out
}
