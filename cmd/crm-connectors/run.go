package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"strings"
)

const program = "crm-connectors"

// The exit codes.
const (
	exitOK     = 0
	exitFailed = 1
	exitUsage  = 2
)

// env is all that a subcommand sees of the world around it.
type env struct {
	args   []string // after the subcommand's name
	getenv func(string) string
	stdout io.Writer
	stderr io.Writer
}

// command is one subcommand.
type command struct {
	name    string
	group   string // heading in the list of commands
	summary string // one line
	usage   string // what its help says above the flags: a line of usage, then text and examples

	// run does the work until it is done or ctx ends, which is no error. It reads its flags with
	// parseFlags first.
	run func(ctx context.Context, e env) error
}

// usageError says that the program was called wrongly: exit code 2.
type usageError struct{ text string }

func (e *usageError) Error() string { return e.text }

// run picks the subcommand and returns the exit code.
func run(ctx context.Context, e env) int {
	err := dispatch(ctx, commands(), e)
	var usage *usageError
	switch {
	case err == nil, errors.Is(err, flag.ErrHelp):
		return exitOK
	case errors.As(err, &usage):
		tellFailure(e.stderr, e.args, err)
		return exitUsage
	default:
		tellFailure(e.stderr, e.args, err)
		return exitFailed
	}
}

func dispatch(ctx context.Context, table []command, e env) error {
	if len(e.args) == 0 {
		writeHelp(e.stderr, table)
		return &usageError{"which command?"}
	}
	name, rest := e.args[0], e.args[1:]
	switch name {
	case "help", "-h", "-help", "--help":
		return help(ctx, table, e, rest)
	case "-version", "--version":
		name = "version"
	}
	for _, c := range table {
		if c.name == name {
			e.args = rest
			return c.run(ctx, e)
		}
	}
	return unknown(table, name)
}

func unknown(table []command, name string) error {
	text := fmt.Sprintf("there is no command %q", name)
	if near := nearest(table, name); near != "" {
		text += fmt.Sprintf("; did you mean %q?", near)
	}
	return &usageError{text + "\nRun '" + program + " --help' for the list."}
}

// newFlags makes the flag set of c for parseFlags.
func newFlags(c command) *flag.FlagSet {
	fs := flag.NewFlagSet(c.name, flag.ContinueOnError)
	fs.SetOutput(io.Discard) // parseFlags reports
	fs.Usage = func() {}
	return fs
}

// parseFlags parses e.args. With -h it writes the command's help to stdout and returns flag.ErrHelp. No
// command takes arguments besides flags.
func parseFlags(fs *flag.FlagSet, c command, e env) error {
	err := fs.Parse(e.args)
	switch {
	case errors.Is(err, flag.ErrHelp):
		writeCommandHelp(e.stdout, c, fs)
		return err
	case err != nil:
		return &usageError{fmt.Sprintf("%s: %v\nRun '%s help %s' for its flags.", c.name, err, program, c.name)}
	case fs.NArg() > 0:
		return &usageError{fmt.Sprintf("%s: unexpected argument %q\nRun '%s help %s' for its flags.", c.name, fs.Arg(0), program, c.name)}
	}
	return nil
}

// nearest is the name of the command that name was probably meant to be, if any.
func nearest(table []command, name string) string {
	best, bestDistance := "", 3 // more than two slips are another word
	for _, c := range table {
		if strings.HasPrefix(c.name, name) && name != "" {
			return c.name
		}
		if d := distance(name, c.name); d < bestDistance {
			best, bestDistance = c.name, d
		}
	}
	return best
}

// distance is Levenshtein's: how many letters to insert, delete or replace.
func distance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			cost := 1
			if a[i] == b[j] {
				cost = 0
			}
			next := min(row[j+1]+1, row[j]+1, diagonal+cost)
			diagonal, row[j+1] = row[j+1], next
		}
	}
	return row[len(b)]
}
