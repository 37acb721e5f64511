package main

import (
	"context"
	"fmt"

	"crm-connectors/store"
)

func keysCommand() command {
	c := command{name: "keys", group: groupOperate, summary: "Make the keyset that seals CRM tokens", usage: `Usage: crm-connectors keys generate

Prints a new Tink keyset as JSON for TOKEN_KEYSET or TOKEN_KEYSET_FILE. It is a secret: whoever has it and the database has
the customers' tokens, and without it no stored token opens.

Example
  crm-connectors keys generate > keyset.json`}
	c.run = func(_ context.Context, e env) error {
		if len(e.args) == 0 || e.args[0] != "generate" {
			if err := parseFlags(newFlags(c), c, e); err != nil {
				return err
			}
			return &usageError{"keys: say what to do: generate\nRun '" + program + " help keys' for more."}
		}
		e.args = e.args[1:]
		if err := parseFlags(newFlags(c), c, e); err != nil {
			return err
		}
		keyset, err := store.GenerateKeyset()
		if err != nil {
			return err
		}
		_, err = fmt.Fprintln(e.stdout, string(keyset))
		return err
	}
	return c
}
