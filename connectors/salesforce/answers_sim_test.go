package salesforce

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"crm-connectors/connectors"
	"crm-connectors/sim/simsalesforce"
)

// consequence is what a task's create comes to.
type consequence struct {
	class connectors.Class
	code  string
	wait  time.Duration
	pause bool
	tells string // in the action
}

func TestEveryAnswerOfSalesforceHasItsConsequence(t *testing.T) {
	t.Parallel()
	const hour = time.Hour
	want := map[string]consequence{
		"session for other use":     {reconnect, "session_not_for_api", 0, false, "scope api"},
		"session expired as 403":    {needAuth, "session_expired", 0, false, "new session"},
		"app not attached":          {reconnect, "app_not_attached", 0, false, "administrator"},
		"total requests":            {retry, "crm_daily_limit", hour, true, "limit"},
		"concurrent long requests":  {retry, "crm_concurrency_limited", 30 * time.Second, true, ""},
		"concurrent requests":       {retry, "crm_concurrency_limited", 30 * time.Second, true, ""},
		"api disabled for org":      {reconnect, "api_disabled", 0, false, "API Enabled"},
		"api disabled for now":      {reconnect, "api_disabled", 0, false, "switched on"},
		"forbidden":                 {reject, "permission_missing", 0, false, "access"},
		"feature not enabled":       {reject, "feature_not_enabled", 0, false, "access"},
		"no access":                 {reject, "permission_missing", 0, false, "access"},
		"no access or read-only":    {reject, "permission_missing", 0, false, "access"},
		"password expired":          {reconnect, "password_expired", 0, false, "password"},
		"row locked":                {retry, "record_locked", 5 * time.Second, false, ""},
		"row locked as 500":         {retry, "record_locked", 5 * time.Second, false, ""},
		"query timeout":             {inDoubt, "crm_timeout", 0, false, ""},
		"request too long":          {inDoubt, "crm_timeout", 0, false, "looks for"},
		"unknown exception":         {inDoubt, "crm_failed", 0, false, "looks for"},
		"server unavailable":        {inDoubt, "crm_unavailable", 0, false, "looks for"},
		"maintenance page":          {inDoubt, "crm_unavailable", 0, false, "looks for"},
		"no writes in maintenance":  {retry, "crm_maintenance", 5 * time.Minute, true, ""},
		"used by a workflow":        {retry, "record_locked", 5 * time.Second, false, ""},
		"too many requests":         {retry, "crm_rate_limited", 7 * time.Second, true, ""},
		"request timeout":           {inDoubt, "crm_timeout", 0, false, "looks for"},
		"edge cannot reach":         {inDoubt, "crm_unavailable", 0, false, "looks for"},
		"edge timeout":              {inDoubt, "crm_unavailable", 0, false, "looks for"},
		"no route":                  {needAuth, "instance_moved", 0, false, "new address"},
		"validation rule":           {reject, "validation_rule", 0, false, "rule"},
		"trigger failed":            {reject, "automation_failed", 0, false, "administrator"},
		"trigger met a lock":        {retry, "record_locked", 5 * time.Second, false, ""},
		"flow failed":               {reject, "automation_failed", 0, false, "administrator"},
		"in approval":               {reject, "record_locked_for_approval", 0, false, "approval"},
		"record type not for user":  {reject, "reference_invalid", 0, false, "access"},
		"storage full":              {reject, "storage_full", 0, false, "storage"},
		"field not writable":        {reject, "field_not_writable", 0, false, "Ask a Salesforce admin to give the integration user edit access to Task.Region__c, then press Retry."},
		"version retired":           {ours, "api_version_retired", 0, false, "operator"},
		"version gone":              {ours, "api_version_retired", 0, false, "operator"},
		"address too long":          {reject, "crm_rejected", 0, false, ""},
		"headers too long":          {reject, "crm_rejected", 0, false, ""},
		"a retry and a refusal":     {reject, "field_required", 0, false, "Set a default for Task.Region__c in the connection's settings"},
		"duplicates without record": {reject, "duplicate_refused", 0, false, "administrator"},
	}
	for name, a := range simsalesforce.Answers() {
		w, known := want[name]
		if !known {
			t.Errorf("nobody says what %q means", name)
			continue
		}
		o := newOrg(t, simsalesforce.Behaviour{})
		o.fault(a.Fault(http.MethodPost, "/sobjects/Task$"))
		e := o.deliverOne(taskWrite(nil)).Err
		if e == nil || e.Class != w.class || e.Code != w.code || e.RetryAfter != w.wait || e.Pause != w.pause || !strings.Contains(e.Action, w.tells) {
			t.Errorf("%s: %+v, want %+v", name, e, w)
		}
		o.wantEntries("")
	}
	if len(want) != len(simsalesforce.Answers()) {
		t.Errorf("%d consequences for %d answers", len(want), len(simsalesforce.Answers()))
	}
}

