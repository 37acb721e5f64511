package simsalesforce

import (
	"fmt"
	"net/http"
	"net/url"
	"regexp"
	"strconv"
	"strings"

	"crm-connectors/sim"
)

const (
	oldestVersion = 41
	newestVersion = 68
)

var versionSegment = regexp.MustCompile(`^v([0-9]{2})\.0$`)

// call is one request to the data API, over HTTP or as a part of a composite, while it holds the
// simulator's lock.
type call struct {
	s       *Sim
	tx      *tx
	version int
	method  string
	path    []string // below /services/data/vXX.0, unescaped
	query   url.Values
	header  http.Header
	body    []byte
	inside  bool   // a part of a composite
	home    string // the org's URL as the client sees it
}

// data serves /services/data/vXX.0/….
func (s *Sim) data(w http.ResponseWriter, r *http.Request) {
	if s.closed(w, r) {
		return
	}
	body, no := readBody(w, r)
	if no != nil {
		sim.WriteJSON(w, no.status, no.body())
		return
	}
	path := strings.TrimPrefix(r.URL.EscapedPath(), "/services/data/")
	answer := s.answer(r, path, body)
	for k, v := range answer.header {
		w.Header().Set(k, v)
	}
	if answer.body == nil {
		w.WriteHeader(answer.status)
		return
	}
	sim.WriteJSON(w, answer.status, answer.body)
}

func (s *Sim) answer(r *http.Request, path string, body []byte) reply {
	s.mu.Lock()
	defer s.mu.Unlock()
	if no := s.session(r); no != nil {
		return no.reply()
	}
	c := &call{s: s, tx: &tx{s: s}, method: r.Method, query: r.URL.Query(), header: r.Header, body: body, home: s.baseURL(r)}
	limit, no := s.spend()
	if no == nil {
		no = c.locate(path)
	}
	answer := reply{}
	if no != nil {
		answer = no.reply()
	} else {
		answer = c.run()
	}
	if err := c.tx.commit(); err != nil {
		answer = refuse(http.StatusInternalServerError, "UNKNOWN_EXCEPTION", err.Error()).reply()
	}
	header := map[string]string{"Sforce-Limit-Info": limit}
	for k, v := range answer.header {
		header[k] = v
	}
	answer.header = header
	return answer
}

// locate splits the escaped path below /services/data/ into version and segments.
func (c *call) locate(path string) *refusal {
	for i, segment := range strings.Split(strings.Trim(path, "/"), "/") {
		plain, err := url.PathUnescape(segment)
		if err != nil {
			return notFound()
		}
		if i > 0 {
			c.path = append(c.path, plain)
			continue
		}
		m := versionSegment.FindStringSubmatch(plain)
		if m == nil {
			return notFound()
		}
		c.version, _ = strconv.Atoi(m[1]) // two digits: cannot fail
	}
	switch {
	case c.version < oldestVersion:
		return refuse(http.StatusGone, "UNSUPPORTED_API_VERSION", "The requested API version has been retired")
	case c.version > newestVersion:
		return notFound()
	}
	return nil
}

// run routes the call. A refused write leaves nothing behind.
func (c *call) run() reply {
	before := c.tx.mark()
	answer := c.route()
	if answer.status >= 300 {
		c.tx.rollback(before)
	}
	return answer
}

func (c *call) route() reply {
	if len(c.path) == 0 {
		return c.onlyGet(c.resources)
	}
	rest := c.path[1:]
	switch c.path[0] {
	case "query":
		return c.onlyGet(func() reply { return c.runQuery(rest, false) })
	case "queryAll":
		return c.onlyGet(func() reply { return c.runQuery(rest, true) })
	case "limits":
		return c.onlyGet(c.limits)
	case "sobjects":
		return c.sobjects(rest)
	case "composite":
		if len(rest) == 0 && !c.inside {
			return c.composite()
		}
		if len(rest) > 0 && rest[0] == "sobjects" {
			return c.collections(rest[1:])
		}
	}
	return notFound().reply()
}

func (c *call) base() string { return fmt.Sprintf("/services/data/v%d.0", c.version) }

func (c *call) onlyGet(answer func() reply) reply {
	if c.method != http.MethodGet && c.method != http.MethodHead {
		return c.wrongMethod("GET, HEAD")
	}
	return answer()
}

func (c *call) wrongMethod(allowed string) reply {
	no := refuse(http.StatusMethodNotAllowed, "METHOD_NOT_ALLOWED",
		fmt.Sprintf("HTTP Method '%s' not allowed. Allowed are %s", c.method, allowed)).reply()
	no.header = map[string]string{"Allow": allowed}
	return no
}

// fields reads the body as the fields of one record.
func (c *call) fields() (map[string]any, *refusal) {
	var raw map[string]any
	if no := parseJSON(c.body, &raw); no != nil {
		return nil, no
	}
	if raw == nil {
		return nil, parserError("Cannot deserialize instance of record from VALUE_NULL value null")
	}
	return raw, nil
}

func (c *call) resources() reply {
	out := map[string]string{"identity": identityURL(c.home)}
	for _, name := range []string{"composite", "limits", "query", "queryAll", "sobjects"} {
		out[name] = c.base() + "/" + name
	}
	return ok(out)
}
