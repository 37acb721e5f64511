package api

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"
)

// ErrorCode is the contract's name for Code; the constants are called by the shorter one.
type ErrorCode = Code

// Error is a failure that the caller is told about. Handlers return it, wrapped or not; what each
// code means to the caller, and what mends it, stands in openapi.yaml under ErrorCode.
type Error struct {
	Code       ErrorCode
	Message    string         // one sentence for the caller, with nothing posted in it; empty: the code's own
	Details    map[string]any // what the code promises, such as field and reason
	RetryAfter time.Duration  // for the header Retry-After; 0: five seconds where the status calls for one
	Err        error          // what lies beneath: goes to the log, never into the response
}

// Error joins code, message and cause; it is for the log.
func (e *Error) Error() string {
	if e.Err != nil {
		return fmt.Sprintf("%s: %s: %v", e.Code, e.Text(), e.Err)
	}
	return fmt.Sprintf("%s: %s", e.Code, e.Text())
}

// Unwrap gives what lies beneath.
func (e *Error) Unwrap() error { return e.Err }

// Text is the sentence for the caller.
func (e *Error) Text() string {
	if e.Message != "" {
		return e.Message
	}
	return codes[e.Code].message
}

// word is the field error: the sentence, but for the failures that Conduit's web client knows by a fixed word.
func (e *Error) word() string {
	switch e.Code {
	case CodeInstallNotFound, CodeInstallNotPending, CodeInstallExpired:
		return string(e.Code)
	}
	return e.Text()
}

// Status is the HTTP status that Code stands for; 500 for a code that the contract does not have.
func (e *Error) Status() int {
	if c, ok := codes[e.Code]; ok {
		return c.status
	}
	return http.StatusInternalServerError
}

