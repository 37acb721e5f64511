package handlers

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"html/template"
	"net/url"
	"strings"

	"crm-connectors/api"
	"crm-connectors/connectors"
	"crm-connectors/store"

	"github.com/google/uuid"
)

// OAuthConfirm goes on with a flow that waited for a person's answer.
func (h *Handlers) OAuthConfirm(ctx context.Context, r api.OAuthConfirmRequestObject) (api.OAuthConfirmResponseObject, error) {
	to, err := h.answered(ctx, connectors.CRM(r.Body.Crm), r.Body.Ticket, r.Body.Decision == api.OAuthAnswerDecisionAllow)
	switch {
	case err != nil:
		return nil, err
	case to.page != nil:
		return api.OAuthConfirm200TexthtmlResponse{OAuthPageTexthtmlResponse: *to.page}, nil
	}
	return api.OAuthConfirm303Response{Headers: api.BackToTheAppResponseHeaders{Location: to.address}}, nil
}

func (h *Handlers) answered(ctx context.Context, crm connectors.CRM, ticket string, allowed bool) (next, error) {
	connector, ours, err := h.installation(crm)
	if err != nil {
		return next{}, err
	}
	st, err := h.store.TakeOAuthAnswer(ctx, string(crm), ticket, api.BrowserFrom(ctx).Nonce(overTLS(ours)))
	if errors.Is(err, store.ErrNotFound) {
		return next{}, fail(api.CodeOAuthStateInvalid, "Invalid OAuth state", nil)
	}
	if errors.Is(err, store.ErrUnreadable) {
		return next{}, h.unreadable(crm, err)
	}
	if err != nil {
		return next{}, err
	}
	if !allowed {
		if st.Grant != nil {
			h.giveBack(ctx, ours, st, *st.Grant)
		}
		return next{address: failedBack(st, crm, "access_denied", api.CodeOAuthAccessDenied, "The connection was not confirmed. Start again if it was meant.")}, nil
	}
	if st.Stage == store.StageConfirm {
		return h.exchange(ctx, connector, ours, st, st.Code)
	}
	st.Grant.Replaces = st.Replaces
	return h.connect(ctx, ours, st, *st.Grant)
}

// ask shows the browser a page and keeps the flow until it is answered there.
func (h *Handlers) ask(ctx context.Context, ours connectors.App, st store.OAuthState) (next, error) {
	conn, err := h.store.Connection(ctx, st.WorkspaceID, st.CRM)
	if err != nil && !errors.Is(err, store.ErrNotFound) {
		return next{}, err
	}
	browser, cookie, err := browserNonce(ctx, ours)
	if err != nil {
		return next{}, err
	}
	ticket, err := h.store.AskOAuth(ctx, st, browser, stateLife)
	if err != nil {
		return next{}, err
	}
	q := question{ID: st.CRM, CRM: title(st.CRM), Action: beside(ours.RedirectURL, "oauth-confirm"), Ticket: ticket, StartedBy: st.StartedBy, App: hostOf(st.RedirectTo),
		SignedInAt: hostOf(st.LoginURL), Connected: named(conn.AccountName, conn.AccountID), OwnApp: st.AppClientID}
	if st.WorkspaceID != uuid.Nil {
		q.Workspace = st.WorkspaceID.String()
	}
	if st.Grant != nil {
		q.Account = named(st.Grant.AccountName, st.Grant.AccountID)
	}
	var page bytes.Buffer
	if err := pages.Execute(&page, q); err != nil {
		return next{}, fmt.Errorf("page: %w", err)
	}
	policy := "default-src 'none'; style-src '" + styleHash + "'; form-action 'self' " + originOf(st.RedirectTo) + "; frame-ancestors 'none'; base-uri 'none'"
	return next{page: &api.OAuthPageTexthtmlResponse{Body: &page, ContentLength: int64(page.Len()),
		Headers: api.OAuthPageResponseHeaders{ContentSecurityPolicy: policy, SetCookie: cookie}}}, nil
}

// ownPage says whether the request was made by a script of the origin that the CRM sends browsers back to: the one case in which a cookie
// that is set now will come along then.
func ownPage(ctx context.Context, ours connectors.App) bool {
	return api.CallerFrom(ctx).Kind == api.CallerUser && api.BrowserFrom(ctx).Origin == originOf(ours.RedirectURL)
}

