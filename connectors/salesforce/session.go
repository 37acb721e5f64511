package salesforce

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"strings"

	"crm-connectors/connectors"
)

// session is one list of writes on its way to one org.
type session struct {
	c        *Connector
	account  connectors.Account
	instance string            // checked: https://acme.my.salesforce.com
	planning bool              // ids in braces are expected
	people   map[string]person // met in this list, by emailKey
	keyless  map[string]bool   // objects whose marker field turned out not to be there
}

// open checks where the account's token would go.
func (c *Connector) open(account connectors.Account) (*session, *connectors.Error) {
	instance, err := c.hosts.instance(account.InstanceURL)
	if err != nil {
		return nil, instanceRefused(err)
	}
	return &session{c: c, account: account, instance: instance, people: map[string]person{}, keyless: map[string]bool{}}, nil
}

func instanceRefused(err error) *connectors.Error {
	return &connectors.Error{Class: connectors.ClassMisconfigured, Code: "instance_url_refused",
		Cause:  "The address of the Salesforce org is not on an allowed host, so nothing was sent to it.",
		Action: "If the org lives in another Salesforce cloud, add its host to the trusted hosts.", Err: err}
}

// step is the work on one write of a session.
type step struct {
	*session
	doer  connectors.Doer
	write connectors.Write
	notes []connectors.Note
}

func (st *step) note(code, message string) {
	st.notes = append(st.notes, connectors.Note{Code: code, Message: message})
}

// prefix is where the data API's paths begin.
func (s *session) prefix() string { return "/services/data/" + s.c.cfg.Version }

// call sends a request below /services/data/vNN.0 and classifies every answer that is no success.
func (st *step) call(ctx context.Context, effect connectors.Effect, method, path, route string, body any, extra ...[2]string) (connectors.Reply, *connectors.Error) {
	call := connectors.Call{Method: method, URL: st.instance + st.prefix() + path, Route: st.prefix() + route, Effect: effect,
		Header: connectors.JSONHeader(st.account.AccessToken), Account: st.account.ID}
	for _, h := range extra {
		call.Header.Set(h[0], h[1])
	}
	if body != nil {
		data, err := encode(body)
		if err != nil {
			return connectors.Reply{}, rejected("write_invalid", "The write could not be encoded.", doTellUs)
		}
		call.Body = data
	}
	reply, err := st.doer.Do(ctx, call)
	switch {
	case err != nil:
		return reply, lost(effect, err)
	case !succeeded(reply):
		return reply, classifyOn(objectIn(route), effect, reply, st.c.cfg.Now())
	}
	return reply, nil
}

// create posts a new record and gives its id. A success without an id is in doubt.
func (st *step) create(ctx context.Context, object string, body any, extra ...[2]string) (string, *connectors.Error) {
	path := "/sobjects/" + object
	reply, err := st.call(ctx, connectors.Once, http.MethodPost, path, path, body, extra...)
	if err != nil {
		return "", err
	}
	return st.madeID(reply)
}

func (st *step) madeID(reply connectors.Reply) (string, *connectors.Error) {
	var made struct {
		ID      string `json:"id"`
		Success bool   `json:"success"`
	}
	if err := json.Unmarshal(reply.Body, &made); err != nil {
		return "", unreadable(connectors.Once, reply.Status, err)
	}
	id, ok := canonicalID(made.ID)
	if st.planning && strings.HasPrefix(made.ID, "{") {
		id, ok = made.ID, true
	}
	if !ok || !made.Success {
		return "", unreadable(connectors.Once, reply.Status, errors.New("the answer to a create has no id"))
	}
	return id, nil
}

// update patches a record. Sending the same values twice is harmless.
func (st *step) update(ctx context.Context, ref connectors.Ref, body any, extra ...[2]string) *connectors.Error {
	path := "/sobjects/" + ref.Type + "/"
	_, err := st.call(ctx, connectors.Idempotent, http.MethodPatch, path+ref.ID, path+"{id}", body, extra...)
	return err
}

// encode is JSON without HTML escapes, as a plan shows it.
func encode(v any) ([]byte, error) {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(v); err != nil {
		return nil, err
	}
	return bytes.TrimRight(b.Bytes(), "\n"), nil
}