// codes is the one place where a code meets its status and its default sentence.
var codes = map[ErrorCode]struct {
	status  int
	message string
}{
	CodeValidationFailed:      {http.StatusBadRequest, "The request is not valid"},
	CodeInvalidJSON:           {http.StatusBadRequest, "The body is not valid JSON"},
	CodeInstallNotFound:       {http.StatusBadRequest, "There is no such install"},
	CodeInstallNotPending:     {http.StatusBadRequest, "The install was claimed before"},
	CodeInstallExpired:        {http.StatusBadRequest, "The install was not claimed in time"},
	CodeRedirectNotAllowed:    {http.StatusBadRequest, "redirect_to must be a path of the app"},
	CodeEndpointURLNotAllowed: {http.StatusBadRequest, "Notifications may not go to this address"},
	CodeLoginHostNotAllowed:   {http.StatusBadRequest, "login_host must be a login host of Salesforce"},

	// The two sentences that clients know from the callbacks.
	CodeOAuthStateInvalid: {http.StatusBadRequest, "Invalid OAuth state"},
	CodeOAuthCodeMissing:  {http.StatusBadRequest, "Missing code/state"},

	CodeOAuthAccessDenied:    {http.StatusBadRequest, "The customer declined"},
	CodeOAuthProviderError:   {http.StatusBadRequest, "The CRM answered with an error"},
	CodeOAuthExchangeFailed:  {http.StatusBadRequest, "The CRM did not take the code"},
	CodeOAuthMissingScopes:   {http.StatusBadRequest, "The customer granted less than is needed"},
	CodeOAuthAccountMismatch: {http.StatusBadRequest, "The workspace is bound to another account of the CRM"},
	CodeOAuthAppChanged:      {http.StatusBadRequest, "The app was changed before the customer came back"},

	CodeNoAuthHeader:              {http.StatusUnauthorized, "Missing authorization header"},
	CodeInvalidJWTFormat:          {http.StatusUnauthorized, "Invalid JWT format"},
	CodeLegacyJWT:                 {http.StatusUnauthorized, "Invalid JWT"},
	CodeAsymmetricJWT:             {http.StatusUnauthorized, "Invalid JWT"},
	CodeUnsupportedTokenAlgorithm: {http.StatusUnauthorized, "Unsupported JWT algorithm"},
	CodeInvalidAPIKey:             {http.StatusUnauthorized, "Invalid API key"},
	CodeWebhookRefused:            {http.StatusUnauthorized, "The webhook's signature is not good, or not of now"},

	CodeForbidden:              {http.StatusForbidden, "You may not act for this workspace"},
	CodeNotFound:               {http.StatusNotFound, "Requested function was not found"},
	CodeConnectionNotFound:     {http.StatusNotFound, "There is no such connection"},
	CodeSyncNotFound:           {http.StatusNotFound, "There is no such sync"},
	CodeWriteNotFound:          {http.StatusNotFound, "There is no such write"},
	CodeAppNotFound:            {http.StatusNotFound, "The workspace has no such app"},
	CodeEndpointNotFound:       {http.StatusNotFound, "There is no such endpoint"},
	CodeNotificationNotFound:   {http.StatusNotFound, "There is no such message"},
	CodeMethodNotAllowed:       {http.StatusMethodNotAllowed, "Method not allowed"},
	CodeIdempotencyConflict:    {http.StatusConflict, "This event was handed in before with other content"},
	CodeCrmNotConnected:        {http.StatusConflict, "This workspace is not connected to the CRM"},
	CodeWriteNotRetriable:      {http.StatusConflict, "This write cannot be tried again"},
	CodeWriteNotResolvable:     {http.StatusConflict, "This write cannot be resolved like this"},
	CodeCrmRefused:             {http.StatusConflict, "The CRM does not answer this as things are"},
	CodeSettingsConflict:       {http.StatusConflict, "The settings were changed by others at the same time"},
	CodeAppInUse:               {http.StatusConflict, "A connection uses the app"},
	CodeEndpointLimit:          {http.StatusConflict, "There are as many endpoints as there may be"},
	CodeRequestTooLarge:        {http.StatusRequestEntityTooLarge, "The body is too large"},
	CodeUnsupportedMediaType:   {http.StatusUnsupportedMediaType, "The body must be application/json"},
	CodeRawContentRefused:      {http.StatusUnprocessableEntity, "A text looks like raw email; send curated text only"},
	CodeSettingsInvalid:        {http.StatusUnprocessableEntity, "The CRM would refuse these settings"},
	CodeRateLimited:            {http.StatusTooManyRequests, "Too many requests"},
	CodeInternal:               {http.StatusInternalServerError, "Unexpected failure; the server log holds the reason under this request id"},
	CodeNotConfigured:          {http.StatusInternalServerError, "This service has no keys configured"},
	CodeCrmNotConfigured:       {http.StatusNotImplemented, "This installation has no app for that CRM"},
	CodeCrmUnavailable:         {http.StatusServiceUnavailable, "The CRM does not answer"},
	CodeSigningKeysUnavailable: {http.StatusServiceUnavailable, "The keys that sign people's tokens cannot be fetched"},
	CodeDatabaseUnavailable:    {http.StatusServiceUnavailable, "The database does not answer"},
	CodeNotReady:               {http.StatusServiceUnavailable, "This process does not take requests"},
	CodeTimeout:                {http.StatusGatewayTimeout, "The answer took too long"},
}

// invalid is the failure of one field or parameter.
func invalid(field, reason string) *Error {
	return &Error{Code: CodeValidationFailed, Message: field + " " + reason,
		Details: map[string]any{"field": field, "reason": reason}}
}

// asError is err as an *Error of the contract: its own, or the fixed one for what nobody foresaw.
func (p *responder) asError(ctx context.Context, err error) *Error {
	var e *Error
	if errors.As(err, &e) && e != nil {
		if _, ok := codes[e.Code]; ok {
			return e
		}
	}
	if ctx.Err() != nil { // our deadline, or a client who left: a consequence, not a fault
		return &Error{Code: CodeTimeout, Err: err}
	}
	if p.away != nil && p.away(err) {
		return &Error{Code: CodeDatabaseUnavailable, Err: err}
	}
	return &Error{Code: CodeInternal, Err: err}
}
