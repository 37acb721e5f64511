package handlers_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"

	"crm-connectors/api"

	"github.com/google/uuid"
)

// listen adds an endpoint over the API.
func (d *desk) listen(body fields) api.NotificationEndpointCreated {
	d.t.Helper()
	return decode[api.NotificationEndpointCreated](d.call(http.MethodPost, "/notification-endpoints", body), http.StatusCreated)
}

func TestAnEndpointIsAddedChangedAndDeletedAndItsSecretShownOnce(t *testing.T) {
	t.Parallel()
	d := open(t, stopped)
	made := d.listen(fields{"url": "https://hooks.example.com/crm#part", "events": []string{"write.failed"}, "description": "On-call", "workspace_id": d.workspace})
	e := made.Endpoint
	if !strings.HasPrefix(made.Secret, "whsec_") || e.Url != "https://hooks.example.com/crm" || !e.Enabled || *e.WorkspaceId != d.workspace || len(e.Events) != 1 {
		t.Errorf("made %+v", e)
	}
	d.listen(fields{"url": "https://all.example.com", "events": []string{"connection.error"}})
	path := "/notification-endpoints/" + e.Id.String()
	changed := decode[api.NotificationEndpoint](d.call(http.MethodPatch, path, fields{"enabled": false, "events": []string{"connection.error", "connection.recovered"}}), http.StatusOK)
	if changed.Enabled || *changed.DisabledBecause != "by_request" || len(changed.Events) != 2 || changed.Url != e.Url || changed.Description != "On-call" {
		t.Errorf("changed to %+v", changed)
	}
	again := decode[api.NotificationEndpoint](d.call(http.MethodPatch, path, fields{"enabled": true, "url": "https://other.example.com/"}), http.StatusOK)
	if !again.Enabled || again.DisabledBecause != nil || again.Url != "https://other.example.com/" {
		t.Errorf("changed to %+v", again)
	}
	rotated := decode[api.NotificationEndpointCreated](d.call(http.MethodPost, path+"/secret", nil), http.StatusOK)
	if rotated.Secret == made.Secret || rotated.Endpoint.FormerSecretUntil == nil {
		t.Errorf("rotated to %+v", rotated.Endpoint)
	}
	for _, workspace := range []uuid.UUID{d.workspace, uuid.New()} {
		list := d.call(http.MethodGet, "/notification-endpoints?workspace_id="+workspace.String(), nil)
		want := 1
		if workspace == d.workspace {
			want = 2
		}
		if got := decode[api.NotificationEndpointList](list, http.StatusOK); len(got.Endpoints) != want || strings.Contains(string(list.body), "whsec_") {
			t.Errorf("%d endpoints, want %d: %s", len(got.Endpoints), want, list.body)
		}
	}
	decode[api.NotificationEndpoint](d.call(http.MethodDelete, path, nil), http.StatusOK)
	for _, call := range [][2]string{{http.MethodDelete, ""}, {http.MethodPost, "/test"}, {http.MethodPost, "/secret"}} {
		d.call(call[0], path+call[1], nil).refused(http.StatusNotFound, api.CodeEndpointNotFound)
	}
	d.call(http.MethodPatch, path, fields{"enabled": true}).refused(http.StatusNotFound, api.CodeEndpointNotFound)
	if acts := d.texts(`select action from crm_audit where subject = $1 order by id`, e.Id.String()); strings.Join(acts, " ") != "endpoint.add endpoint.change endpoint.change endpoint.secret endpoint.delete" {
		t.Errorf("recorded are %v", acts)
	}
}

