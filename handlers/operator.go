package handlers

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"crm-connectors/api"
)

// OperatorSession is how long an operator stays signed in to the console.
const OperatorSession = 8 * time.Hour

// Operator is who uses the console. Operators reach every workspace.
type Operator struct {
	Name   string // for people to read: of the key, or a person's address or id
	Until  time.Time
	userID string // of a person
}

// session is what the browser of an operator keeps, sealed.
type session struct {
	Key    string    `json:"key,omitempty"` // name of the service key; empty: a person's token
	Name   string    `json:"name,omitempty"`
	UserID string    `json:"user,omitempty"`
	Tie    string    `json:"tie"`
	Until  time.Time `json:"until"`
}

// SignIn takes a service key or the access token of a person with the operator's role and gives what the browser is to keep. Errors are
// *api.Error: see ProblemOf.
func (h *Handlers) SignIn(ctx context.Context, credential string) (sealed string, op Operator, err error) {
	if h.cfg.Operators == nil {
		return "", op, fail(api.CodeNotConfigured, "", nil)
	}
	caller, tie, err := h.cfg.Operators.Admit(ctx, credential)
	if err != nil {
		return "", op, err
	}
	s := session{Name: caller.Email, UserID: caller.UserID, Tie: tie, Until: h.cfg.Now().Add(OperatorSession)}
	if caller.Kind == api.CallerService {
		s.Key = caller.Name
	}
	plain, err := json.Marshal(s)
	if err != nil {
		return "", op, fmt.Errorf("session: %w", err)
	}
	if sealed, err = h.store.SealSession(plain); err != nil {
		return "", op, err
	}
	op = s.operator()
	h.log.Info().Str("event", "console_signed_in").Str("operator", op.Name).Str("user_id", s.UserID).Msg("an operator signed in to the console")
	return sealed, op, nil
}

// OperatorOf opens what a browser kept. False: it is none of ours, over, or what it stands on is there no more, such as a key that was taken out.
func (h *Handlers) OperatorOf(sealed string) (Operator, bool) {
	if sealed == "" || h.cfg.Operators == nil {
		return Operator{}, false
	}
	plain, err := h.store.OpenSession(sealed)
	if err != nil {
		return Operator{}, false
	}
	var s session
	if json.Unmarshal(plain, &s) != nil || !h.cfg.Now().Before(s.Until) || !h.cfg.Operators.Stands(s.Key, s.Tie) {
		return Operator{}, false
	}
	return s.operator(), true
}

func (s session) operator() Operator {
	op := Operator{Name: s.Key, Until: s.Until, userID: s.UserID}
	for _, name := range []string{s.UserID, s.Name} {
		if name != "" {
			op.Name = name
		}
	}
	return op
}

// AsOperator gives a context in which handlers act for op: for every workspace, and named in log and audit.
func AsOperator(ctx context.Context, op Operator) context.Context {
	return api.WithCaller(ctx, api.Caller{Kind: api.CallerService, Name: op.Name, UserID: op.userID})
}
