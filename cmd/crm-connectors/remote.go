package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"slices"
	"strings"
	"time"
	"unicode"

	"crm-connectors/api"
	"crm-connectors/connectors"
	"crm-connectors/handlers"

	"github.com/google/uuid"
)

const (
	remoteWithin = 90 * time.Second
	answerMax    = 64 << 20 // bytes
)

// The variables that say which running service the commands for operators talk to.
const (
	remoteURLVariable     = "CRM_CONNECTORS_URL"
	remoteKeyVariable     = "CRM_CONNECTORS_KEY"
	remoteKeyFileVariable = "CRM_CONNECTORS_KEY_FILE"
)

// remote is a running service, called by its HTTP API with a service key.
type remote struct {
	base string // up to and without /functions/v1
	key  string
	http *http.Client
}

// remoteError is an answer that is no success. Action is what a person does next, if that is known.
type remoteError struct {
	Status                           int
	RetryAfter                       time.Duration // 0: not said
	Code, Message, Action, RequestID string
}

func (e *remoteError) Error() string {
	text := fmt.Sprintf("%s: %s", printable(e.Code), printable(e.Message))
	if e.Action != "" {
		text += "\nWhat to do: " + e.Action
	}
	if e.RequestID != "" {
		text += "\nRequest " + printable(e.RequestID) + ", as in the service's log."
	}
	return text
}

// openRemote reads the service's address and key. Neither may come from the command line, which other users of a machine can read.
func openRemote(e env) (*remote, error) {
	raw := e.getenv("CRM_CONNECTORS_URL")
	if raw == "" {
		return nil, &callError{code: codeNotSetUp, text: remoteURLVariable + " is not set", action: "Set it, for example " + remoteURLVariable + "=https://project.example.com, without /functions/v1."}
	}
	u, err := url.Parse(raw)
	if err != nil || u.Host == "" || u.User != nil || u.RawQuery != "" || (u.Scheme != "http" && u.Scheme != "https") {
		return nil, &callError{code: codeNotSetUp, text: remoteURLVariable + " is not an address such as https://project.example.com", action: "Give the address alone; the key goes to " + remoteKeyVariable + "."}
	}
	key, err := remoteKey(e)
	if err != nil {
		return nil, err
	}
	base := strings.TrimSuffix(strings.TrimSuffix(u.String(), "/"), "/functions/v1")
	// Redirects are not followed: the header with the key would go along to wherever they lead.
	stay := func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	return &remote{base: base, key: key, http: &http.Client{Timeout: remoteWithin, CheckRedirect: stay}}, nil
}

func remoteKey(e env) (string, error) {
	key, file := e.getenv("CRM_CONNECTORS_KEY"), e.getenv("CRM_CONNECTORS_KEY_FILE")
	switch {
	case key != "" && file != "":
		return "", &callError{code: codeNotSetUp, text: "both " + remoteKeyVariable + " and " + remoteKeyFileVariable + " are set", action: "Take one away."}
	case file != "":
		text, err := os.ReadFile(file) //nolint:gosec // the file that the operator names
		if err != nil {
			return "", &callError{code: codeNotSetUp, text: "the file that " + remoteKeyFileVariable + " names cannot be read", action: "Name a file that holds the key alone.", err: err}
		}
		key = string(text)
	}
	if key = strings.TrimSpace(key); key == "" {
		return "", &callError{code: codeNotSetUp, text: "there is no key", action: "Put one of the service's keys into " + remoteKeyVariable + ", or into a file that " + remoteKeyFileVariable + " names."}
	}
	if strings.ContainsFunc(key, func(r rune) bool { return !unicode.IsPrint(r) }) {
		return "", &callError{code: codeNotSetUp, text: "the key holds a character that no header may", action: "Let the file or variable hold the key alone."}
	}
	return key, nil
}

