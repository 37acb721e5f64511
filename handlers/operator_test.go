package handlers_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"crm-connectors/api"
	"crm-connectors/handlers"

	"github.com/golang-jwt/jwt/v5"
	"github.com/google/uuid"
)

// asOperator is the context of an operator who has signed in with the service key.
func (d *desk) asOperator() (context.Context, handlers.Operator) {
	d.t.Helper()
	_, op, err := d.handlers.SignIn(d.t.Context(), serviceKey)
	if err != nil {
		d.t.Fatal(err)
	}
	return handlers.AsOperator(d.t.Context(), op), op
}

// problem is what an error of the handlers comes to on a page; it has to have that code.
func (d *desk) problem(err error, code api.ErrorCode) handlers.Problem {
	d.t.Helper()
	if err == nil {
		d.t.Fatalf("no error, want %s", code)
	}
	p := handlers.ProblemOf(err)
	if p.Code != string(code) || p.Cause == "" || p.Action == "" {
		d.t.Fatalf("%v is shown as %+v, want %s with a cause and an action", err, p, code)
	}
	return p
}

func tokenOf(t *testing.T, appMetadata map[string]any) string {
	t.Helper()
	token, err := jwt.NewWithClaims(jwt.SigningMethodHS256, jwt.MapClaims{"sub": uuid.NewString(), "email": "operator@example.com", "role": "authenticated",
		"exp": time.Now().Add(time.Hour).Unix(), "app_metadata": appMetadata}).SignedString([]byte(jwtSecret))
	if err != nil {
		t.Fatal(err)
	}
	return token
}

func TestAnOperatorSignsInWithAKeyOrAsAPersonOfTheRoleAndNobodyElseDoes(t *testing.T) {
	t.Parallel()
	d := open(t, stopped)
	for credential, name := range map[string]string{serviceKey: "test", tokenOf(t, map[string]any{"role": operatorRole}): "operator@example.com"} {
		sealed, op, err := d.handlers.SignIn(t.Context(), credential)
		if err != nil || op.Name != name {
			t.Fatalf("signed in as %q, %v; want %q", op.Name, err, name)
		}
		again, ok := d.handlers.OperatorOf(sealed)
		if !ok || again.Name != name || !again.Until.Equal(op.Until) {
			t.Errorf("the session of %s opens as %+v, %v", name, again, ok)
		}
		if _, ok := d.handlers.OperatorOf(sealed[:len(sealed)-2] + "xx"); ok {
			t.Error("a session that was changed is one still")
		}
	}
	for credential, code := range map[string]api.ErrorCode{"another": api.CodeInvalidAPIKey, tokenOf(t, map[string]any{"role": "member"}): api.CodeForbidden, "": api.CodeInvalidAPIKey} {
		_, _, err := d.handlers.SignIn(t.Context(), credential)
		d.problem(err, code)
	}
	if n := strings.Count(d.log.text(), "console_signed_in"); n != 2 {
		t.Errorf("the log has %d times that somebody signed in, want 2", n)
	}
}

func TestAnOperatorsSessionEndsByItsTimeAndWithTheKeyItStandsOn(t *testing.T) {
	t.Parallel()
	d := open(t, stopped)
	sealed, _, err := d.handlers.SignIn(t.Context(), serviceKey)
	if err != nil {
		t.Fatal(err)
	}
	keys := d.operators.Keys
	d.operators.Keys = api.NewServiceKeys(map[string]string{"test": "a-newer-key"}, "")
	if _, ok := d.handlers.OperatorOf(sealed); ok {
		t.Error("the session outlives its key")
	}
	d.operators.Keys = keys
	d.clock.later(handlers.OperatorSession - time.Minute)
	if _, ok := d.handlers.OperatorOf(sealed); !ok {
		t.Error("the session ends before its time")
	}
	d.clock.later(handlers.OperatorSession + time.Minute)
	if _, ok := d.handlers.OperatorOf(sealed); ok {
		t.Error("the session outlives its time")
	}
	if _, ok := d.handlers.OperatorOf(""); ok {
		t.Error("nothing is a session")
	}
}

func TestAFaultOfOursSaysNoMoreThanThatOnAPage(t *testing.T) {
	t.Parallel()
	d := open(t, stopped)
	if p := d.problem(context.DeadlineExceeded, api.CodeTimeout); p.Status != 504 {
		t.Errorf("a timeout has the status %d", p.Status)
	}
	if p := d.problem(errors.New(`column "payload" does not exist`), api.CodeInternal); strings.Contains(p.Cause, "column") {
		t.Errorf("the page says %q", p.Cause)
	}
	if p, ok := handlers.ProblemNamed(string(api.CodeOAuthAccessDenied)); !ok || p.Action == "" || p.Cause == "" {
		t.Errorf("a code of the contract is %+v, %v", p, ok)
	}
	if _, ok := handlers.ProblemNamed("call_0900"); ok {
		t.Error("a code that is none is taken for one")
	}
}
