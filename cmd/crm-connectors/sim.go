//go:build !production

package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"strings"
	"time"

	"crm-connectors/sim"
	"crm-connectors/sim/simhubspot"
	"crm-connectors/sim/simsalesforce"
)

const (
	simHubSpotAddr    = "127.0.0.1:9101"
	simSalesforceAddr = "127.0.0.1:9102"
	simStopWithin     = 5 * time.Second
)

// simUsage names what is fixed in the simulators, so that a reader can sign in and refer to records.
func simUsage() string {
	h, s := simhubspot.New(simhubspot.Config{}), simsalesforce.New(simsalesforce.Config{Log: sim.NewOpLog()})
	return fmt.Sprintf(`Usage: crm-connectors sim [flags]

Runs both CRM simulators and nothing else. They keep their state in memory; what clients write is also in
the operation log. GET / shows what a CRM holds, /__sim/ takes faults, clock and seeds.

  HubSpot     client id %s, secret %s
              portal %d with the deals 9001, 9002 and 9003
  Salesforce  client id %s, secret %s
              org %s with the opportunities
              %s
  Redirects are allowed to any URL on localhost or 127.0.0.1.

Example
  crm-connectors sim --oplog operations.ndjson --auto-consent`,
		simhubspot.DefaultClientID, simhubspot.DefaultClientSecret, h.HubID(),
		simsalesforce.DefaultClientID, simsalesforce.DefaultClientSecret, s.OrgID(), strings.Join(s.OpportunityIDs(), ", "))
}

// simOptions say how both simulators run.
type simOptions struct {
	hubspotAddr    string
	salesforceAddr string
	opLog          string // NDJSON file; empty: memory
	autoConsent    bool
	externalID     bool // Salesforce's Lead and Task have the marker's field
}

func simCommand() command {
	c := command{name: "sim", group: groupTry, summary: "Run the HubSpot and Salesforce simulators alone", usage: simUsage()}
	c.run = func(ctx context.Context, e env) error {
		var o simOptions
		fs := newFlags(c)
		fs.StringVar(&o.hubspotAddr, "hubspot-listen", simHubSpotAddr, "`ADDR` for HubSpot")
		fs.StringVar(&o.salesforceAddr, "salesforce-listen", simSalesforceAddr, "`ADDR` for Salesforce")
		fs.StringVar(&o.opLog, "oplog", "", "append every object written to `FILE`, one JSON line each")
		fs.BoolVar(&o.autoConsent, "auto-consent", false, "sign in without showing the consent page")
		fs.BoolVar(&o.externalID, "salesforce-external-id", false, "give Salesforce's Lead and Task the unique field "+simsalesforce.ExternalIDField)
		if err := parseFlags(fs, c, e); err != nil {
			return err
		}
		return runSim(ctx, o, e)
	}
	return c
}

// runSim serves until ctx ends.
func runSim(ctx context.Context, o simOptions, e env) (err error) {
	log := sim.NewOpLog()
	if o.opLog != "" {
		if log, err = sim.OpenOpLog(o.opLog); err != nil {
			return err
		}
	}
	defer func() { err = errors.Join(err, log.Close()) }()
	hubspot := simhubspot.New(simhubspot.Config{Log: log, AutoConsent: o.autoConsent})
	salesforce := simsalesforce.New(simsalesforce.Config{Log: log, AutoConsent: o.autoConsent, Behaviour: simsalesforce.Behaviour{HasExternalID: o.externalID}})

	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	ended := make(chan error, 2)
	running := 0
	for _, s := range []struct {
		name, addr string
		handler    http.Handler
	}{
		{"HubSpot", o.hubspotAddr, hubspot.Handler()},
		{"Salesforce", o.salesforceAddr, salesforce.Handler()},
	} {
		l, listenErr := new(net.ListenConfig).Listen(ctx, "tcp", s.addr)
		if listenErr != nil {
			err = fmt.Errorf("listen for %s: %w", s.name, listenErr)
			cancel()
			break
		}
		_, _ = fmt.Fprintf(e.stdout, "%-11s http://%s\n", s.name, l.Addr())
		running++
		go func() { ended <- serveUntil(ctx, l, s.handler) }()
	}
	for range running {
		err = errors.Join(err, <-ended)
		cancel() // when one ends, so does the other
	}
	return err
}

// serveUntil serves on l until ctx ends, then lets requests in flight finish for a moment. Requests that hang
// on purpose (a fault) are cut.
func serveUntil(ctx context.Context, l net.Listener, h http.Handler) error {
	srv := &http.Server{Handler: h, ReadHeaderTimeout: 10 * time.Second}
	failed := make(chan error, 1)
	go func() { failed <- srv.Serve(l) }()
	select {
	case err := <-failed:
		return fmt.Errorf("serve %s: %w", l.Addr(), err)
	case <-ctx.Done():
	}
	grace, cancel := context.WithTimeout(context.WithoutCancel(ctx), simStopWithin)
	defer cancel()
	if err := srv.Shutdown(grace); err != nil {
		return srv.Close()
	}
	return nil
}
