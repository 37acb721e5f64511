// Package simtest is what tests of the service need of the simulators beside the simulators themselves.
package simtest

import (
	"testing"

	"crm-connectors/sim"
)

// Log is an operation log for the simulators of one test. When the test ends, no update in it may have blanked a field, put a placeholder
// where there was none, or given a person another address.
func Log(t testing.TB) *sim.OpLog {
	t.Helper()
	log := sim.NewOpLog()
	t.Cleanup(func() {
		for _, wrong := range sim.Overwrites(log.Entries(0)) {
			t.Errorf("the CRM holds what the service may not write: %s", wrong)
		}
	})
	return log
}
