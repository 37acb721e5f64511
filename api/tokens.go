package api

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"regexp"
	"strings"
	"time"

	"github.com/golang-jwt/jwt/v5"
	"github.com/google/uuid"
)

// TokenRules say which tokens are taken. Without Secret no HS256 token is, without Keys none that is signed asymmetrically.
type TokenRules struct {
	Secret   []byte // the project's legacy JWT secret
	Keys     *KeySet
	Issuer   string           // that a person's token must name; empty: any
	Audience string           // likewise
	Now      func() time.Time // nil: time.Now
}

// Tokens verifies the JWTs of a Supabase project: those of its people, and the legacy service_role key. Symmetric and asymmetric
// signatures are judged by parsers of their own, so that a public key can never pass for a secret.
type Tokens struct {
	rules                 TokenRules
	symmetric, asymmetric *jwt.Parser
}

// NewTokens makes a verifier.
func NewTokens(rules TokenRules) *Tokens {
	if rules.Now == nil {
		rules.Now = time.Now
	}
	parser := func(algorithms ...string) *jwt.Parser {
		return jwt.NewParser(jwt.WithValidMethods(algorithms), jwt.WithExpirationRequired(), jwt.WithTimeFunc(rules.Now))
	}
	return &Tokens{rules: rules, symmetric: parser("HS256"), asymmetric: parser("ES256", "RS256")}
}

// verify names the caller that token proves, or refuses it with the code that the gateway has for its algorithm.
func (t *Tokens) verify(ctx context.Context, token string) (Caller, error) {
	algorithm, ok := tokenAlgorithm(token)
	switch {
	case !ok:
		return Caller{}, &Error{Code: CodeInvalidJWTFormat}
	case algorithm == "HS256":
		return t.verifySymmetric(token)
	case algorithm == "ES256" || algorithm == "RS256":
		return t.verifyAsymmetric(ctx, token)
	}
	e := &Error{Code: CodeUnsupportedTokenAlgorithm}
	if shortWord.MatchString(algorithm) {
		e.Message = "Unsupported JWT algorithm " + algorithm
	}
	return Caller{}, e
}

func (t *Tokens) verifySymmetric(token string) (Caller, error) {
	if t == nil || len(t.rules.Secret) == 0 {
		return Caller{}, &Error{Code: CodeLegacyJWT}
	}
	var c claims
	if _, err := t.symmetric.ParseWithClaims(token, &c, func(*jwt.Token) (any, error) { return t.rules.Secret, nil }); err != nil {
		return Caller{}, &Error{Code: CodeLegacyJWT, Err: err}
	}
	if c.Role == "service_role" && c.Subject == "" {
		return Caller{Kind: CallerService, Name: "service_role"}, nil
	}
	return t.person(c, CodeLegacyJWT)
}

func (t *Tokens) verifyAsymmetric(ctx context.Context, token string) (Caller, error) {
	if t == nil || t.rules.Keys == nil {
		return Caller{}, &Error{Code: CodeAsymmetricJWT}
	}
	var c claims
	_, err := t.asymmetric.ParseWithClaims(token, &c, t.rules.Keys.keyfunc(ctx))
	switch {
	case errors.Is(err, errNoKeys):
		return Caller{}, &Error{Code: CodeSigningKeysUnavailable, Err: err}
	case err != nil:
		return Caller{}, &Error{Code: CodeAsymmetricJWT, Err: err}
	}
	return t.person(c, CodeAsymmetricJWT)
}

// person is the user of a token whose signature is good. The project's anon key is such a token too, and nobody's.
func (t *Tokens) person(c claims, refused ErrorCode) (Caller, error) {
	switch {
	case c.Subject == "" || c.Role == "anon" || c.Role == "service_role":
		return Caller{}, &Error{Code: refused, Message: "This token is no person's; send a session's token"}
	case t.rules.Issuer != "" && c.Issuer != t.rules.Issuer:
		return Caller{}, &Error{Code: refused, Err: errors.New("another issuer")}
	case t.rules.Audience != "" && !c.audience(t.rules.Audience):
		return Caller{}, &Error{Code: refused, Err: errors.New("another audience")}
	}
	return Caller{Kind: CallerUser, UserID: c.Subject, Email: c.Email, Workspaces: c.workspaces(), Roles: c.roles()}, nil
}

// claims are what is read of a token. user_metadata is not: users edit it themselves.
type claims struct {
	jwt.RegisteredClaims
	Role        string          `json:"role"`
	Email       string          `json:"email"`
	AppMetadata json.RawMessage `json:"app_metadata"`
}

func (c claims) audience(want string) bool {
	for _, a := range c.Audience {
		if a == want {
			return true
		}
	}
	return false
}

// workspaces are those that app_metadata names, as workspace_id or in workspace_ids, in the form of uuid.UUID's text. What is no
// UUID names none.
func (c claims) workspaces() []string {
	var m struct {
		One  json.RawMessage `json:"workspace_id"`
		Many json.RawMessage `json:"workspace_ids"`
	}
	if json.Unmarshal(c.AppMetadata, &m) != nil {
		return nil
	}
	var one any
	var many []any
	_ = json.Unmarshal(m.One, &one) // what is of another type stays empty
	_ = json.Unmarshal(m.Many, &many)
	var out []string
	for _, v := range append(many, one) {
		text, _ := v.(string)
		if id, err := uuid.Parse(text); err == nil {
			out = append(out, id.String())
		}
	}
	return out
}

// roles are those that app_metadata names, as role or in roles. The claim role is none of them: it is the role of the database.
func (c claims) roles() []string {
	var m struct {
		One  json.RawMessage `json:"role"`
		Many json.RawMessage `json:"roles"`
	}
	if json.Unmarshal(c.AppMetadata, &m) != nil {
		return nil
	}
	var one any
	var many []any
	_ = json.Unmarshal(m.One, &one) // what is of another type stays empty
	_ = json.Unmarshal(m.Many, &many)
	var out []string
	for _, v := range append(many, one) {
		if name, _ := v.(string); name != "" {
			out = append(out, name)
		}
	}
	return out
}

var shortWord = regexp.MustCompile(`^[A-Za-z0-9]{1,16}$`)

func tokenAlgorithm(token string) (string, bool) {
	parts := strings.Split(token, ".")
	if len(parts) != 3 {
		return "", false
	}
	header, err := base64.RawURLEncoding.DecodeString(parts[0])
	if err != nil {
		return "", false
	}
	var h struct {
		Alg string `json:"alg"`
	}
	if err := json.Unmarshal(header, &h); err != nil {
		return "", false
	}
	return h.Alg, true
}
