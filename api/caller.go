package api

import (
	"context"
	"fmt"
	"slices"

	"github.com/google/uuid"
)

// CallerKind says what a caller may be trusted with.
type CallerKind string

// The kinds of caller. The zero CallerKind is nobody: a callback, a health check.
const (
	CallerService CallerKind = "service" // holds a secret key: may act for every workspace
	CallerUser    CallerKind = "user"    // a signed-in person: only for workspaces they belong to
	CallerHook    CallerKind = "hook"    // a database webhook or cron: may hand in outcomes and wake the service, nothing else
)

// Caller is who makes a request. The zero Caller is nobody.
type Caller struct {
	Kind       CallerKind
	Name       string   // of the key, as configured; for the log
	UserID     string   // of a CallerUser: the token's subject
	Email      string   // of a CallerUser, as the token has it; for people to read, never to go by
	Workspaces []string // that a CallerUser's token names in app_metadata, which users cannot edit
	Roles      []string // likewise
}

// Members knows who belongs to a workspace.
type Members interface {
	IsMember(ctx context.Context, userID string, workspaceID uuid.UUID) (bool, error)
}

// Reaches says whether c may act for a workspace: a service for every one, a person for those that the token or members says
// are theirs, everybody else for none.
func (c Caller) Reaches(ctx context.Context, members Members, workspaceID uuid.UUID) (bool, error) {
	switch {
	case c.Kind == CallerService:
		return true, nil
	case c.Kind != CallerUser || c.UserID == "" || workspaceID == uuid.Nil:
		return false, nil
	case slices.Contains(c.Workspaces, workspaceID.String()):
		return true, nil
	case members == nil:
		return false, nil
	}
	yes, err := members.IsMember(ctx, c.UserID, workspaceID)
	if err != nil {
		return false, fmt.Errorf("membership: %w", err)
	}
	return yes, nil
}

type callerKey struct{}

// CallerFrom is who makes the request of this context. It is for handlers, which pass on to the rooms below what those need to know.
func CallerFrom(ctx context.Context) Caller {
	c, _ := ctx.Value(callerKey{}).(Caller)
	return c
}

// WithCaller gives a context whose requests are made by c.
func WithCaller(ctx context.Context, c Caller) context.Context {
	return context.WithValue(ctx, callerKey{}, c)
}
