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

// TokensUnreadable says that the sealed tokens of a connection do not open.
func TokensUnreadable(err error) *Error {
	return &Error{Class: ClassMisconfigured, Code: "tokens_unreadable", Cause: "The stored tokens cannot be opened with this service's keyset.",
		Action: "Give the service the keyset that sealed them, or reconnect.", Err: err}
}

// AppSecretUnreadable says that the sealed client secret of a workspace's own app does not open.
func AppSecretUnreadable(err error) *Error {
	return &Error{Class: ClassMisconfigured, Code: "app_secret_unreadable", Cause: "The stored client secret of the workspace's own app cannot be opened with this service's keyset.",
		Action: "Give the service the keyset that sealed it, or save the app with its client secret again.", Err: err}
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

// ApprovalLimiter is the ability of a CRM that keeps so many grants of one user to one app, and ends the oldest with the next without a word.
type ApprovalLimiter interface {
	// ApprovalsKept is how many.
	ApprovalsKept() int

	// MayBeDisplaced says whether a refresh that failed so may have met a grant that was ended by a newer one.
	MayBeDisplaced(e *Error) bool
}

// UserApprovalsFull is what somebody is told who connects as a user whose grants are all in use: the next one ends the oldest.
func UserApprovalsFull(kept int) *Error {
	return &Error{Code: "user_approvals_full", Class: ClassNeedsReconnect,
		Cause: fmt.Sprintf("The user who connected the CRM has approved the app for as many workspaces as the CRM keeps (%d a user): with each further one it ends the oldest "+
			"without a word, and that workspace's writes stop.", kept),
		Action: "Connect each workspace as a CRM user of its own, such as one integration user a workspace."}
}

// ApprovalDisplaced is why a grant is dead that nobody revoked: its user has approved the app for as many other workspaces since.
func ApprovalDisplaced(kept int) *Error {
	return &Error{Code: "approval_displaced", Class: ClassNeedsReconnect,
		Cause: fmt.Sprintf("The CRM has ended the grant, and the user who gave it has since approved the app for %d other workspaces or more: the CRM keeps that many of a user "+
			"and ends the oldest.", kept),
		Action: "Reconnect as a CRM user of this workspace's own: reconnecting as the same user ends the grant of another workspace."}
}
