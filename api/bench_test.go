package api

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	"github.com/rs/zerolog"
)

const workspace = "6a0d3f2e-5b1c-4d8e-9f00-1a2b3c4d5e6f"

// Keys that no scanner takes for real ones.
var (
	secretKey      = "sb_" + "secret_" + "one"
	publishableKey = "sb_" + "publishable_" + "one"
	serviceRole    = fakeJWT("HS256", "service_role")
)

func fakeJWT(alg, role string) string {
	part := func(s string) string { return base64.RawURLEncoding.EncodeToString([]byte(s)) }
	return part(fmt.Sprintf(`{"alg":%q,"typ":"JWT"}`, alg)) + "." + part(fmt.Sprintf(`{"role":%q}`, role)) + "." + part("signature")
}

// stubHandler answers every operation and remembers the last outcome; do, if set, comes first.
type stubHandler struct {
	mu      sync.Mutex
	outcome *Outcome
	batch   []json.RawMessage
	params  any
	caller  Caller
	do      func(ctx context.Context) error
}

func (s *stubHandler) saw(ctx context.Context, o *Outcome, params any) error {
	s.mu.Lock()
	s.outcome, s.params, s.caller = o, params, CallerFrom(ctx)
	s.mu.Unlock()
	if s.do != nil {
		return s.do(ctx)
	}
	return nil
}

func (s *stubHandler) last() (*Outcome, any, Caller) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.outcome, s.params, s.caller
}

func (s *stubHandler) HubspotOAuthStart(ctx context.Context, r HubspotOAuthStartRequestObject) (HubspotOAuthStartResponseObject, error) {
	return HubspotOAuthStart200JSONResponse{Body: OAuthStart{Url: "u", AuthUrl: "u", AuthorizeUrl: "u"}}, s.saw(ctx, nil, *r.Body)
}

func (s *stubHandler) SalesforceOAuthStart(ctx context.Context, r SalesforceOAuthStartRequestObject) (SalesforceOAuthStartResponseObject, error) {
	return SalesforceOAuthStart200JSONResponse{Body: OAuthStart{Url: "u", AuthUrl: "u", AuthorizeUrl: "u"}}, s.saw(ctx, nil, *r.Body)
}

func (s *stubHandler) HubspotOAuthCallback(ctx context.Context, r HubspotOAuthCallbackRequestObject) (HubspotOAuthCallbackResponseObject, error) {
	return HubspotOAuthCallback302Response{Headers: BackToTheAppResponseHeaders{Location: "https://app.example.com/"}}, s.saw(ctx, nil, r.Params)
}

func (s *stubHandler) SalesforceOAuthCallback(ctx context.Context, r SalesforceOAuthCallbackRequestObject) (SalesforceOAuthCallbackResponseObject, error) {
	return SalesforceOAuthCallback302Response{Headers: BackToTheAppResponseHeaders{Location: "https://app.example.com/"}}, s.saw(ctx, nil, r.Params)
}

func (s *stubHandler) OAuthConfirm(ctx context.Context, r OAuthConfirmRequestObject) (OAuthConfirmResponseObject, error) {
	return OAuthConfirm303Response{Headers: BackToTheAppResponseHeaders{Location: "https://app.example.com/"}}, s.saw(ctx, nil, *r.Body)
}

func (s *stubHandler) HubspotWebhooks(ctx context.Context, r HubspotWebhooksRequestObject) (HubspotWebhooksResponseObject, error) {
	return HubspotWebhooks200JSONResponse{Ok: true, Taken: len(*r.Body)}, s.saw(ctx, nil, *r.Body)
}

func (s *stubHandler) GetOverview(ctx context.Context, r GetOverviewRequestObject) (GetOverviewResponseObject, error) {
	return GetOverview200JSONResponse{Connections: []HealthCount{}, Waiting: []WaitingReason{}, Minutes: []SettledMinute{}, Allowances: []Allowance{}}, s.saw(ctx, nil, r)
}

