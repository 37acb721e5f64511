package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"

	"crm-connectors/store"
)

// keysTask is one thing that 'keys' does.
type keysTask struct {
	words string
	run   func(ctx context.Context, e env, f keysFlags) error
}

type keysFlags struct {
	out string // the file that a keyset goes to; empty: standard output
	yes bool   // a person means it
}

func keysTasks() []keysTask {
	return []keysTask{
		{"generate", generateKeyset},
		{"wrap", changeKeyset("wrapped as TOKEN_KEYSET_KMS says.", func(_ context.Context, _ env, k *store.Keyset) (*store.Keyset, error) { return k, nil })},
		{"show", showKeys},
		{"rotate prepare", changeKeyset("a key was added that only opens yet. Give this keyset to every process, then 'keys rotate promote'.",
			func(_ context.Context, _ env, k *store.Keyset) (*store.Keyset, error) { return k.Prepare() })},
		{"rotate promote", changeKeyset("the newest key seals. Give this keyset to every process, then 'keys reencrypt'.",
			func(_ context.Context, _ env, k *store.Keyset) (*store.Keyset, error) { return k.Promote() })},
		{"rotate retire", changeKeyset("the old keys are gone. Give this keyset to every process.", retireKeys)},
		{"reencrypt", reencrypt},
		{"drop former", dropFormer},
	}
}

func keysCommand() command {
	c := command{name: "keys", group: groupOperate, summary: "Make, change and renew the keyset that seals CRM tokens", usage: `Usage: crm-connectors keys generate | wrap | show | rotate prepare | rotate promote | reencrypt | rotate retire  [--out FILE]
       crm-connectors keys drop former [--yes]

The keyset seals the customers' tokens: whoever has it and the database has the tokens, and without it no stored token opens. It is read
from TOKEN_KEYSET or TOKEN_KEYSET_FILE, and printed or written to FILE, never taken from the command line. With TOKEN_KEYSET_KMS it is
wrapped by that key of AWS KMS wherever it is printed.

  generate         a new keyset
  wrap             the present keyset, wrapped
  show             the ids of its keys; with DATABASE_URL also how much each has sealed, and what still lies under Conduit's former key
  rotate prepare   1. the keyset with a new key that only opens yet
  rotate promote   2. the keyset with the newest key sealing
  reencrypt        3. seals anew whatever another key, or Conduit's former one (TOKEN_ENC_KEY_B64), sealed; serve goes on
  rotate retire    4. the keyset without its old keys; refused while the database needs them
  drop former      what Conduit's own tables (conduit_...) still hold; with --yes they are dropped, for good. Refused before reencrypt

After steps 1, 2 and 4 give the keyset to every process before the next step. Nothing is down at any time.

Examples
  crm-connectors keys generate --out keyset.json
  TOKEN_KEYSET_FILE=keyset.json crm-connectors keys rotate prepare --out next.json`}
	c.run = func(ctx context.Context, e env) error {
		fs := newFlags(c)
		out := fs.String("out", "", "`file` for the keyset, which must not exist yet (default: print it)")
		yes := fs.Bool("yes", false, "with drop former: drop the tables, rather than say what they hold")
		for _, task := range keysTasks() {
			if rest, ok := afterWords(e.args, task.words); ok {
				e.args = rest
				if err := parseFlags(fs, c, e); err != nil {
					return err
				}
				return task.run(ctx, e, keysFlags{*out, *yes})
			}
		}
		if err := parseFlags(fs, c, e); err != nil {
			return err
		}
		return &usageError{"keys: say what to do: generate, wrap, show, rotate prepare, rotate promote, reencrypt, rotate retire or drop former\nRun '" + program + " help keys' for more."}
	}
	return c
}

func generateKeyset(ctx context.Context, e env, f keysFlags) error {
	keys, err := store.NewKeyset()
	if err != nil {
		return err
	}
	return putKeyset(ctx, e, keysetSource{kms: e.getenv("TOKEN_KEYSET_KMS")}, keys, f.out)
}

// changeKeyset is a task that puts out what change makes of the present keyset.
func changeKeyset(done string, change func(context.Context, env, *store.Keyset) (*store.Keyset, error)) func(context.Context, env, keysFlags) error {
	return func(ctx context.Context, e env, f keysFlags) error {
		source, err := presentKeyset(e)
		if err != nil {
			return err
		}
		keys, err := source.keyset(ctx)
		if err != nil {
			return err
		}
		if keys, err = change(ctx, e, keys); err != nil {
			return err
		}
		if err := putKeyset(ctx, e, source, keys, f.out); err != nil {
			return err
		}
		_, err = fmt.Fprintln(e.stderr, "keys: "+done)
		return err
	}
}

// presentKeyset is the source of the keyset, which need not be wrapped yet.
func presentKeyset(e env) (keysetSource, error) {
	raw, c, err := readVariables(e.getenv)
	if err != nil {
		return keysetSource{}, err
	}
	c.problems = nil // of variables that are not needed here
	kms := raw.TokenKeysetKMS
	if _, text := c.keysetText(raw); !store.IsWrapped([]byte(text.Reveal())) {
		raw.TokenKeysetKMS = ""
	}
	source := c.keyset(raw)
	source.kms = kms
	return source, c.verdict()
}

// putKeyset prints the keyset or writes it to a new file that its owner alone may read.
func putKeyset(ctx context.Context, e env, source keysetSource, keys *store.Keyset, out string) error {
	if source.kms != "" && !kmsShape.MatchString(source.kms) {
		return errors.New("TOKEN_KEYSET_KMS is not the URI of an AWS KMS key; keys of other services are not supported")
	}
	wrap, err := source.wrapping(ctx)
	if err != nil {
		return err
	}
	text, err := keys.JSON(ctx, wrap)
	if err != nil {
		return err
	}
	if out == "" {
		_, err = fmt.Fprintln(e.stdout, string(text))
		return err
	}
	f, err := os.OpenFile(out, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600) //nolint:gosec // the file that the operator names
	if err != nil {
		return fmt.Errorf("--out: %w", err)
	}
	_, err = f.Write(append(text, '\n'))
	return errors.Join(err, f.Sync(), f.Close())
}

// afterWords is what follows words at the beginning of args.
func afterWords(args []string, words string) ([]string, bool) {
	i := 0
	for word := range strings.FieldsSeq(words) {
		if i >= len(args) || args[i] != word {
			return nil, false
		}
		i++
	}
	return args[i:], true
}
