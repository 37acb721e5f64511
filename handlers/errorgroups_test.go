package handlers_test

import (
	"testing"
	"time"

	"crm-connectors/handlers"
	"crm-connectors/store"
)

func TestErrorsAreGroupedByConnectionAndCodeAndNameTheMend(t *testing.T) {
	t.Parallel()
	d := open(t, stopped)
	ctx, _ := d.asOperator()
	if none, err := d.handlers.Errors(ctx); err != nil || len(none.Groups) != 0 {
		t.Fatalf("%+v, %v; want nothing", none, err)
	}
	c := d.connect(salesForce)
	for _, event := range []string{"refused", "erased", "lost", "limited", "doubted", "dead"} {
		d.call("POST", "/sync", d.outcome(event, contact(event+"@example.com")))
	}
	d.exec(`update crm_write_log set status = 'sending', lease_until = now() where source_event_id = 'doubted'`)
	for event, set := range map[string]string{
		"refused": `status = 'failed', settled_at = now(), error_code = 'validation_failed', error_class = 'rejected'`,
		"erased":  `status = 'failed', settled_at = now(), error_code = 'contact_erased', error_class = 'rejected'`,
		"lost":    `status = 'needs_review', settled_at = now(), error_code = 'worker_lost_repeatedly', error_class = 'in_doubt'`,
		"limited": `error_code = 'crm_rate_limited', error_class = 'retry'`,
		"doubted": `status = 'in_doubt', lease_until = null, error_code = 'crm_timeout', error_class = 'in_doubt'`,
		"dead":    `status = 'failed', settled_at = now(), error_code = 'scopes_missing', error_class = 'needs_reconnect'`,
	} {
		d.exec(`update crm_write_log set `+set+` where source_event_id = $1`, event)
	}
	if err := d.store.NoteTrouble(ctx, c.ID, store.Trouble{Code: "crm_silent", Cause: "Silent.", Action: "Wait."}, 0); err != nil {
		t.Fatal(err)
	}
	d.clock.later(5 * time.Second)
	mends := func() map[string]handlers.Mend {
		t.Helper()
		found, err := d.handlers.Errors(ctx)
		if err != nil {
			t.Fatal(err)
		}
		out := map[string]handlers.Mend{}
		for i, g := range found.Groups {
			out[g.Code] = g.Mend
			if g.Connection.ID != c.ID || g.Itself == g.Writes.Any() || g.Newest.Before(g.Oldest) || g.Oldest.IsZero() {
				t.Errorf("the group %s is %+v", g.Code, g)
			}
			if i > 0 && g.Mend == handlers.MendReconnect && found.Groups[i-1].Mend != handlers.MendReconnect {
				t.Errorf("%s stands too low", g.Code)
			}
		}
		return out
	}
	got := mends()
	for code, want := range map[string]handlers.Mend{"validation_failed": handlers.MendRetry, "contact_erased": handlers.MendLook, "worker_lost_repeatedly": handlers.MendLook,
		"crm_rate_limited": handlers.MendNothing, "crm_timeout": handlers.MendNothing, "scopes_missing": handlers.MendReconnect, "crm_silent": handlers.MendTest} {
		if mend, ok := got[code]; !ok || mend != want {
			t.Errorf("%s is mended by %q, want %q", code, mend, want)
		}
	}
	if again := mends(); len(again) != len(got) {
		t.Errorf("looked again at once: %v", again)
	}
	d.exec(`update crm_connections set connected_at = now() + interval '1 minute'`)
	d.clock.later(8 * time.Second)
	if mend := mends()["scopes_missing"]; mend != handlers.MendRetry {
		t.Errorf("after somebody has reconnected, what lacked a right is mended by %q", mend)
	}
	d.exec(`update crm_connections set status = 'disconnected'`)
	d.clock.later(15 * time.Second)
	got = mends()
	if mend := got["validation_failed"]; mend != handlers.MendReconnect {
		t.Errorf("what failed on a connection that is over is mended by %q", mend)
	}
	if _, ok := got["crm_silent"]; ok {
		t.Error("a connection that somebody disconnected is in trouble")
	}
}