func (s *stubHandler) ListNotificationEndpoints(ctx context.Context, r ListNotificationEndpointsRequestObject) (ListNotificationEndpointsResponseObject, error) {
	return ListNotificationEndpoints200JSONResponse{Endpoints: []NotificationEndpoint{}}, s.saw(ctx, nil, r.Params)
}

func (s *stubHandler) AddNotificationEndpoint(ctx context.Context, r AddNotificationEndpointRequestObject) (AddNotificationEndpointResponseObject, error) {
	return AddNotificationEndpoint201JSONResponse{Secret: "s"}, s.saw(ctx, nil, *r.Body)
}

func (s *stubHandler) ChangeNotificationEndpoint(ctx context.Context, r ChangeNotificationEndpointRequestObject) (ChangeNotificationEndpointResponseObject, error) {
	return ChangeNotificationEndpoint200JSONResponse{Id: r.Id}, s.saw(ctx, nil, *r.Body)
}

func (s *stubHandler) DeleteNotificationEndpoint(ctx context.Context, r DeleteNotificationEndpointRequestObject) (DeleteNotificationEndpointResponseObject, error) {
	return DeleteNotificationEndpoint200JSONResponse{Id: r.Id}, s.saw(ctx, nil, r.Id)
}

func (s *stubHandler) RotateNotificationSecret(ctx context.Context, r RotateNotificationSecretRequestObject) (RotateNotificationSecretResponseObject, error) {
	return RotateNotificationSecret200JSONResponse{Secret: "s"}, s.saw(ctx, nil, r.Id)
}

func (s *stubHandler) TestNotificationEndpoint(ctx context.Context, r TestNotificationEndpointRequestObject) (TestNotificationEndpointResponseObject, error) {
	return TestNotificationEndpoint202JSONResponse{Id: r.Id, Body: json.RawMessage(`{}`)}, s.saw(ctx, nil, r.Id)
}

func (s *stubHandler) ListNotifications(ctx context.Context, r ListNotificationsRequestObject) (ListNotificationsResponseObject, error) {
	return ListNotifications200JSONResponse{Notifications: []Notification{}}, s.saw(ctx, nil, r.Params)
}

func (s *stubHandler) GetNotification(ctx context.Context, r GetNotificationRequestObject) (GetNotificationResponseObject, error) {
	return GetNotification200JSONResponse{Id: r.Id, Body: json.RawMessage(`{}`)}, s.saw(ctx, nil, r.Id)
}

func (s *stubHandler) ResendNotification(ctx context.Context, r ResendNotificationRequestObject) (ResendNotificationResponseObject, error) {
	return ResendNotification202JSONResponse{Id: r.Id, Body: json.RawMessage(`{}`)}, s.saw(ctx, nil, r.Id)
}

func (s *stubHandler) RetryWrites(ctx context.Context, r RetryWritesRequestObject) (RetryWritesResponseObject, error) {
	return RetryWrites200JSONResponse{Connections: []FailedWrites{}}, s.saw(ctx, nil, *r.Body)
}

func (s *stubHandler) EraseWorkspace(ctx context.Context, r EraseWorkspaceRequestObject) (EraseWorkspaceResponseObject, error) {
	return EraseWorkspace200JSONResponse{Ok: true}, s.saw(ctx, nil, r.Id)
}

func (s *stubHandler) EraseContact(ctx context.Context, r EraseContactRequestObject) (EraseContactResponseObject, error) {
	return EraseContact200JSONResponse{Ok: true}, s.saw(ctx, nil, r.Params)
}

func (s *stubHandler) ClaimInstall(ctx context.Context, r ClaimInstallRequestObject) (ClaimInstallResponseObject, error) {
	return ClaimInstall200JSONResponse{Ok: true}, s.saw(ctx, nil, *r.Body)
}

func (s *stubHandler) Sweep(ctx context.Context, r SweepRequestObject) (SweepResponseObject, error) {
	return Sweep200JSONResponse{Status: SweptStatusSwept}, s.saw(ctx, nil, r)
}

