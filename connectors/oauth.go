package connectors

import (
	"context"
	"crypto/subtle"
	"fmt"
	"time"
)

// Secret is text that must not be shown: it prints and encodes as "redacted", wherever in a value it lies. Reveal gives the text. The
// zero Secret is the empty text.
type Secret struct {
	_    [0]func() // no ==, which would compare where the texts lie
	text *string   // behind a pointer: fmt prints what it finds in unexported fields without asking the type how
}

const redacted = "redacted"

// NewSecret hides text.
func NewSecret(text string) Secret {
	if text == "" {
		return Secret{}
	}
	return Secret{text: &text}
}

// Reveal is the one way to the text; every use is a place to review.
func (s Secret) Reveal() string {
	if s.text == nil {
		return ""
	}
	return *s.text
}

// Empty says that there is no text.
func (s Secret) Empty() bool { return s.text == nil }

// Equal says that both hide the same text, in a time that does not tell where they differ.
func (s Secret) Equal(other Secret) bool {
	return subtle.ConstantTimeCompare([]byte(s.Reveal()), []byte(other.Reveal())) == 1
}

// Format writes "redacted" for every verb, so that no log or error can carry the text.
func (s Secret) Format(f fmt.State, _ rune) { _, _ = f.Write([]byte(redacted)) }

// String is "redacted".
func (s Secret) String() string { return redacted }

// MarshalText is "redacted" too, which covers JSON and slog.
func (s Secret) MarshalText() ([]byte, error) { return []byte(redacted), nil }

// App is our registration with a CRM. Salesforce may give a self-hoster one for each org.
type App struct {
	ClientID     string
	ClientSecret Secret
	RedirectURL  string // our callback, character for character as registered
	LoginURL     string // where people sign in (Salesforce: and tokens are issued): scheme and host; empty: the usual one
}

// Account is a signed-in CRM account: whose it is and what opens it.
type Account struct {
	App          App
	ID           string // HubSpot hub id, Salesforce org id (18 characters)
	InstanceURL  string // Salesforce: where the org lives; HubSpot: empty
	AccessToken  Secret
	RefreshToken Secret
	Shared       bool // other connections use this account too: ending ours must not end theirs
	Settings     Settings
	Capabilities Capabilities // as last probed; zero: never, so that nothing but the usual is relied upon
}

// Grant is what a token endpoint gave.
type Grant struct {
	AccessToken  Secret
	RefreshToken Secret    // empty on refresh: keep the one that was used
	ExpiresAt    time.Time // zero: the CRM does not say (Salesforce)
	Scopes       []string
	AccountID    string
	AccountName  string // for people: a domain or user name; may be empty
	UserID       string // the CRM's id of who consented; may be empty
	InstanceURL  string
}

// Authorizer is the OAuth side of a CRM.
type Authorizer interface {
	// AuthorizeURL is where the browser is sent. The challenge for verifier is S256 (RFC 7636). An error
	// names the setting of app that is wrong.
	AuthorizeURL(app App, state string, verifier Secret) (string, error)

	// Exchange turns a code into a grant and the identity of the account. It is not repeated: a code
	// works once. Errors are *Error.
	Exchange(ctx context.Context, app App, code string, verifier Secret) (Grant, error)

	// Refresh trades the refresh token. It is not repeated within the call, for the old token may be spent.
	// Errors are *Error: ClassNeedsReconnect only for a grant that is proven dead, ClassMisconfigured when
	// our own registration is refused, ClassInDoubt when the answer was lost, ClassRetry otherwise.
	Refresh(ctx context.Context, account Account) (Grant, error)

	// Revoke ends the grant at the CRM, and takes the app out of the account where the CRM knows that and the account is
	// not Shared. Revoking what is revoked already succeeds.
	Revoke(ctx context.Context, account Account) error
}
