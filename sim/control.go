package sim

import (
	"encoding/json"
	"net/http"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"time"
)

// Calls counts requests by method and path shape. Record ids in a path become {id}, so that the
// counts stay few. Safe for concurrent use.
type Calls struct {
	mu sync.Mutex
	n  map[string]int
}

var (
	idSegment = regexp.MustCompile(`^(\d+|[a-zA-Z0-9]{15}|[a-zA-Z0-9]{18}|[a-zA-Z0-9_-]{20,}|[^@]+@[^@]+)$`)
	// free are the paths that count against no CRM's budget: pages for people, sign-in, discovery.
	free = regexp.MustCompile(`^\S+ (/|/services/data/|/id/.*|/\.well-known/.*|.*/oauth.*)$`)
)

func (c *Calls) count(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		parts := strings.Split(r.URL.Path, "/")
		for i, p := range parts {
			if idSegment.MatchString(p) && strings.ContainsAny(p, "0123456789@") {
				parts[i] = "{id}"
			}
		}
		c.mu.Lock()
		if c.n == nil {
			c.n = map[string]int{}
		}
		c.n[r.Method+" "+strings.Join(parts, "/")]++
		c.mu.Unlock()
		next.ServeHTTP(w, r)
	})
}

// Snapshot is a copy of the counts.
func (c *Calls) Snapshot() map[string]int {
	c.mu.Lock()
	defer c.mu.Unlock()
	out := make(map[string]int, len(c.n))
	for k, v := range c.n {
		out[k] = v
	}
	return out
}

// API is the number of calls so far that count against a CRM's budget.
func (c *Calls) API() int {
	n := 0
	for k, v := range c.Snapshot() {
		if !free.MatchString(k) {
			n += v
		}
	}
	return n
}

// control mounts the routes that both simulators have.
func (c *Core) control(mux *http.ServeMux) {
	mux.HandleFunc("GET /__sim/health", func(w http.ResponseWriter, _ *http.Request) {
		WriteJSON(w, http.StatusOK, map[string]string{"status": "ok", "crm": c.CRM})
	})
	mux.HandleFunc("POST /__sim/faults", func(w http.ResponseWriter, r *http.Request) {
		var f Fault
		dec := json.NewDecoder(http.MaxBytesReader(w, r.Body, 1<<20))
		dec.DisallowUnknownFields()
		err := dec.Decode(&f)
		if err == nil {
			err = c.Faults.Add(f)
		}
		if err != nil {
			WriteJSON(w, http.StatusBadRequest, map[string]string{"error": err.Error()})
			return
		}
		WriteJSON(w, http.StatusCreated, f)
	})
	mux.HandleFunc("GET /__sim/faults", func(w http.ResponseWriter, _ *http.Request) {
		WriteJSON(w, http.StatusOK, map[string]int{"fired": c.Faults.Fired(), "late": c.Faults.Late()})
	})
	mux.HandleFunc("DELETE /__sim/faults", func(w http.ResponseWriter, _ *http.Request) {
		c.Faults.Clear()
		w.WriteHeader(http.StatusNoContent)
	})
	mux.HandleFunc("GET /__sim/oplog", func(w http.ResponseWriter, r *http.Request) {
		after, _ := strconv.ParseInt(r.URL.Query().Get("after"), 10, 64)
		WriteJSON(w, http.StatusOK, map[string]any{"entries": c.Log.Entries(after)})
	})
	mux.HandleFunc("GET /__sim/calls", func(w http.ResponseWriter, _ *http.Request) {
		WriteJSON(w, http.StatusOK, map[string]any{"api": c.Calls.API(), "calls": c.Calls.Snapshot()})
	})
	mux.HandleFunc("POST /__sim/clock", func(w http.ResponseWriter, r *http.Request) {
		d, err := time.ParseDuration(r.URL.Query().Get("advance"))
		if err != nil || d < 0 {
			WriteJSON(w, http.StatusBadRequest, map[string]string{"error": "advance wants a duration such as 31m"})
			return
		}
		c.Clock.Advance(d)
		WriteJSON(w, http.StatusOK, map[string]time.Time{"now": c.Clock.Now()})
	})
}

// WriteJSON answers with a JSON body.
func WriteJSON(w http.ResponseWriter, status int, body any) {
	w.Header().Set("Content-Type", "application/json;charset=UTF-8")
	w.WriteHeader(status)
	enc := json.NewEncoder(w)
	enc.SetEscapeHTML(false)
	_ = enc.Encode(body) // the client went away: nothing to do about it
}