func TestEveryAnswerOfTheTokenEndpointHasItsConsequence(t *testing.T) {
	t.Parallel()
	want := map[string]consequence{
		"refresh under way":      {retry, "refresh_in_progress", 2 * time.Second, false, ""},
		"a code where none was":  {retry, "refresh_in_progress", 2 * time.Second, false, ""},
		"authentication failure": {reconnect, "grant_dead", 0, false, "Reconnect"},
		"wrong password":         {reconnect, "grant_dead", 0, false, "Reconnect"},
		"address not allowed":    {reconnect, "address_not_allowed", 0, false, "administrator"},
		"not approved":           {reconnect, "app_not_approved", 0, false, "administrator"},
		"validity expired":       {reconnect, "grant_dead", 0, false, "Reconnect"},
		"user inactive":          {reconnect, "user_inactive", 0, false, "active user"},
		"org inactive":           {reconnect, "org_inactive", 0, false, "reopened"},
		"secret rotated":         {ours, "client_refused", 0, false, "client secret"},
		"secret rotated as 401":  {ours, "client_refused", 0, false, "client secret"},
		"client unknown":         {ours, "client_refused", 0, false, "client id"},
		"app not installed":      {reconnect, "app_not_installed", 0, false, "install the app"},
		"app blocked":            {reconnect, "app_blocked", 0, false, "administrator"},
		"grant type":             {ours, "token_request_refused", 0, false, "settings"},
		"request invalid":        {ours, "token_request_refused", 0, false, "settings"},
		"redirect mismatch":      {ours, "redirect_refused", 0, false, "callback URL"},
		"login rate":             {retry, "login_rate_limited", 5 * time.Minute, false, ""},
		"dead in a 503":          {retry, "login_unavailable", 0, false, ""},
		"page":                   {retry, "login_unavailable", 0, false, ""},
		"something new":          {retry, "login_refused", 0, false, ""},
	}
	for name, a := range simsalesforce.TokenAnswers() {
		w, known := want[name]
		if !known {
			t.Errorf("nobody says what %q means", name)
			continue
		}
		o := newOrg(t, simsalesforce.Behaviour{})
		o.fault(a.Fault(http.MethodPost, "/oauth2/token$"))
		_, err := o.c.Refresh(t.Context(), o.account)
		e := connectors.AsError(err)
		if e == nil || e.Class != w.class || e.Code != w.code || e.RetryAfter != w.wait || !strings.Contains(e.Action, w.tells) {
			t.Errorf("%s: %+v, want %+v", name, e, w)
		}
		if g, err := o.c.Refresh(t.Context(), o.account); err != nil || g.AccessToken.Empty() {
			t.Errorf("%s: the next refresh: %v", name, err)
		}
	}
	if len(want) != len(simsalesforce.TokenAnswers()) {
		t.Errorf("%d consequences for %d answers", len(want), len(simsalesforce.TokenAnswers()))
	}
}

func TestAnOrgThatMovedIsFoundByARefresh(t *testing.T) {
	t.Parallel()
	o := newOrg(t, simsalesforce.Behaviour{})
	there := strings.Replace(o.account.InstanceURL, "127.0.0.1", "localhost", 1)
	o.trust(strings.TrimPrefix(there, "http://"))
	o.SetBehaviour(simsalesforce.Behaviour{InstanceURL: there})
	wantClass(t, o.deliverOne(contactWrite(ada)).Err, needAuth, "instance_moved")
	g, err := o.c.Refresh(t.Context(), o.account)
	if err != nil || g.InstanceURL != there {
		t.Fatalf("Refresh = %+v, %v; want the address %s", g, err, there)
	}
	o.use(g)
	o.deliver(contactWrite(ada))
	o.wantEntries("create Lead")
}

func TestMaintenanceIsWaitedOut(t *testing.T) {
	t.Parallel()
	for kind, want := range map[string]consequence{
		simsalesforce.MaintenancePage:     {class: retry, code: "crm_unavailable"},
		simsalesforce.MaintenanceReadOnly: {class: retry, code: "crm_maintenance", wait: 5 * time.Minute, pause: true},
	} {
		o := newOrg(t, simsalesforce.Behaviour{})
		o.seedLead(ada.Email)
		o.SetBehaviour(simsalesforce.Behaviour{Maintenance: kind})
		e := o.deliverOne(contactWrite(ada)).Err
		if wantClass(t, e, want.class, want.code); e.RetryAfter != want.wait || e.Pause != want.pause || strings.Contains(e.Cause, "<") {
			t.Errorf("%s: %+v, want %+v", kind, e, want)
		}
		o.wantEntries("")
		o.SetBehaviour(simsalesforce.Behaviour{})
		o.deliver(contactWrite(ada))
	}
}

func TestARetiredVersionIsForTheOperator(t *testing.T) {
	t.Parallel()
	o := newOrg(t, simsalesforce.Behaviour{})
	o.c.cfg.Version = "v40.0"
	results := o.c.Deliver(t.Context(), o.account, []connectors.Write{contactWrite(ada), taskWrite(nil)})
	for _, r := range results {
		wantClass(t, r.Err, ours, "api_version_retired")
	}
	if n := o.Core().Calls.API(); n != 1 {
		t.Errorf("%d calls, want one", n)
	}
}
