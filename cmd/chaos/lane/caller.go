package lane

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"time"

	"crm-connectors/cmd/browse"
	"crm-connectors/sim"

	"github.com/google/uuid"
)

const (
	appURL      = "https://app.example.com" // never called: the way of a browser ends there
	callWithin  = 5 * time.Second
	retryEvery  = 50 * time.Millisecond
	maxAnswer   = 8 << 20
	connectTrys = 20

	notConnected = "crm_not_connected"
)

// Connect makes a live connection of workspace to crm as a person's browser does: start, consent, callback.
func (l *Lane) Connect(ctx context.Context, workspace uuid.UUID, crm string) error {
	var err error
	for range connectTrys {
		if err = l.connect(ctx, workspace, crm); err == nil {
			return nil
		}
		if waited := pause(ctx, 2*retryEvery); waited != nil {
			return errors.Join(err, waited)
		}
	}
	return fmt.Errorf("connect %s: %w", crm, err)
}

func (l *Lane) connect(ctx context.Context, workspace uuid.UUID, crm string) error {
	var started struct {
		AuthorizeURL string `json:"authorizeUrl"`
		Message      string `json:"message"`
	}
	status, err := l.Call(ctx, l.Replicas()[0], http.MethodPost, "/"+crm+"-oauth-start", map[string]any{"workspace_id": workspace}, &started)
	if err != nil {
		return fmt.Errorf("start: %w", err)
	}
	if status != http.StatusOK {
		return fmt.Errorf("start: %d %s", status, started.Message)
	}
	ctx, cancel := context.WithTimeout(ctx, callWithin)
	defer cancel()
	back, err := browse.ToApp(ctx, started.AuthorizeURL, appURL)
	if err != nil {
		return err
	}
	if back.Query().Get(crm+"_success") != "1" {
		return fmt.Errorf("came back with %s", back.Query().Encode())
	}
	return nil
}

// Send hands an outcome to the service until it is accepted, as a caller does that must not lose it: any replica, again after
// every failure but a refusal, which is an error.
func (l *Lane) Send(ctx context.Context, crm string, outcome map[string]any) (uuid.UUID, error) {
	for i := 0; ; i++ {
		replicas := l.Replicas()
		var answer struct {
			SyncID  uuid.UUID `json:"sync_id"`
			Code    string    `json:"code"`
			Message string    `json:"message"`
		}
		status, err := l.Call(ctx, replicas[i%len(replicas)], http.MethodPost, "/sync/"+crm, outcome, &answer)
		switch {
		case err == nil && status < http.StatusMultipleChoices:
			return answer.SyncID, nil
		case err == nil && answer.Code == notConnected: // a person has disconnected, and connects again
		case err == nil && status < http.StatusInternalServerError && status != http.StatusTooManyRequests:
			return uuid.Nil, fmt.Errorf("the outcome was refused: %d %s %s", status, answer.Code, answer.Message)
		}
		if waited := pause(ctx, retryEvery); waited != nil {
			return uuid.Nil, fmt.Errorf("the outcome was never accepted: %d %s: %w", status, answer.Message, errors.Join(err, waited))
		}
	}
}

// Call asks one replica with a service's key. It gives the status of any answer.
func (l *Lane) Call(ctx context.Context, r *Replica, method, path string, body, out any) (int, error) {
	return call(ctx, method, r.URL+"/functions/v1"+path, l.Key, body, out)
}

// Control asks a simulator's control API, past the proxies.
func (l *Lane) Control(ctx context.Context, crm, method, path string, body, out any) error {
	status, err := call(ctx, method, l.simURL[crm]+"/__sim/"+path, "", body, out)
	if err == nil && status >= http.StatusBadRequest {
		err = fmt.Errorf("status %d", status)
	}
	if err != nil {
		return fmt.Errorf("simulated %s, %s: %w", crm, path, err)
	}
	return nil
}

// Fault makes a simulator misbehave.
func (l *Lane) Fault(ctx context.Context, crm string, f sim.Fault) error {
	return l.Control(ctx, crm, http.MethodPost, "faults", f, nil)
}

// Raw sends a request as it stands to a CRM, past the proxies, and waits for the beginning of an answer.
func (l *Lane) Raw(ctx context.Context, crm string, request []byte) error {
	ctx, cancel := context.WithTimeout(ctx, callWithin)
	defer cancel()
	conn, err := new(net.Dialer).DialContext(ctx, "tcp", hostOf(l.simURL[crm]))
	if err != nil {
		return err
	}
	defer func() { _ = conn.Close() }()
	deadline, _ := ctx.Deadline()
	if err := conn.SetDeadline(deadline); err != nil {
		return err
	}
	if _, err = conn.Write(request); err == nil {
		_, err = conn.Read(make([]byte, 1))
	}
	return err
}

// Late counts the requests that the simulators have still to execute.
func (l *Lane) Late(ctx context.Context) (int, error) {
	n := 0
	for _, crm := range []string{HubSpot, Salesforce} {
		var f struct {
			Late int `json:"late"`
		}
		if err := l.Control(ctx, crm, http.MethodGet, "faults", nil, &f); err != nil {
			return 0, err
		}
		n += f.Late
	}
	return n, nil
}

func call(ctx context.Context, method, target, key string, body, out any) (int, error) {
	ctx, cancel := context.WithTimeout(ctx, callWithin)
	defer cancel()
	var payload io.Reader
	if body != nil {
		raw, err := json.Marshal(body)
		if err != nil {
			return 0, err
		}
		payload = bytes.NewReader(raw)
	}
	req, err := http.NewRequestWithContext(ctx, method, target, payload)
	if err != nil {
		return 0, err
	}
	req.Header.Set("Content-Type", "application/json")
	if key != "" {
		req.Header.Set("apikey", key)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return 0, err
	}
	defer func() { _ = resp.Body.Close() }()
	raw, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswer))
	if err == nil && out != nil && len(raw) > 0 {
		err = json.Unmarshal(raw, out)
	}
	return resp.StatusCode, err
}