// call sends body as JSON, if there is one, and gives the answer as it came. What is no success is a *remoteError.
func (r *remote) call(ctx context.Context, method, path string, query url.Values, body any) (json.RawMessage, error) {
	var payload io.Reader
	if body != nil {
		raw, err := json.Marshal(body)
		if err != nil {
			return nil, fmt.Errorf("encode: %w", err)
		}
		payload = bytes.NewReader(raw)
	}
	address := r.base + "/functions/v1" + path
	if len(query) > 0 {
		address += "?" + query.Encode()
	}
	req, err := http.NewRequestWithContext(ctx, method, address, payload)
	if err != nil {
		return nil, err
	}
	req.Header.Set("apikey", r.key)
	if body != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	resp, err := r.http.Do(req)
	if err != nil {
		return nil, &callError{code: codeUnreachable, text: "the service does not answer", action: "See whether " + remoteURLVariable + " is its address and whether it runs; repeating the command is safe.", err: err}
	}
	defer func() { _ = resp.Body.Close() }()
	raw, err := io.ReadAll(io.LimitReader(resp.Body, answerMax))
	if err != nil {
		return nil, &callError{code: codeCut, text: "the answer was cut", action: "Look at what became of it before you go on; repeating the command is safe.", err: err}
	}
	if resp.StatusCode != http.StatusOK && resp.StatusCode != http.StatusCreated && resp.StatusCode != http.StatusAccepted {
		return nil, refusal(resp, raw)
	}
	if !json.Valid(raw) {
		return nil, &callError{code: codeUnreadable, text: method + " " + path + " was answered with what is no JSON", action: "See whether " + remoteURLVariable + " leads to this service and not to a page before it."}
	}
	return raw, nil
}

// refusal reads the error envelope, which whatever stands before the service need not send.
func refusal(resp *http.Response, raw []byte) error {
	status := resp.StatusCode
	after, _ := connectors.RetryAfter(resp.Header, time.Now())
	var envelope api.ErrorEnvelope
	if err := json.Unmarshal(raw, &envelope); err != nil || envelope.Code == "" {
		return &remoteError{Status: status, RetryAfter: after, Code: codeUnreadable, Message: fmt.Sprintf("HTTP %d: the answer is not this service's", status),
			Action: "See whether " + remoteURLVariable + " leads to this service; a gateway before it may have answered."}
	}
	return &remoteError{Status: status, RetryAfter: after, Code: string(envelope.Code), Message: envelope.Message,
		Action: handlers.NextActions()[envelope.Code], RequestID: envelope.RequestId}
}

// printable is text of others without what a terminal would obey.
func printable(s string) string {
	return strings.Map(func(r rune) rune {
		if !unicode.IsPrint(r) {
			return ' '
		}
		return r
	}, s)
}

// writeJSON prints the answer of the API as it is, indented.
func writeJSON(w io.Writer, raw json.RawMessage) error {
	var b bytes.Buffer
	if err := json.Indent(&b, raw, "", "  "); err != nil {
		return err
	}
	b.WriteByte('\n')
	_, err := w.Write(b.Bytes())
	return err
}

// takeTask takes the word that says what to do; empty: there is none of those.
func takeTask(e env, tasks ...string) (string, env) {
	if len(e.args) == 0 || !slices.Contains(tasks, e.args[0]) {
		return "", e
	}
	task := e.args[0]
	e.args = e.args[1:]
	return task, e
}

// takeID takes the id that follows the words of a task.
func takeID(c command, e env, what string) (uuid.UUID, env, error) {
	if len(e.args) == 0 || strings.HasPrefix(e.args[0], "-") {
		return uuid.Nil, e, &usageError{fmt.Sprintf("%s: which %s? Its id comes first.\nRun '%s help %s' for more.", c.name, what, program, c.name)}
	}
	id, err := uuid.Parse(e.args[0])
	if err != nil {
		return uuid.Nil, e, &usageError{fmt.Sprintf("%s: %q is not the id of a %s, which '%s %s list' shows", c.name, e.args[0], what, program, c.name)}
	}
	e.args = e.args[1:]
	return id, e, nil
}
