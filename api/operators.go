package api

import (
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/hex"
	"slices"
	"strings"
)

// Operators says who may use the operator's console: who holds a service key, and people whose token names Role.
type Operators struct {
	Keys   *ServiceKeys
	Tokens *Tokens // nil: no person can sign in
	Role   string  // that app_metadata names, as role or in roles
}

// Admit names whoever credential proves, a service key or a person's access token. tie is what the caller stands on: a session that was begun
// with it is good for as long as Stands says so. Errors are *Error and hold nothing of the credential.
func (o *Operators) Admit(ctx context.Context, credential string) (c Caller, tie string, err error) {
	credential = strings.TrimSpace(credential)
	if c, ok := o.Keys.lookup(credential); ok {
		return c, o.tie(c.Name), nil
	}
	if _, token := tokenAlgorithm(credential); !token {
		return Caller{}, "", &Error{Code: CodeInvalidAPIKey, Message: "This is neither a service key of this installation nor an access token"}
	}
	if c, err = o.Tokens.verify(ctx, credential); err != nil {
		return Caller{}, "", err
	}
	if c.Kind != CallerUser {
		return Caller{}, "", &Error{Code: CodeInvalidAPIKey, Message: "This token is no person's; sign in with a service key that is configured here"}
	}
	if !slices.Contains(c.Roles, o.Role) {
		return Caller{}, "", &Error{Code: CodeForbidden, Message: `You are signed in, but not an operator: set "role": "` + o.Role +
			`" in your app_metadata, then sign in to the app again for a new token`}
	}
	return c, o.tokenTie(), nil
}

// Stands says whether what a session was tied to is still so: the key of that name is the same, or, without a name, people are let in
// as they were.
func (o *Operators) Stands(key, tie string) bool {
	want := o.tokenTie()
	if key != "" {
		want = o.tie(key)
	}
	return want != "" && subtle.ConstantTimeCompare([]byte(want), []byte(tie)) == 1
}

// tie is a fingerprint of the key of that name; empty: there is none.
func (o *Operators) tie(name string) string {
	for _, k := range o.Keys.keys {
		if k.name == name {
			return fingerprint("key", name, string(k.sum[:]))
		}
	}
	return ""
}

func (o *Operators) tokenTie() string {
	if o.Tokens == nil {
		return ""
	}
	return fingerprint("token", o.Role, string(o.Tokens.rules.Secret))
}

func fingerprint(parts ...string) string {
	h := sha256.New()
	for _, p := range parts {
		sum := sha256.Sum256([]byte(p))
		h.Write(sum[:])
	}
	return hex.EncodeToString(h.Sum(nil))
}