func (s *stubHandler) DisconnectCrm(ctx context.Context, r DisconnectCrmRequestObject) (DisconnectCrmResponseObject, error) {
	return DisconnectCrm200JSONResponse{Ok: true}, s.saw(ctx, nil, *r.Body)
}

func (s *stubHandler) ListConnections(ctx context.Context, r ListConnectionsRequestObject) (ListConnectionsResponseObject, error) {
	return ListConnections200JSONResponse{Connections: []Connection{}}, s.saw(ctx, nil, r.Params)
}

func (s *stubHandler) Sync(ctx context.Context, r SyncRequestObject) (SyncResponseObject, error) {
	return Sync202JSONResponse{SyncQueuedJSONResponse{Status: SyncStatusQueued, Writes: []Write{}}}, s.saw(ctx, r.Body, r.Params)
}

func (s *stubHandler) SyncCrm(ctx context.Context, r SyncCrmRequestObject) (SyncCrmResponseObject, error) {
	return SyncCrm202JSONResponse{SyncQueuedJSONResponse{Status: SyncStatusQueued, Writes: []Write{}}}, s.saw(ctx, r.Body, r.Params)
}

func (s *stubHandler) GetSync(ctx context.Context, r GetSyncRequestObject) (GetSyncResponseObject, error) {
	return GetSync200JSONResponse{SyncId: r.Target, Status: SyncStatusSettled, Writes: []Write{}}, s.saw(ctx, nil, r.Target)
}

func (s *stubHandler) SyncBatch(ctx context.Context, r SyncBatchRequestObject) (SyncBatchResponseObject, error) {
	s.mu.Lock()
	s.batch = r.Body.Outcomes
	s.mu.Unlock()
	return SyncBatch202JSONResponse{Results: []BatchItem{}}, s.saw(ctx, nil, r.Params)
}

func (s *stubHandler) ListWrites(ctx context.Context, r ListWritesRequestObject) (ListWritesResponseObject, error) {
	return ListWrites200JSONResponse{Writes: []Write{}}, s.saw(ctx, nil, r.Params)
}

func (s *stubHandler) GetWrite(ctx context.Context, r GetWriteRequestObject) (GetWriteResponseObject, error) {
	return GetWrite200JSONResponse{Id: r.Id, Payload: json.RawMessage(`{}`), Notes: []Note{}, Attempts: []Attempt{}}, s.saw(ctx, nil, r.Id)
}

func (s *stubHandler) GetConnectionSettings(ctx context.Context, r GetConnectionSettingsRequestObject) (GetConnectionSettingsResponseObject, error) {
	return GetConnectionSettings200JSONResponse{ConnectionId: r.Id}, s.saw(ctx, nil, r.Params)
}

func (s *stubHandler) UpdateConnectionSettings(ctx context.Context, r UpdateConnectionSettingsRequestObject) (UpdateConnectionSettingsResponseObject, error) {
	return UpdateConnectionSettings200JSONResponse{ConnectionId: r.Id}, s.saw(ctx, nil, *r.Body)
}

func (s *stubHandler) ProbeConnection(ctx context.Context, r ProbeConnectionRequestObject) (ProbeConnectionResponseObject, error) {
	return ProbeConnection200JSONResponse{Id: r.Id, Scopes: []string{}}, s.saw(ctx, nil, r.Params)
}

func (s *stubHandler) ProvisionConnection(ctx context.Context, r ProvisionConnectionRequestObject) (ProvisionConnectionResponseObject, error) {
	return ProvisionConnection200JSONResponse{Id: r.Id, Scopes: []string{}}, s.saw(ctx, nil, r.Params)
}

func (s *stubHandler) ListApps(ctx context.Context, r ListAppsRequestObject) (ListAppsResponseObject, error) {
	return ListApps200JSONResponse{Apps: []App{}}, s.saw(ctx, nil, r.Params)
}