// browserNonce is what tells the browser of this request from others: what it has already, so that flows side by side do not end each other,
// or a new one. The cookie gives it to the browser, for as long as a flow lasts.
func browserNonce(ctx context.Context, ours connectors.App) (string, *string, error) {
	nonce := api.BrowserFrom(ctx).Nonce(overTLS(ours))
	if nonce == "" {
		var err error
		if nonce, err = store.Nonce(); err != nil {
			return "", nil, err
		}
	}
	cookie := api.NonceCookie(overTLS(ours), nonce, stateLife)
	return nonce, &cookie, nil
}

// overTLS says whether browsers reach this service over TLS.
func overTLS(ours connectors.App) bool { return strings.HasPrefix(ours.RedirectURL, "https://") }

// starter names who begins a flow, for whoever is to confirm it.
func starter(ctx context.Context) string {
	switch c := api.CallerFrom(ctx); {
	case c.Email != "":
		return connectors.Quote(c.Email)
	case c.UserID != "":
		return "user " + connectors.Quote(c.UserID)
	}
	return ""
}

func originOf(address string) string {
	u, err := url.Parse(address)
	if err != nil || u.Host == "" {
		return ""
	}
	return u.Scheme + "://" + u.Host
}

func hostOf(address string) string {
	_, host, _ := strings.Cut(originOf(address), "://")
	return host
}

// beside is another path in the folder of an address.
func beside(address, name string) string {
	u, err := url.Parse(address)
	if err != nil {
		return name
	}
	return u.ResolveReference(&url.URL{Path: name}).String()
}

func named(name, id string) string {
	if name == "" || name == id {
		return id
	}
	return name + " (" + id + ")"
}

func title(crm string) string {
	switch connectors.CRM(crm) {
	case connectors.HubSpot:
		return "HubSpot"
	case connectors.Salesforce:
		return "Salesforce"
	}
	return crm
}

// question is what the page shows. Empty fields are not known.
type question struct{ ID, CRM, Action, Ticket, Workspace, StartedBy, App, SignedInAt, OwnApp, Account, Connected string }

const style = `body{font:16px/1.5 system-ui,sans-serif;max-width:34rem;margin:10vh auto;padding:0 1rem;color:#1c2530}h1{font-size:1.4rem}
dt{color:#5b6673;font-size:.85rem}dd{margin:0 0 .7rem;overflow-wrap:anywhere}button{font:inherit;padding:.5rem 1.2rem;margin-right:.6rem;border-radius:.4rem;
border:1px solid #5b6673;background:#fff}button[value=allow]{background:#1c5fd4;border-color:#1c5fd4;color:#fff}`

var styleHash = func() string {
	sum := sha256.Sum256([]byte(style))
	return "sha256-" + base64.StdEncoding.EncodeToString(sum[:])
}()

var pages = template.Must(template.New("page").Parse(`<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>Connect {{.CRM}}</title><style>` + style + `</style></head><body>
{{if .Account}}<h1>Replace the connected {{.CRM}} account?</h1>
<p>This workspace is connected to another account. If you go on, it will be connected to the one you have just signed in to. Whatever still waits to be
written to the former account is not written to the new one; it is left for a person to look at.</p>
{{else}}<h1>Connect {{.CRM}} to this workspace?</h1>
<p>You have signed in to {{.CRM}}. Go on only if you began this yourself just now: whoever belongs to the workspace below will write to your {{.CRM}} account.</p>
{{end}}<dl>
<dt>Workspace</dt><dd>{{or .Workspace "none yet: it is chosen in the app"}}</dd>
{{with .StartedBy}}<dt>Begun by</dt><dd>{{.}}</dd>{{end}}
<dt>App</dt><dd>{{.App}}</dd>
{{with .OwnApp}}<dt>Registered as</dt><dd>{{.}}</dd>{{end}}
{{with .SignedInAt}}<dt>Signed in at</dt><dd>{{.}}</dd>{{end}}
{{with .Connected}}<dt>Connected now</dt><dd>{{.}}</dd>{{end}}
{{with .Account}}<dt>New account</dt><dd>{{.}}</dd>{{end}}
</dl>
<form method="post" action="{{.Action}}"><input type="hidden" name="crm" value="{{.ID}}"><input type="hidden" name="ticket" value="{{.Ticket}}">
<button name="decision" value="allow">{{if .Account}}Replace{{else}}Connect{{end}}</button><button name="decision" value="deny">Cancel</button></form>
</body></html>
`))
