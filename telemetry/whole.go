package telemetry

import (
	"context"
	"sync"
	"time"

	"crm-connectors/connectors"
	"crm-connectors/store"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/rs/zerolog"
)

// A scrape is given up after ten seconds unless Prometheus is told otherwise, and with it all that the process knows.
const (
	readyWithin   = 2 * time.Second
	figuresWithin = 5 * time.Second
)

// wholeCollector gives, at each scrape, how the whole installation stands: the same on every replica, counted by one of them.
type wholeCollector struct {
	whole Whole
	crms  []connectors.CRM
	now   func() time.Time
	log   zerolog.Logger
	one   sync.Mutex // scrape at a time: several ask at once where there are two Prometheuses

	ready, open, due, doubt, alarms, connections, silent, jobs, oldestJob, leader, age *prometheus.Desc
}

func newWholeCollector(w Whole, crms []connectors.CRM, now func() time.Time, log zerolog.Logger) *wholeCollector {
	desc := func(name, help string, labels ...string) *prometheus.Desc {
		return prometheus.NewDesc(name, help+" Of the whole installation.", labels, nil)
	}
	return &wholeCollector{whole: w, crms: crms, now: now, log: log,
		ready:       prometheus.NewDesc("crm_ready", "1 if this replica answers /readyz with 200.", nil, nil),
		open:        desc("crm_writes_open", "Writes that are not at their end, or that somebody should see.", "crm", "status"),
		due:         desc("crm_writes_due_oldest_seconds", "For how long the queued write has been due that has been so the longest, of connections that may be written to now.", "crm", "object"),
		doubt:       desc("crm_writes_doubt_oldest_seconds", "For how long the CRM's word could have ended the oldest doubt, of connections that may be asked now.", "crm"),
		alarms:      desc("crm_write_alarms", "Writes of which log and CRM differ.", "crm", "alarm"),
		connections: desc("crm_connections", "Connections by how they are.", "crm", "health"),
		silent:      desc("crm_connections_silent", "Connections whose CRM account does not answer: their breaker is open.", "crm"),
		jobs:        desc("crm_jobs", "River's jobs that are not at their end.", "queue", "state"),
		oldestJob:   desc("crm_jobs_available_oldest_seconds", "For how long the job has been ready that no worker has taken the longest.", "queue"),
		leader:      desc("crm_river_leader", "1 if a replica does River's periodic work."),
		age:         desc("crm_figures_age_seconds", "How old these figures are; they are counted when somebody asks and they are older than fifteen seconds."),
	}
}

// Describe is prometheus.Collector.
func (c *wholeCollector) Describe(ch chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{c.ready, c.open, c.due, c.doubt, c.alarms, c.connections, c.silent, c.jobs, c.oldestJob, c.leader, c.age} {
		ch <- d
	}
}

// Collect is prometheus.Collector. Without a database there are no figures, and the rest of the scrape is as ever.
func (c *wholeCollector) Collect(ch chan<- prometheus.Metric) {
	c.one.Lock()
	defer c.one.Unlock()
	gauge := func(d *prometheus.Desc, v float64, labels ...string) {
		ch <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, v, labels...)
	}
	gauge(c.ready, truth(within(readyWithin, c.whole.Ready) == nil))
	var f store.Figures
	err := within(figuresWithin, func(ctx context.Context) (err error) {
		f, err = c.whole.Figures(ctx)
		return err
	})
	if err != nil {
		c.log.Warn().Str("event", "figures_failed").Err(err).Msg("the figures of the whole could not be read")
		return
	}
	if f.CountedAt.IsZero() {
		return
	}
	gauge(c.age, c.since(f.CountedAt))
	gauge(c.leader, truth(f.Leader))
	c.writes(f, gauge)
	for _, n := range f.Alarms {
		gauge(c.alarms, float64(n.Count), n.CRM, n.Alarm)
	}
	for _, j := range f.Jobs {
		gauge(c.jobs, float64(j.Count), j.Queue, j.State)
		if j.State == "available" {
			gauge(c.oldestJob, c.since(j.From), j.Queue)
		}
	}
}

// writes gives those of the log and of the connections, at zero where there is none of a CRM that this process is set up for.
func (c *wholeCollector) writes(f store.Figures, gauge func(*prometheus.Desc, float64, ...string)) {
	open, due, doubt, conns, silent := map[[2]string]float64{}, map[[2]string]float64{}, map[string]float64{}, map[[2]string]float64{}, map[string]float64{}
	for _, crm := range c.crms {
		crm := string(crm)
		doubt[crm], silent[crm] = 0, 0
		for _, status := range []string{store.Queued, store.Sending, store.InDoubt, store.Reconciling, store.Blocked, store.NeedsReview, store.Failed} {
			open[[2]string{crm, status}] = 0
		}
		for _, object := range []connectors.Object{connectors.ObjectContact, connectors.ObjectTask, connectors.ObjectRollup} {
			due[[2]string{crm, string(object)}] = 0
		}
		for _, health := range []string{store.HealthWriting, store.HealthPaused, store.HealthTrouble, store.ConnectionError} {
			conns[[2]string{crm, health}] = 0
		}
	}
	for _, n := range f.Open {
		open[[2]string{n.CRM, n.Status}] = float64(n.Count)
	}
	for _, n := range f.Queued {
		open[[2]string{n.CRM, store.Queued}] += float64(n.Count)
		if n.DueFrom != nil {
			due[[2]string{n.CRM, n.Object}] = c.since(*n.DueFrom)
		}
	}
	for _, n := range f.Doubt {
		doubt[n.CRM] = c.since(n.From)
	}
	for _, n := range f.Connections {
		conns[[2]string{n.CRM, n.Health}] = float64(n.Count)
		silent[n.CRM] += float64(n.Silent)
	}
	for labels, d := range map[*prometheus.Desc]map[[2]string]float64{c.open: open, c.due: due, c.connections: conns} {
		for names, v := range d {
			gauge(labels, v, names[0], names[1])
		}
	}
	for d, byCRM := range map[*prometheus.Desc]map[string]float64{c.doubt: doubt, c.silent: silent} {
		for crm, v := range byCRM {
			gauge(d, v, crm)
		}
	}
}

func within(limit time.Duration, ask func(context.Context) error) error {
	ctx, cancel := context.WithTimeout(context.Background(), limit)
	defer cancel()
	return ask(ctx)
}

// since is never negative: what lies ahead has not begun.
func (c *wholeCollector) since(at time.Time) float64 { return max(0, c.now().Sub(at).Seconds()) }

func truth(yes bool) float64 {
	if yes {
		return 1
	}
	return 0
}