func (s *stubHandler) PutApp(ctx context.Context, r PutAppRequestObject) (PutAppResponseObject, error) {
	return PutApp200JSONResponse{Crm: r.Crm, Source: AppSourceWorkspace}, s.saw(ctx, nil, *r.Body)
}

func (s *stubHandler) DeleteApp(ctx context.Context, r DeleteAppRequestObject) (DeleteAppResponseObject, error) {
	return DeleteApp200JSONResponse{Crm: r.Crm, Source: AppSourceNone}, s.saw(ctx, nil, r.Params)
}

func (s *stubHandler) ResolveWrite(context.Context, ResolveWriteRequestObject) (ResolveWriteResponseObject, error) {
	return ResolveWrite200JSONResponse{}, nil
}

// RetryWrite gives no answer at all, which no handler may.
func (s *stubHandler) RetryWrite(ctx context.Context, r RetryWriteRequestObject) (RetryWriteResponseObject, error) {
	return nil, s.saw(ctx, nil, r.Id)
}

// bench is a router with a stub behind it and its log beside it.
type bench struct {
	http.Handler
	stub *stubHandler
	log  *syncBuffer
}

func newBench(t testing.TB, change func(*Config)) *bench {
	t.Helper()
	b := &bench{stub: &stubHandler{}, log: &syncBuffer{}}
	cfg := Config{Handler: b.stub, Auth: &Credentials{Keys: NewServiceKeys(map[string]string{"conduit": secretKey}, serviceRole)}, Log: zerolog.New(b.log)}
	if change != nil {
		change(&cfg)
	}
	h, err := NewRouter(cfg)
	if err != nil {
		t.Fatalf("NewRouter: %v", err)
	}
	b.Handler = h
	return b
}

// send makes a request as a service; headers come in pairs and replace, an empty value removes.
func (b *bench) send(method, target, body string, headers ...string) *httptest.ResponseRecorder {
	r := httptest.NewRequestWithContext(context.Background(), method, target, strings.NewReader(body))
	r.Header.Set("apikey", secretKey)
	if body != "" {
		r.Header.Set("Content-Type", "application/json")
	}
	for i := 0; i < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
		if headers[i+1] == "" {
			r.Header.Del(headers[i])
		}
	}
	w := httptest.NewRecorder()
	b.ServeHTTP(w, r)
	return w
}

// refused checks the envelope that every failure has, and gives its details.
func refused(t *testing.T, w *httptest.ResponseRecorder, status int, code ErrorCode) ErrorEnvelope {
	t.Helper()
	if w.Code != status {
		t.Errorf("status: got %d, want %d; body %s", w.Code, status, w.Body)
	}
	var e ErrorEnvelope
	if err := json.Unmarshal(w.Body.Bytes(), &e); err != nil {
		t.Fatalf("body is no JSON object: %v: %s", err, w.Body)
	}
	h := w.Header()
	if e.Code != code || h.Get("sb-error-code") != string(code) {
		t.Errorf("code: got %q in the body and %q in the header, want %q", e.Code, h.Get("sb-error-code"), code)
	}
	if e.Message == "" || e.Error != e.Message || e.Msg != e.Message {
		t.Errorf("error, message and msg: got %q, %q, %q, want one sentence", e.Error, e.Message, e.Msg)
	}
	if e.RequestId == "" || e.RequestId != h.Get("sb-request-id") || e.RequestId != h.Get("x-request-id") {
		t.Errorf("request id: got %q in the body, %q in the header", e.RequestId, h.Get("sb-request-id"))
	}
	if got := h.Get("Content-Type"); got != "application/json" {
		t.Errorf("Content-Type: got %q", got)
	}
	if got := h.Get("Access-Control-Allow-Origin"); got != "*" {
		t.Errorf("Access-Control-Allow-Origin: got %q, want *", got)
	}
	if _, there := h["X-Relay-Error"]; there {
		t.Error("x-relay-error is set")
	}
	return e
}

type syncBuffer struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (b *syncBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.Write(p)
}

func (b *syncBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.String()
}
