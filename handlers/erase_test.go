package handlers_test

import (
	"net/http"
	"net/url"
	"testing"

	"crm-connectors/api"

	"github.com/google/uuid"
)

// holds counts the rows of all tables that contain a text.
func (d *desk) holds(text string) int {
	d.t.Helper()
	return d.count(`select count(*) from (select c::text from crm_connections c union all select w::text from crm_write_log w union all select a::text from crm_write_attempts a
		union all select l::text from crm_object_links l union all select p::text from crm_apps p union all select u::text from crm_audit u
		union all select o::text from oauth_states o union all select i::text from pending_installs i) as r (row) where row ilike '%' || $1 || '%'`, text)
}

func (d *desk) eraseContact(email string) api.ContactErased {
	d.t.Helper()
	return decode[api.ContactErased](d.call(http.MethodDelete, "/workspaces/"+d.workspace.String()+"/contacts?email="+url.QueryEscape(email), nil), http.StatusOK)
}

func TestAnErasedContactIsNamedNowhereAndALateRepeatIsNotWrittenAgain(t *testing.T) {
	t.Parallel()
	d := open(t)
	d.connect(hubSpot)
	first := d.outcome("e-1", contact("ada@example.com"), task("t-1"))
	decode[api.SyncResult](d.call(http.MethodPost, "/sync/hubspot", first, "Prefer", "wait=30"), http.StatusOK)
	decode[api.SyncResult](d.call(http.MethodPost, "/sync/hubspot", d.outcome("e-2", contact("grace@example.com")), "Prefer", "wait=30"), http.StatusOK)
	d.exec(`update crm_connections set paused_until = now() + interval '1 hour'`)
	d.call(http.MethodPost, "/sync/hubspot", d.outcome("e-3", contact("ada@example.com"), task("t-3")))
	if n := d.holds("ada@example.com"); n == 0 {
		t.Fatal("nothing names the contact before")
	}
	calls := d.hub.Core().Calls.API()
	if e := d.eraseContact("ADA@example.com"); e.Writes != 4 || e.Cancelled != 2 || e.Pending != 0 {
		t.Errorf("erased %+v, want 4 writes, 2 of them cancelled", e)
	}
	if n := d.holds("ada@example.com"); n != 0 {
		t.Errorf("%d rows still name the contact", n)
	}
	if n := d.count(`select count(*) from crm_write_log where content_erased_at is not null and exists (select from jsonb_each(payload_json) as f where f.value <> 'null')`); n != 0 {
		t.Errorf("%d erased writes have content", n)
	}
	if n := d.holds("grace@example.com"); n == 0 {
		t.Error("another contact is erased too")
	}
	if e := d.eraseContact("ada@example.com"); e.Writes != 0 || e.Cancelled != 0 {
		t.Errorf("again: %+v, want nothing", e)
	}
	d.exec(`update crm_connections set paused_until = null`)
	decode[api.SyncResult](d.call(http.MethodPost, "/sync/hubspot", first, "Prefer", "wait=30"), http.StatusOK)
	if n := d.hub.Core().Calls.API(); n != calls {
		t.Errorf("a late repeat made %d calls", n-calls)
	}
	if n := d.count(`select count(*) from crm_audit where action = 'contact.erase' and workspace_id = $1`, d.workspace); n != 2 {
		t.Errorf("%d lines of the record, want 2", n)
	}
}

func TestAnErasedWorkspaceLeavesOneLineAndItsGrantIsRevoked(t *testing.T) {
	t.Parallel()
	d := open(t)
	d.connect(hubSpot)
	d.connect(salesForce)
	decode[api.SyncResult](d.call(http.MethodPost, "/sync", d.outcome("e-1", contact("ada@example.com"), task("t-1")), "Prefer", "wait=30"), http.StatusOK)
	d.begin(hubSpot)
	gone := d.workspace
	d.workspace = uuid.New()
	d.exec(`insert into crm_object_links (workspace_id, crm, crm_account_id, email, crm_object_type, crm_object_id) values ($1, 'hubspot', '1', 'kept@example.com', 'contact', '1')`, d.workspace)
	e := decode[api.WorkspaceErased](d.call(http.MethodDelete, "/workspaces/"+gone.String(), nil), http.StatusOK)
	if e.Connections != 2 || e.Revoked != 2 || e.Writes != 4 {
		t.Errorf("erased %+v, want 2 connections, both revoked, and 4 writes", e)
	}
	if n := d.holds(gone.String()); n != 1 || d.count(`select count(*) from crm_audit where action = 'workspace.erase' and workspace_id = $1`, gone) != 1 {
		t.Errorf("%d rows name the workspace, want the line of the record alone", n)
	}
	if d.holds("ada@example.com") != 0 || d.holds("kept@example.com") != 1 {
		t.Error("too little or too much is erased")
	}
	if d.oauthCalls(hubSpot, "/revoke")+d.oauthCalls(salesForce, "/revoke") == 0 {
		t.Error("no CRM was asked to revoke")
	}
	again := decode[api.WorkspaceErased](d.call(http.MethodDelete, "/workspaces/"+gone.String(), nil), http.StatusOK)
	if again.Connections != 0 || again.Writes != 0 || again.Revoked != 0 {
		t.Errorf("again: %+v, want nothing", again)
	}
	d.call(http.MethodPost, "/sync/hubspot", map[string]any{"workspace_id": gone, "source_event_id": "e-9", "contact": map[string]any{"email": "ada@example.com"}}).
		refused(http.StatusConflict, api.CodeCrmNotConnected)
}

func TestNoPersonErasesAnything(t *testing.T) {
	t.Parallel()
	d := open(t, stopped)
	v := d.person("vera@example.com", d.workspace)
	for _, path := range []string{"/workspaces/" + d.workspace.String(), "/workspaces/" + d.workspace.String() + "/contacts?email=ada@example.com"} {
		d.call(http.MethodDelete, path, nil, "apikey", "", "Authorization", "Bearer "+v.token).refused(http.StatusForbidden, api.CodeForbidden)
		d.call(http.MethodDelete, path, nil, "apikey", "").refused(http.StatusUnauthorized, api.CodeNoAuthHeader)
	}
	d.call(http.MethodDelete, "/workspaces/"+d.workspace.String()+"/contacts?email=nobody", nil).refused(http.StatusBadRequest, api.CodeValidationFailed)
	if n := d.count(`select count(*) from crm_audit`); n != 0 {
		t.Errorf("%d lines of the record", n)
	}
}