func TestAnEndpointInsideTheNetworkOrWithoutTLSIsRefusedWithTheReason(t *testing.T) {
	t.Parallel()
	d := open(t, stopped)
	for address, why := range map[string]string{
		"http://hooks.example.com/":           "the address must begin with https://",
		"https://hooks.example.com:8443/":     "the port must be 443",
		"https://user:word@hooks.example.com": "an address may not hold a name and a password",
		"https://10.0.0.1/":                   "it must be a name of the public internet, such as hooks.example.com",
		"https://[::1]/":                      "it must be a name of the public internet, such as hooks.example.com",
		"https://metadata.google.internal/":   "it must be a name of the public internet, such as hooks.example.com",
		"https://intranet/":                   "it must be a name of the public internet, such as hooks.example.com",
		"hooks.example.com/crm":               "it is not an address such as https://hooks.example.com/crm",
		"ftp://hooks.example.com/":            "the address must begin with https://",
	} {
		e := d.call(http.MethodPost, "/notification-endpoints", fields{"url": address, "events": []string{"write.failed"}}).refused(http.StatusBadRequest, api.CodeEndpointURLNotAllowed)
		if e.Details["field"] != "url" || e.Details["reason"] != why {
			t.Errorf("%s: %v, want %q", address, e.Details, why)
		}
	}
	made := d.listen(fields{"url": "http://127.0.0.1:1/trusted", "events": []string{"write.failed"}})
	d.call(http.MethodPatch, "/notification-endpoints/"+made.Endpoint.Id.String(), fields{"url": "https://10.0.0.1/"}).refused(http.StatusBadRequest, api.CodeEndpointURLNotAllowed)
	d.call(http.MethodPost, "/notification-endpoints", fields{"url": "https://hooks.example.com", "events": []string{"write.lost"}}).refused(http.StatusBadRequest, api.CodeValidationFailed)
	for range 9 {
		d.listen(fields{"url": "https://hooks.example.com", "events": []string{"write.failed"}})
	}
	if e := d.call(http.MethodPost, "/notification-endpoints", fields{"url": "https://hooks.example.com", "events": []string{"write.failed"}}).refused(http.StatusConflict, api.CodeEndpointLimit); e.Details["limit"] != 10. {
		t.Errorf("the eleventh: %v", e.Details)
	}
}

func TestTheLogOfMessagesIsReadFilteredAndPagedAndAMessageSentAgain(t *testing.T) {
	t.Parallel()
	d := open(t, stopped)
	made := d.listen(fields{"url": "https://hooks.example.com", "events": []string{"write.failed"}})
	path := "/notification-endpoints/" + made.Endpoint.Id.String()
	var last api.Notification
	for range 3 {
		last = decode[api.Notification](d.call(http.MethodPost, path+"/test", nil), http.StatusAccepted)
	}
	if last.Event != "endpoint.test" || last.Status != "waiting" || last.NextAttemptAt == nil || !strings.Contains(string(last.Body), made.Endpoint.Id.String()) {
		t.Errorf("the test is %+v", last)
	}
	d.exec(`update crm_notifications set status = 'failed', ended_at = now(), failures = 10, attempt = 1,
		attempts_json = '[{"started_at":"2026-11-23T09:30:00Z","ended_at":"2026-11-23T09:30:01Z","error":"its name is not known"}]' where id = $1`, last.Id)
	list := func(query url.Values) api.NotificationList {
		return decode[api.NotificationList](d.call(http.MethodGet, "/notifications?"+query.Encode(), nil), http.StatusOK)
	}
	if failed := list(url.Values{"status": {"failed"}, "event": {"endpoint.test"}, "endpoint_id": {made.Endpoint.Id.String()}}); len(failed.Notifications) != 1 || failed.Notifications[0].Id != last.Id {
		t.Errorf("failed are %+v", failed)
	}
	first := list(url.Values{"limit": {"2"}})
	second := list(url.Values{"limit": {"2"}, "after": {*first.Next}})
	if len(first.Notifications) != 2 || len(second.Notifications) != 1 || second.Next != nil || first.Notifications[0].Id != last.Id {
		t.Errorf("pages of %d and %d", len(first.Notifications), len(second.Notifications))
	}
	d.call(http.MethodGet, "/notifications?after=nowhere", nil).refused(http.StatusBadRequest, api.CodeValidationFailed)
	one := "/notifications/" + last.Id.String()
	seen := decode[api.Notification](d.call(http.MethodGet, one, nil), http.StatusOK)
	if len(seen.Attempts) != 1 || *seen.Attempts[0].Error != "its name is not known" || seen.Attempts[0].HttpStatus != nil || seen.EndedAt == nil {
		t.Errorf("the message is %+v", seen)
	}
	if again := decode[api.Notification](d.call(http.MethodPost, one+"/resend", nil), http.StatusAccepted); again.Status != "waiting" || again.EndedAt != nil || len(again.Attempts) != 1 {
		t.Errorf("sent again it is %+v", again)
	}
	for _, call := range [][2]string{{http.MethodGet, ""}, {http.MethodPost, "/resend"}} {
		d.call(call[0], "/notifications/"+uuid.NewString()+call[1], nil).refused(http.StatusNotFound, api.CodeNotificationNotFound)
	}
}
