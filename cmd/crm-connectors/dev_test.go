//go:build !production

package main

import (
	"bufio"
	"context"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"
)

func TestDevPrintsACurlLineThatWorksAndEndsWhenAsked(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	out, in := io.Pipe()
	ended := make(chan int, 1)
	getenv := onTestDatabase(t)
	go func() {
		ended <- run(ctx, env{args: []string{"dev", "--listen", "127.0.0.1:0", "--hubspot-listen", "127.0.0.1:0", "--salesforce-listen", "127.0.0.1:0", "--metrics-listen", "127.0.0.1:0"},
			getenv: getenv, stdout: in, stderr: io.Discard})
		_ = in.Close()
	}()
	told := map[string]string{}
	lines := bufio.NewScanner(out)
	for lines.Scan() && !strings.HasPrefix(lines.Text(), "Ctrl-C") {
		if fields := strings.Fields(lines.Text()); len(fields) >= 2 {
			told[fields[0]] = fields[1]
		}
	}
	go func() { _, _ = io.Copy(io.Discard, out) }()
	c := newClient(strings.TrimSuffix(told["service"], "/functions/v1"), told["key"])
	var answer struct {
		Status string      `json:"status"`
		Writes []demoWrite `json:"writes"`
	}
	body := map[string]any{"workspace_id": told["workspace"], "source_event_id": "e1", "contact": map[string]any{"email": "ada@example.com"}}
	status, err := c.call(ctx, http.MethodPost, "/sync", body, &answer)
	if err != nil || status != http.StatusAccepted || len(answer.Writes) != 2 {
		t.Errorf("sync: %d %v %+v (dev said %v)", status, err, answer, told)
	}
	if err := signIn(ctx, told["console"], told["key"]); err != nil {
		t.Errorf("the console at %s: %v", told["console"], err)
	}
	cancel()
	select {
	case code := <-ended:
		if code != exitOK {
			t.Errorf("exit code %d", code)
		}
	case <-time.After(30 * time.Second):
		t.Error("dev did not end")
	}
}
