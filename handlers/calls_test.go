package handlers_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"crm-connectors/api"
	"crm-connectors/sim"

	"github.com/google/uuid"
)

// reply is an answer of the service.
type reply struct {
	t      *testing.T
	status int
	header http.Header
	body   []byte
}

// call sends body as JSON, unless it is nil, as one of Conduit's services does. headers are names and values.
func (d *desk) call(method, path string, body any, headers ...string) reply {
	d.t.Helper()
	var payload io.Reader
	if body != nil {
		raw, err := json.Marshal(body)
		if err != nil {
			d.t.Fatal(err)
		}
		payload = bytes.NewReader(raw)
	}
	req, err := http.NewRequestWithContext(d.t.Context(), method, d.url+"/functions/v1"+path, payload)
	if err != nil {
		d.t.Fatal(err)
	}
	req.Header.Set("apikey", serviceKey)
	for i := 0; i < len(headers); i += 2 {
		req.Header.Set(headers[i], headers[i+1])
	}
	return d.do(req)
}

// do sends a request and follows no redirect. It may be called from several goroutines.
func (d *desk) do(req *http.Request) reply {
	d.t.Helper()
	client := &http.Client{Timeout: 90 * time.Second, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	resp, err := client.Do(req)
	if err != nil {
		d.t.Errorf("%s %s: %v", req.Method, req.URL.Path, err)
		return reply{t: d.t, header: http.Header{}}
	}
	defer func() { _ = resp.Body.Close() }()
	raw, err := io.ReadAll(resp.Body)
	if err != nil {
		d.t.Errorf("%s %s: %v", req.Method, req.URL.Path, err)
	}
	_ = resp.Header.Write(d.seen)
	_, _ = d.seen.Write(append(raw, '\n'))
	return reply{t: d.t, status: resp.StatusCode, header: resp.Header, body: raw}
}

// decode reads the answer into a T and fails the test if its status is not the one wanted.
func decode[T any](r reply, status int) T {
	r.t.Helper()
	var out T
	if r.status != status {
		r.t.Fatalf("status %d, want %d: %s", r.status, status, r.body)
	}
	if err := json.Unmarshal(r.body, &out); err != nil {
		r.t.Fatalf("%v: %s", err, r.body)
	}
	return out
}

// refused checks that the answer is a failure with that status and code, and gives it.
func (r reply) refused(status int, code api.ErrorCode) api.ErrorEnvelope {
	r.t.Helper()
	e := decode[api.ErrorEnvelope](r, status)
	if e.Code != code || e.Message == "" {
		r.t.Fatalf("code %q (%s), want %q with a message", e.Code, e.Message, code)
	}
	return e
}

// listed is what GET /connections says of a CRM.
func (d *desk) listed(crm string) api.Connection {
	d.t.Helper()
	list := decode[api.ConnectionList](d.call(http.MethodGet, "/connections?workspace_id="+d.workspace.String(), nil), http.StatusOK)
	for _, c := range list.Connections {
		if string(c.Crm) == crm {
			return c
		}
	}
	d.t.Fatalf("no connection to %s in %+v", crm, list)
	return api.Connection{}
}

// core is the shared part of a CRM's simulator.
func (d *desk) core(crm string) *sim.Core {
	if crm == hubSpot {
		return d.hub.Core()
	}
	return d.org.Core()
}

// oauthCalls counts the calls to a CRM's OAuth endpoints whose path ends in tail; the pages of consent do not count.
func (d *desk) oauthCalls(crm, tail string) int {
	n := 0
	for call, times := range d.core(crm).Calls.Snapshot() {
		if strings.HasPrefix(call, "POST ") && strings.Contains(call, "/oauth") && !strings.HasSuffix(call, "/authorize") && strings.HasSuffix(call, tail) {
			n += times
		}
	}
	return n
}

// made counts what the CRMs say was done to objects of that name (contacts, tasks, notes, Lead, Task).
func (d *desk) made(op sim.Op, object string) int {
	n := 0
	for _, e := range d.oplog.Entries(0) {
		if e.Op == op && e.Object == object {
			n++
		}
	}
	return n
}

func (d *desk) fault(crm string, f sim.Fault) {
	d.t.Helper()
	if err := d.core(crm).Faults.Add(f); err != nil {
		d.t.Fatal(err)
	}
}

func (d *desk) write(id uuid.UUID) api.WriteDetail {
	d.t.Helper()
	return decode[api.WriteDetail](d.call(http.MethodGet, "/writes/"+id.String(), nil), http.StatusOK)
}

// until waits for a write to come into a status.
func (d *desk) until(id uuid.UUID, status api.WriteStatus) api.WriteDetail {
	d.t.Helper()
	var w api.WriteDetail
	d.eventually(fmt.Sprintf("the write is %s", status), func() bool { w = d.write(id); return w.Status == status })
	return w
}

func (d *desk) eventually(what string, done func() bool) {
	d.t.Helper()
	for deadline := time.Now().Add(30 * time.Second); !done(); time.Sleep(15 * time.Millisecond) {
		if time.Now().After(deadline) {
			d.t.Fatalf("after 30 s it is still not so that %s", what)
		}
	}
}

func (d *desk) exec(sql string, args ...any) {
	d.t.Helper()
	if _, err := d.pool.Exec(d.t.Context(), sql, args...); err != nil {
		d.t.Fatal(err)
	}
}

func (d *desk) count(sql string, args ...any) int {
	d.t.Helper()
	var n int
	if err := d.pool.QueryRow(d.t.Context(), sql, args...).Scan(&n); err != nil {
		d.t.Fatal(err)
	}
	return n
}
