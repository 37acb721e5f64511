package handlers_test

import (
	"encoding/json"
	"net/http"
	"strings"
	"time"

	"crm-connectors/api"

	"github.com/golang-jwt/jwt/v5"
	"github.com/google/uuid"
)

// person is somebody who is signed in to the app, at a browser that may have a cookie of the service.
type person struct {
	d         *desk
	token     string
	email     string
	workspace uuid.UUID
	cookie    string // name=value; empty: none
}

// person makes one who belongs to a workspace of their own, or to the one given.
func (d *desk) person(email string, workspace ...uuid.UUID) *person {
	d.t.Helper()
	p := &person{d: d, email: email, workspace: uuid.New()}
	if len(workspace) > 0 {
		p.workspace = workspace[0]
	}
	token, err := jwt.NewWithClaims(jwt.SigningMethodHS256, jwt.MapClaims{"sub": uuid.NewString(), "email": email, "role": "authenticated",
		"exp": time.Now().Add(time.Hour).Unix(), "app_metadata": map[string]any{"workspace_id": p.workspace}}).SignedString([]byte(jwtSecret))
	if err != nil {
		d.t.Fatal(err)
	}
	p.token = token
	return p
}

// begin starts a flow by a script of a page of origin, and keeps the cookie where a browser would.
func (p *person) begin(crm, origin string) string {
	p.d.t.Helper()
	body, err := json.Marshal(map[string]any{"workspace_id": p.workspace})
	if err != nil {
		p.d.t.Fatal(err)
	}
	req, err := http.NewRequestWithContext(p.d.t.Context(), http.MethodPost, p.d.url+"/functions/v1/"+crm+"-oauth-start", strings.NewReader(string(body)))
	if err != nil {
		p.d.t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+p.token)
	if origin != "" {
		req.Header.Set("Origin", origin)
	}
	if origin == p.d.url && p.cookie != "" {
		req.Header.Set("Cookie", p.cookie)
	}
	r := p.d.do(req)
	s := decode[api.OAuthStart](r, http.StatusOK)
	given, _, _ := strings.Cut(r.header.Get("Set-Cookie"), ";")
	if (given != "") != (origin == p.d.url) {
		p.d.t.Fatalf("a start from %q is given the cookie %q", origin, given)
	}
	if given != "" {
		p.cookie = given
	}
	return s.Url
}

// open opens an address of the service in this person's browser.
func (p *person) open(address string) reply { p.d.t.Helper(); return p.d.look(address, p.cookie) }
