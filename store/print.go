package store

import (
	"fmt"
	"io"
)

// What holds a secret in the clear on its way to be sealed prints as its type alone, whatever the verb, so that no log and no error can carry it.
const redacted = "{redacted}"

// Format is fmt.Formatter.
func (NewGrant) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, "store.NewGrant"+redacted) }

// Format is fmt.Formatter.
func (OAuthState) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, "store.OAuthState"+redacted) }

// Format is fmt.Formatter.
func (Refreshed) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, "store.Refreshed"+redacted) }

// Format is fmt.Formatter.
func (NewApp) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, "store.NewApp"+redacted) }
