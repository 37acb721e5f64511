package connectorstest

import (
	"net/url"
	"strings"
	"testing"

	"crm-connectors/connectors"

	"golang.org/x/oauth2"
)

func authorizing() map[string]func(*testing.T, Bench) {
	return map[string]func(*testing.T, Bench){
		"the authorize URL carries state and an S256 challenge and no secret": func(t *testing.T, b Bench) {
			link, err := b.Connector.AuthorizeURL(b.App, "some-state", verifier())
			if err != nil {
				t.Fatal(err)
			}
			u, err := url.Parse(link)
			if err != nil {
				t.Fatal(err)
			}
			q := u.Query()
			if got, want := q.Get("code_challenge"), oauth2.S256ChallengeFromVerifier(verifier().Reveal()); got != want || q.Get("code_challenge_method") != "S256" {
				t.Errorf("challenge %q by %q, want %q by S256", got, q.Get("code_challenge_method"), want)
			}
			if q.Get("state") != "some-state" || q.Get("redirect_uri") != b.App.RedirectURL || q.Get("client_id") != b.App.ClientID {
				t.Errorf("authorize URL %s lacks state, redirect or client", link)
			}
			if strings.Contains(link, b.App.ClientSecret.Reveal()) || strings.Contains(link, verifier().Reveal()) {
				t.Errorf("authorize URL holds a secret")
			}
		},
		"a code becomes a grant with the account's identity": func(t *testing.T, b Bench) {
			account := signIn(t, b)
			if account.ID == "" || account.AccessToken.Empty() || account.RefreshToken.Empty() {
				t.Errorf("account %+v lacks identity or tokens", account)
			}
		},
		"a code works once": func(t *testing.T, b Bench) {
			code := consent(t, b, verifier())
			if _, err := b.Connector.Exchange(t.Context(), b.App, code, verifier()); err != nil {
				t.Fatal(err)
			}
			_, err := b.Connector.Exchange(t.Context(), b.App, code, verifier())
			_ = wantClass(t, err, connectors.ClassRejected)
		},
		"a code without its verifier is refused": func(t *testing.T, b Bench) {
			_, err := b.Connector.Exchange(t.Context(), b.App, consent(t, b, verifier()), connectors.NewSecret("another-verifier-of-forty-three-characters-or-more"))
			_ = wantClass(t, err, connectors.ClassRejected)
		},
		"a wrong client secret is our fault and no customer's": func(t *testing.T, b Bench) {
			account := signIn(t, b)
			account.App.ClientSecret = connectors.NewSecret("wrong")
			_, err := b.Connector.Refresh(t.Context(), account)
			_ = wantClass(t, err, connectors.ClassMisconfigured)
		},
		"a refresh gives a token that works": func(t *testing.T, b Bench) {
			account := signIn(t, b)
			b.Expire()
			grant, err := b.Connector.Refresh(t.Context(), account)
			if err != nil {
				t.Fatal(err)
			}
			if grant.AccessToken.Empty() || grant.AccessToken.Equal(account.AccessToken) {
				t.Errorf("refresh gave no new access token")
			}
			account.AccessToken = grant.AccessToken
			mustDeliver(t, b, account, contact("ada@example.com"))
		},
		"a revoked grant needs a reconnect": func(t *testing.T, b Bench) {
			account := signIn(t, b)
			b.Revoke()
			_, err := b.Connector.Refresh(t.Context(), account)
			_ = wantClass(t, err, connectors.ClassNeedsReconnect)
		},
		"revoking ends the grant, and revoking again succeeds": func(t *testing.T, b Bench) {
			account := signIn(t, b)
			if err := b.Connector.Revoke(t.Context(), account); err != nil {
				t.Fatalf("revoke: %v", err)
			}
			_, err := b.Connector.Refresh(t.Context(), account)
			_ = wantClass(t, err, connectors.ClassNeedsReconnect)
			if err := b.Connector.Revoke(t.Context(), account); err != nil {
				t.Errorf("second revoke: %v", err)
			}
		},
	}
}
