package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"time"

	"crm-connectors/sim/simhubspot"
	"crm-connectors/sim/simsalesforce"
)

const (
	serviceKey  = "bench-key-of-a-service"
	readyWithin = 30 * time.Second
)

// service is one process of the real binary.
type service struct {
	url  string
	cmd  *exec.Cmd
	done chan struct{}
	http *http.Client
}

// crmURLs say where the simulators are. An empty one is a place where nobody listens.
type crmURLs struct{ hubspot, salesforce string }

// start runs the service on a database and waits until it is ready.
func (w *world) start(ctx context.Context, db *database, at crmURLs, more ...string) (*service, error) {
	l, err := new(net.ListenConfig).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	addr := l.Addr().String()
	if err := l.Close(); err != nil {
		return nil, err
	}
	nowhere := "http://127.0.0.1:9"
	if at.hubspot == "" {
		at.hubspot = nowhere
	}
	if at.salesforce == "" {
		at.salesforce = nowhere
	}
	s := &service{url: "http://" + addr, done: make(chan struct{}), http: &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 64}}}
	log, err := os.Create(filepath.Join(w.dir, "service.log"))
	if err != nil {
		return nil, err
	}
	defer func() { _ = log.Close() }()
	s.cmd = exec.Command(w.service, "serve") //nolint:noctx // it is stopped by its own signal
	s.cmd.Stdout, s.cmd.Stderr = log, log
	s.cmd.Env = append([]string{"PATH=/usr/bin:/bin", "LISTEN_ADDR=" + addr, "RATE_LIMIT_SERVICE=0", "RATE_LIMIT_WORKSPACE=0", "RATE_LIMIT_ADDRESS=0",
		"PUBLIC_URL=" + s.url, "APP_BASE_URL=https://app.example.com",
		"DATABASE_URL=" + db.url, "TOKEN_KEYSET=" + string(w.keyset), "SUPABASE_SECRET_KEY=" + serviceKey,
		"HUBSPOT_CLIENT_ID=" + simhubspot.DefaultClientID, "HUBSPOT_CLIENT_SECRET=" + simhubspot.DefaultClientSecret,
		"HUBSPOT_API_BASE_URL=" + at.hubspot, "HUBSPOT_AUTH_BASE_URL=" + at.hubspot,
		"SALESFORCE_CLIENT_ID=" + simsalesforce.DefaultClientID, "SALESFORCE_CLIENT_SECRET=" + simsalesforce.DefaultClientSecret,
		"SALESFORCE_AUTH_BASE_URL=" + at.salesforce, "CRM_TRUSTED_HOSTS=" + hostOf(at.hubspot) + "," + hostOf(at.salesforce),
		"SHUTDOWN_GRACE=2s"}, more...)
	if err := s.cmd.Start(); err != nil {
		return nil, fmt.Errorf("start the service: %w", err)
	}
	go func() { _ = s.cmd.Wait(); close(s.done) }()
	for deadline := time.Now().Add(readyWithin); ; {
		if s.call(ctx, http.MethodGet, "/readyz", nil, nil) == nil {
			return s, nil
		}
		select {
		case <-time.After(5 * time.Millisecond):
		case <-s.done:
			text, _ := os.ReadFile(log.Name())
			return nil, fmt.Errorf("the service ended: %s", text)
		}
		if time.Now().After(deadline) {
			return nil, errors.Join(errors.New("the service did not become ready"), s.stop())
		}
	}
}

func (s *service) pid() int { return s.cmd.Process.Pid }

// stop ends the process in order, and by force when it takes long.
func (s *service) stop() error {
	if err := s.cmd.Process.Signal(syscall.SIGTERM); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return err
	}
	select {
	case <-s.done:
		return nil
	case <-time.After(15 * time.Second):
		return s.cmd.Process.Kill()
	}
}

// call makes one request with the service's key; a status of 300 or more is an error.
func (s *service) call(ctx context.Context, method, path string, in, out any) error {
	var body io.Reader
	if in != nil {
		data, err := json.Marshal(in)
		if err != nil {
			return err
		}
		body = bytes.NewReader(data)
	}
	return s.send(ctx, method, path, body, out)
}

func (s *service) send(ctx context.Context, method, path string, body io.Reader, out any) error {
	req, err := http.NewRequestWithContext(ctx, method, s.url+path, body)
	if err != nil {
		return err
	}
	req.Header.Set("apikey", serviceKey)
	req.Header.Set("Content-Type", "application/json")
	resp, err := s.http.Do(req)
	if err != nil {
		return err
	}
	defer func() { _ = resp.Body.Close() }()
	data, err := io.ReadAll(resp.Body)
	if err != nil {
		return err
	}
	if resp.StatusCode >= http.StatusMultipleChoices {
		return fmt.Errorf("%s %s: %d %.300s", method, path, resp.StatusCode, data)
	}
	if out == nil {
		return nil
	}
	return json.Unmarshal(data, out)
}

func hostOf(raw string) string {
	u, err := url.Parse(raw)
	if err != nil {
		return ""
	}
	return u.Host
}
