package hubspot

import (
	"bytes"
	"encoding/json"
	"fmt"
	"time"
	"unicode/utf8"
)

// text is a value that HubSpot writes as a string in one version and as a number in the next. Null is "".
type text string

// UnmarshalJSON takes a string, a number, a boolean or null.
func (t *text) UnmarshalJSON(data []byte) error {
	switch {
	case bytes.Equal(data, []byte("null")):
		*t = ""
	case data[0] == '"':
		if inner := data[1 : len(data)-1]; bytes.IndexByte(inner, '\\') < 0 && utf8.Valid(inner) {
			*t = text(inner)
			return nil
		}
		var s string
		if err := json.Unmarshal(data, &s); err != nil {
			return fmt.Errorf("text: %w", err)
		}
		*t = text(s)
	case data[0] == '{' || data[0] == '[':
		return fmt.Errorf("text: found %.20q", data)
	default:
		*t = text(data)
	}
	return nil
}

// record is an object as HubSpot answers with it.
type record struct {
	ID           text              `json:"id"`
	Properties   map[string]text   `json:"properties"`
	CreatedAt    text              `json:"createdAt"`
	Archived     bool              `json:"archived"`
	New          bool              `json:"new"`                // of an upsert
	TraceID      text              `json:"objectWriteTraceId"` // of a batch: which input it came from
	Associations map[string]linked `json:"associations"`
}

// linked are the records of one type that a record is associated with.
type linked struct {
	Results []linkedID `json:"results"`
}

type linkedID struct {
	ID text `json:"id"`
}

// created is when the record was made; the zero time where HubSpot does not say.
func (r record) created() time.Time {
	for _, at := range []text{r.CreatedAt, r.Properties["hs_createdate"]} {
		if t, err := time.Parse(time.RFC3339, string(at)); err == nil {
			return t
		}
	}
	return time.Time{}
}

// linkedTo tells whether the record is associated with l.
func (r record) linkedTo(l link) bool {
	for _, other := range r.Associations[l.typ].Results {
		if string(other.ID) == l.id {
			return true
		}
	}
	return false
}

// page is one page of a search or a list.
type page struct {
	Total   int      `json:"total"`
	Results []record `json:"results"`
	Paging  paging   `json:"paging"`
}

type paging struct {
	Next struct {
		After text `json:"after"`
	} `json:"next"`
}

// query is the body of a search. A record must pass all filters of one of the groups.
type query struct {
	Groups     []group   `json:"filterGroups"`
	Properties []string  `json:"properties"`
	Sorts      []sorting `json:"sorts,omitempty"`
	Limit      int       `json:"limit"`
	After      string    `json:"after,omitempty"`
}

type group struct {
	Filters []filter `json:"filters"`
}

type filter struct {
	Property string `json:"propertyName"`
	Operator string `json:"operator"`
	Value    string `json:"value,omitempty"`
}

type sorting struct {
	Property  string `json:"propertyName"`
	Direction string `json:"direction"`
}

// batch is the answer of a batch endpoint: 200 and 201, and 207 where some inputs failed. Errors may stand in any of them.
type batch struct {
	Results []record          `json:"results"`
	Errors  []json.RawMessage `json:"errors"`
}

// writtenBatch is the answer of a batch create or update. The properties, which are most of it, are read only where the trace id is missing.
type writtenBatch struct {
	Results []struct {
		ID         text            `json:"id"`
		TraceID    text            `json:"objectWriteTraceId"`
		Properties json.RawMessage `json:"properties"`
	} `json:"results"`
	Errors []json.RawMessage `json:"errors"`
}

// records are the results.
func (w writtenBatch) records() []record {
	out := make([]record, len(w.Results))
	for i, r := range w.Results {
		out[i] = record{ID: r.ID, TraceID: r.TraceID}
		if r.TraceID == "" {
			_ = json.Unmarshal(r.Properties, &out[i].Properties) // what cannot be read is nobody's
		}
	}
	return out
}

// newRecord is the body of a create, and without associations that of an update.
type newRecord struct {
	Properties   map[string]string `json:"properties"`
	Associations []association     `json:"associations,omitempty"`
}

type association struct {
	To    target            `json:"to"`
	Types []associationType `json:"types"`
}

type target struct {
	ID string `json:"id"`
}

type associationType struct {
	Category string `json:"associationCategory"`
	TypeID   int    `json:"associationTypeId"`
}

// encode is JSON without the escapes that json.Marshal makes for web pages, so that a planned call
// reads as it is meant.
func encode(v any) ([]byte, error) {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(v); err != nil {
		return nil, fmt.Errorf("encode request: %w", err)
	}
	return bytes.TrimRight(b.Bytes(), "\n"), nil
}
