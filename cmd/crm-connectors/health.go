package main

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"time"
)

const healthWithin = 3 * time.Second

func healthCommand() command {
	c := command{
		name: "health", group: groupOperate,
		summary: "Ask a running serve on this machine whether it is ready",
		usage: `Usage: crm-connectors health

Asks /readyz at LISTEN_ADDR or PORT (default 9000). Exit code 0: ready; 1: not. For container health checks,
where there is no curl.

Example
  crm-connectors health`,
	}
	c.run = func(ctx context.Context, e env) error {
		if err := parseFlags(newFlags(c), c, e); err != nil {
			return err
		}
		return checkHealth(ctx, e)
	}
	return c
}

func checkHealth(ctx context.Context, e env) error {
	ctx, cancel := context.WithTimeout(ctx, healthWithin)
	defer cancel()
	host, port, err := net.SplitHostPort(listenAddr(e.getenv("LISTEN_ADDR"), e.getenv("PORT")))
	if err != nil {
		return fmt.Errorf("LISTEN_ADDR: %w", err)
	}
	if ip := net.ParseIP(host); host == "" || ip != nil && ip.IsUnspecified() {
		host = "127.0.0.1"
	}
	url := "http://" + net.JoinHostPort(host, port) + "/readyz"
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return fmt.Errorf("health: %w", err)
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return fmt.Errorf("not ready: %w", err)
	}
	defer func() { _ = res.Body.Close() }()
	if res.StatusCode != http.StatusOK {
		return fmt.Errorf("not ready: %s answered %s", url, res.Status)
	}
	_, err = fmt.Fprintln(e.stdout, "ready")
	return err
}
