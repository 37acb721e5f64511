package handlers_test

import (
	"net/http"
	"testing"
	"time"

	"crm-connectors/api"
	"crm-connectors/connectors"
)

func probing(probe func(connectors.Account) (connectors.Capabilities, error)) func(*options) {
	return func(o *options) {
		o.stopped = true
		o.wrap = func(c connectors.Connector) connectors.Connector { return &judge{Connector: c, probe: probe} }
	}
}

func TestWhatAProbeFindsIsKeptAndShown(t *testing.T) {
	t.Parallel()
	advice := []string{"Let an administrator make the field."}
	d := open(t, probing(func(connectors.Account) (connectors.Capabilities, error) {
		return connectors.Capabilities{Advice: advice, Markers: map[connectors.Object]connectors.Marking{
			connectors.ObjectContact: {Tier: connectors.TierEnforced}, connectors.ObjectTask: {Tier: connectors.TierRead, Field: "Marker__c"}}}, nil
	}))
	for _, crm := range crms() {
		conn := d.connect(crm)
		if c := d.listed(crm); c.Capabilities != nil || c.CapabilitiesAt != nil || c.Limits != nil || c.AppClientId != nil ||
			c.SettingsUrl == nil || *c.SettingsUrl != "/functions/v1"+d.settingsPath(conn) {
			t.Errorf("%s: before the probe: %+v", crm, c)
		}
		for _, act := range []string{"probe", "provision"} {
			advice[0] = "Advice after a " + act
			begun := time.Now().Add(-time.Second)
			got := decode[api.Connection](d.call(http.MethodPost, "/connections/"+conn.ID.String()+"/"+act+"?workspace_id="+d.workspace.String(), nil), http.StatusOK)
			want := `{"advice":["Advice after a ` + act + `"],"objects":[{"object":"contact","tier":"enforced"},{"field":"Marker__c","object":"task","tier":"read"},{"object":"rollup","tier":"none"}]}`
			if asJSON(t, got.Capabilities) != want || got.CapabilitiesAt == nil || got.CapabilitiesAt.Before(begun) {
				t.Errorf("%s, %s: got %s at %v, want %s", crm, act, asJSON(t, got.Capabilities), got.CapabilitiesAt, want)
			}
			if listed := d.listed(crm); asJSON(t, listed) != asJSON(t, got) {
				t.Errorf("%s, %s: listed as %s, answered %s", crm, act, asJSON(t, listed), asJSON(t, got))
			}
		}
	}
	d.exec(`update crm_connections set limits_json = '[{"name":"daily","used":12,"max":100}]', limits_at = now()`)
	c := d.listed(hubSpot)
	if len(c.Limits) != 1 || c.Limits[0].Name != "daily" || c.Limits[0].Used != 12 || c.Limits[0].Max != 100 || c.Limits[0].AsOf == nil {
		t.Errorf("limits %+v", c.Limits)
	}
}

func TestAProbeThatFailsKeepsWhatWasKnown(t *testing.T) {
	t.Parallel()
	class := connectors.Class("")
	d := open(t, probing(func(connectors.Account) (connectors.Capabilities, error) {
		if class == "" {
			return connectors.Capabilities{}, nil
		}
		return connectors.Capabilities{}, &connectors.Error{Class: class, Code: "some_cause", Cause: "It went wrong.", Action: "Do something."}
	}))
	conn := d.connect(hubSpot)
	path := "/connections/" + conn.ID.String() + "/probe?workspace_id=" + d.workspace.String()
	decode[api.Connection](d.call(http.MethodPost, path, nil), http.StatusOK)
	before := d.listed(hubSpot)
	class = connectors.ClassRetry
	d.call(http.MethodPost, path, nil).refused(http.StatusServiceUnavailable, api.CodeCrmUnavailable)
	class = connectors.ClassRejected
	d.call(http.MethodPost, path, nil).refused(http.StatusConflict, api.CodeCrmRefused)
	if after := d.listed(hubSpot); asJSON(t, after.Capabilities) != asJSON(t, before.Capabilities) || !after.CapabilitiesAt.Equal(*before.CapabilitiesAt) {
		t.Errorf("%+v, then %+v", before.Capabilities, after.Capabilities)
	}
	d.disconnect(hubSpot)
	d.call(http.MethodPost, path, nil).refused(http.StatusConflict, api.CodeCrmNotConnected)
}
