package telemetry

import (
	"sync"
	"time"

	"crm-connectors/connectors"

	"github.com/google/uuid"
	"github.com/prometheus/client_golang/prometheus"
)

// heardFor is how long what a CRM said of an allowance is shown.
const heardFor = time.Hour

// budgets are what the CRMs last said to this process of the allowances of their accounts, summed up: an account is no label.
type budgets struct {
	now                func() time.Time
	leastLeft, howMany *prometheus.Desc

	mu    sync.Mutex
	heard map[uuid.UUID]allowances
}

type allowances struct {
	crm    string
	limits []connectors.Limit
	at     time.Time
}

func newBudgets(now func() time.Time) *budgets {
	return &budgets{now: now, heard: map[uuid.UUID]allowances{},
		leastLeft: prometheus.NewDesc("crm_budget_left_ratio", "What is left of an allowance of the CRM account that has the least left, of those that this replica heard of in the last hour.",
			[]string{"crm", "limit"}, nil),
		howMany: prometheus.NewDesc("crm_budget_accounts", "CRM accounts that this replica heard of in the last hour, by the percent that is left of an allowance.",
			[]string{"crm", "limit", "left"}, nil)}
}

func (b *budgets) note(connection uuid.UUID, crm string, limits []connectors.Limit) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.heard[connection] = allowances{crm: crm, limits: limits, at: b.now()}
}

// Describe is prometheus.Collector.
func (b *budgets) Describe(ch chan<- *prometheus.Desc) { ch <- b.leastLeft; ch <- b.howMany }

// bandOf sorts by what is left.
func bandOf(left float64) string {
	switch {
	case left < .05:
		return "under_5"
	case left < .2:
		return "5_to_20"
	case left < .5:
		return "20_to_50"
	}
	return "over_50"
}

// Collect is prometheus.Collector.
func (b *budgets) Collect(ch chan<- prometheus.Metric) {
	type allowance struct{ crm, limit string }
	least, bands := map[allowance]float64{}, map[allowance]map[string]int{}
	b.mu.Lock()
	for id, heard := range b.heard {
		if b.now().Sub(heard.at) > heardFor {
			delete(b.heard, id)
			continue
		}
		for _, l := range heard.limits {
			if l.Max <= 0 {
				continue
			}
			of, left := allowance{heard.crm, l.Name}, max(0, 1-float64(l.Used)/float64(l.Max))
			if known, ok := least[of]; !ok || left < known {
				least[of] = left
			}
			if bands[of] == nil {
				bands[of] = map[string]int{"under_5": 0, "5_to_20": 0, "20_to_50": 0, "over_50": 0}
			}
			bands[of][bandOf(left)]++
		}
	}
	b.mu.Unlock()
	for of, left := range least {
		ch <- prometheus.MustNewConstMetric(b.leastLeft, prometheus.GaugeValue, left, of.crm, of.limit)
		for band, n := range bands[of] {
			ch <- prometheus.MustNewConstMetric(b.howMany, prometheus.GaugeValue, float64(n), of.crm, of.limit, band)
		}
	}
}
