//go:build !production

package main

import (
	"context"
	"fmt"
	"time"
)

func devCommand() command {
	c := command{name: "dev", group: groupTry, summary: "Run everything on this machine and stay up", usage: `Usage: crm-connectors dev [flags]

Starts a Postgres (DATABASE_URL if it is set, else a throw-away one), both CRMs simulated, and the service, connects a
workspace to both, and prints what is needed to play: addresses, the workspace, a key and a curl line. Ctrl-C ends it.

Example
  crm-connectors dev --listen 127.0.0.1:9000`}
	c.run = func(ctx context.Context, e env) error {
		o := localOptions{logTo: e.stderr, logFormat: "console"}
		fs := newFlags(c)
		fs.StringVar(&o.listen, "listen", "127.0.0.1:9000", "`ADDR` of the service")
		fs.StringVar(&o.hubspot, "hubspot-listen", simHubSpotAddr, "`ADDR` of the simulated HubSpot")
		fs.StringVar(&o.salesforce, "salesforce-listen", simSalesforceAddr, "`ADDR` of the simulated Salesforce")
		fs.StringVar(&o.metrics, "metrics-listen", "127.0.0.1:9464", "`ADDR` of the metrics")
		connect := fs.Bool("connect", true, "connect the workspace to both CRMs at once")
		if err := parseFlags(fs, c, e); err != nil {
			return err
		}
		return runDev(ctx, e, o, *connect)
	}
	return c
}

func runDev(ctx context.Context, e env, o localOptions, connect bool) error {
	p := newProgress(e.stderr)
	o.progress = p.step
	l, err := startLocal(ctx, e, o)
	if err != nil {
		return err
	}
	if err := seedDeals(ctx, l); err != nil {
		return closing(l, err)
	}
	if connect {
		p.step("connecting the workspace to both CRMs")
		for _, crm := range []string{"hubspot", "salesforce"} {
			if err := newClient(l.serviceURL, l.key).connect(ctx, crm, l.workspace); err != nil {
				return closing(l, err)
			}
		}
	}
	p.done("ready")
	threads := linkedThreads()
	_, _ = fmt.Fprintf(e.stdout, `
service     %s/functions/v1
console     %s/console   (sign in with the key below)
metrics     %s
hubspot     %s   (simulated portal %d; open it to see what it holds)
salesforce  %s   (simulated org %s)
app         %s   (stands in for Conduit's web app)
postgres    %s
workspace   %s
key         %s
linked      thread_id "%s" belongs to a HubSpot deal, "%s" to a Salesforce opportunity

Try:
curl -sS %s/functions/v1/sync -H "apikey: %s" -H "Content-Type: application/json" -H "Prefer: wait=10" -d '{
  "workspace_id": "%s", "source_event_id": "try-%d", "thread_id": "%s",
  "contact": {"email": "ada@example.com", "first_name": "Ada", "last_name": "Byron"},
  "task": {"id": "t1", "subject": "Send the offer", "due_at": "%s"}}'

Connect again by hand: POST /functions/v1/hubspot-oauth-start and open the URL it answers.
Ctrl-C ends everything.
`, l.serviceURL, l.serviceURL, l.metricsURL, l.simURLs["hubspot"], l.hubspot.HubID(), l.simURLs["salesforce"], l.salesforce.OrgID(), l.appURL, l.pg.URL,
		l.workspace, l.key, threads["hubspot"], threads["salesforce"], l.serviceURL, l.key, l.workspace, time.Now().Unix(), threads["hubspot"], time.Now().AddDate(0, 0, 3).UTC().Format(time.RFC3339))
	<-ctx.Done()
	return l.close()
}

func closing(l *local, err error) error {
	if closeErr := l.close(); closeErr != nil {
		return fmt.Errorf("%w (and stopping: %w)", err, closeErr)
	}
	return err
}
