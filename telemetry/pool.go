package telemetry

import (
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/prometheus/client_golang/prometheus"
)

// poolCollector gives how this process's connections to the database stand.
type poolCollector struct {
	pool                                               *pgxpool.Pool
	connections, most, acquires, waited, seconds, gone *prometheus.Desc
}

func newPoolCollector(pool *pgxpool.Pool) *poolCollector {
	desc := func(name, help string, labels ...string) *prometheus.Desc {
		return prometheus.NewDesc(name, help, labels, nil)
	}
	return &poolCollector{pool: pool,
		connections: desc("crm_db_pool_connections", "Connections of this replica to the database.", "state"),
		most:        desc("crm_db_pool_max_connections", "How many connections this replica may have (DB_MAX_CONNS)."),
		acquires:    desc("crm_db_pool_acquires_total", "Times that this replica took a connection."),
		waited:      desc("crm_db_pool_acquires_waited_total", "Those of them that waited for one, for all were in use."),
		seconds:     desc("crm_db_pool_acquire_wait_seconds_total", "Time spent on taking connections, waits included."),
		gone:        desc("crm_db_pool_acquires_cancelled_total", "Those that gave up waiting."),
	}
}

// Describe is prometheus.Collector.
func (c *poolCollector) Describe(ch chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{c.connections, c.most, c.acquires, c.waited, c.seconds, c.gone} {
		ch <- d
	}
}

// Collect is prometheus.Collector.
func (c *poolCollector) Collect(ch chan<- prometheus.Metric) {
	s := c.pool.Stat()
	for state, n := range map[string]int32{"idle": s.IdleConns(), "in_use": s.AcquiredConns(), "opening": s.ConstructingConns()} {
		ch <- prometheus.MustNewConstMetric(c.connections, prometheus.GaugeValue, float64(n), state)
	}
	ch <- prometheus.MustNewConstMetric(c.most, prometheus.GaugeValue, float64(s.MaxConns()))
	for d, v := range map[*prometheus.Desc]float64{c.acquires: float64(s.AcquireCount()), c.waited: float64(s.EmptyAcquireCount()),
		c.seconds: s.AcquireDuration().Seconds(), c.gone: float64(s.CanceledAcquireCount())} {
		ch <- prometheus.MustNewConstMetric(d, prometheus.CounterValue, v)
	}
}
