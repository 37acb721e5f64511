package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"time"

	"crm-connectors/connectors"
	"crm-connectors/store"

	"github.com/google/uuid"
)

// simProcess runs the simulators as a child, where their CPU is nobody's.
func (w *world) simProcess(ctx context.Context) (hubspot string, err error) {
	cmd := exec.CommandContext(ctx, w.service, "sim", "--auto-consent", "--hubspot-listen", "127.0.0.1:0", "--salesforce-listen", "127.0.0.1:0")
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		return "", err
	}
	if err := cmd.Start(); err != nil {
		return "", err
	}
	w.closers = append(w.closers, func() { _ = cmd.Process.Kill(); _ = cmd.Wait() })
	lines := bufio.NewScanner(out)
	for lines.Scan() {
		if f := strings.Fields(lines.Text()); len(f) == 2 && f[0] == "HubSpot" {
			go func() { _, _ = io.Copy(io.Discard, out) }()
			return f[1], nil
		}
	}
	return "", errors.New("the simulators did not start")
}

// drainCPU compares outcomes a second of CPU, of the process and of Postgres together, against a simulator that answers at once.
func drainCPU(ctx context.Context, w *world) ([]figure, error) {
	n, sample := w.scaled(10000), max(50, w.scaled(1000))
	db, drop, err := w.database(ctx)
	if err != nil {
		return nil, err
	}
	defer drop()
	crm, err := w.simProcess(ctx)
	if err != nil {
		return nil, err
	}
	s, err := w.start(ctx, db, crmURLs{hubspot: crm})
	if err != nil {
		return nil, err
	}
	workspace := uuid.New()
	err = s.connect(ctx, "hubspot", workspace)
	if stopped := s.stop(); err == nil {
		err = stopped
	}
	if err != nil {
		return nil, err
	}
	conn, err := db.store.Connection(ctx, workspace, "hubspot")
	if err != nil {
		return nil, err
	}
	token, err := db.token(ctx, workspace, connectors.HubSpot)
	if err != nil {
		return nil, err
	}
	base, err := w.baselineCPU(ctx, db, &baseline{http: &http.Client{}, base: crm, token: token, crm: "hubspot", log: db.pool, conn: conn}, sample)
	if err != nil {
		return nil, err
	}
	ours, err := w.drainedCPU(ctx, db, crm, conn, sample, sample+n)
	if err != nil {
		return nil, err
	}
	w.say("  process alone: %.0f against %.0f outcomes a CPU second; with Postgres: %.0f against %.0f", ours.process, base.process, ours.all, base.all)
	ratio := ours.process / base.process
	return []figure{{Name: "drain_per_cpu_second", Value: ours.process, Unit: "outcomes/CPU s", Baseline: &base.process, Ratio: &ratio}}, nil
}

// perCPU is a rate of outcomes by the CPU time of the process, and by that of Postgres besides.
type perCPU struct{ process, all float64 }

func (w *world) baselineCPU(ctx context.Context, _ *database, b *baseline, n int) (perCPU, error) {
	pg, err := w.postgresCPU()
	if err != nil {
		return perCPU{}, err
	}
	own := ownCPU()
	for i := range n {
		if err := b.hubspot(ctx, i); err != nil {
			return perCPU{}, err
		}
	}
	own = ownCPU() - own
	after, err := w.postgresCPU()
	return rates(n, own, after-pg), err
}

func rates(n int, process, postgres time.Duration) perCPU {
	return perCPU{process: float64(n) / process.Seconds(), all: float64(n) / (process + postgres).Seconds()}
}

// drainedCPU fills the log with outcomes from..to-1, starts the service and counts from its readiness to the last write.
func (w *world) drainedCPU(ctx context.Context, db *database, crm string, conn store.Connection, from, to int) (perCPU, error) {
	if err := db.backlog(ctx, conn.WorkspaceID, conn.CRM, from, to, true); err != nil {
		return perCPU{}, err
	}
	pg, err := w.postgresCPU()
	if err != nil {
		return perCPU{}, err
	}
	s, err := w.start(ctx, db, crmURLs{hubspot: crm})
	if err != nil {
		return perCPU{}, err
	}
	defer func() { _ = s.stop() }()
	own, err := cpuOf(s.pid())
	if err != nil {
		return perCPU{}, err
	}
	if err := db.drained(ctx, 20*time.Minute); err != nil {
		return perCPU{}, err
	}
	now, err := cpuOf(s.pid())
	if err != nil {
		return perCPU{}, err
	}
	after, err := w.postgresCPU()
	if now <= own {
		return perCPU{}, fmt.Errorf("too few outcomes to measure CPU by: use a larger --scale")
	}
	return rates(to-from, now-own, after-pg), err
}
