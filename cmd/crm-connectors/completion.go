package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"regexp"
	"slices"
	"strings"
)

func completionCommand() command {
	c := command{name: "completion", group: groupOperate, summary: "Print what lets a shell complete commands and flags", usage: `Usage: crm-connectors completion bash | zsh | fish

Prints a script for the shell, made of this program's own help.

  bash   source <(crm-connectors completion bash)
  zsh    source <(crm-connectors completion zsh), after compinit
  fish   crm-connectors completion fish > ~/.config/fish/completions/crm-connectors.fish

Example
  crm-connectors completion bash`}
	c.run = func(ctx context.Context, e env) error {
		shells := map[string]func(io.Writer, []completed){"bash": completeBash, "zsh": completeZsh, "fish": completeFish}
		shell := ""
		if len(e.args) > 0 && shells[e.args[0]] != nil {
			shell, e.args = e.args[0], e.args[1:]
		}
		if err := parseFlags(newFlags(c), c, e); err != nil {
			return err
		}
		if shell == "" {
			return &usageError{"completion: say for which shell: bash, zsh or fish\nRun '" + program + " help completion' for more."}
		}
		shells[shell](e.stdout, completions(ctx))
		return nil
	}
	return c
}

// completed is a command with the words and flags that may follow it.
type completed struct {
	name, summary string
	words         []string // tasks first, then flags
}

var (
	taskWords = regexp.MustCompile(`^(?:Usage:)?\s+` + program + ` (\S+) ((?:[a-z]+(?: \| )?)+)`)
	flagWords = regexp.MustCompile(`(?m)^  (--[a-z-]+)`)
)

// completions asks each command for its help, as 'help COMMAND' does, and reads tasks and flags from there: nothing else has to be kept in step.
func completions(ctx context.Context) []completed {
	var all []completed
	for _, c := range commands() {
		var help bytes.Buffer
		_ = c.run(ctx, env{args: []string{"-h"}, getenv: func(string) string { return "" }, stdout: &help, stderr: io.Discard}) // help is no work that could fail
		one := completed{name: c.name, summary: c.summary}
		for line := range strings.Lines(help.String()) {
			if m := taskWords.FindStringSubmatch(line); len(m) == 3 && m[1] == c.name {
				for word := range strings.SplitSeq(m[2], " | ") {
					if task, _, _ := strings.Cut(strings.TrimSpace(word), " "); !slices.Contains(one.words, task) {
						one.words = append(one.words, task)
					}
				}
			}
		}
		if c.name == "keys" { // whose help explains its tasks instead of listing them
			for _, k := range keysTasks() {
				if task, _, _ := strings.Cut(k.words, " "); !slices.Contains(one.words, task) {
					one.words = append(one.words, task)
				}
			}
		}
		for _, m := range flagWords.FindAllStringSubmatch(help.String(), -1) {
			one.words = append(one.words, m[1])
		}
		all = append(all, one)
	}
	return all
}

func namesOf(all []completed) string {
	names := make([]string, len(all))
	for i, c := range all {
		names[i] = c.name
	}
	return strings.Join(append(names, "help"), " ")
}

func completeBash(w io.Writer, all []completed) {
	_, _ = fmt.Fprintf(w, "_crm_connectors() {\n  local words=%q\n  if [ \"$COMP_CWORD\" -gt 1 ]; then\n    case \"${COMP_WORDS[1]}\" in\n", namesOf(all))
	for _, c := range all {
		_, _ = fmt.Fprintf(w, "      %s) words=%q ;;\n", c.name, strings.Join(c.words, " "))
	}
	_, _ = fmt.Fprintf(w, "      *) [ \"$COMP_CWORD\" -eq 2 ] || words= ;;\n    esac\n  fi\n  COMPREPLY=($(compgen -W \"$words\" -- \"${COMP_WORDS[COMP_CWORD]}\"))\n}\ncomplete -o default -F _crm_connectors %s\n", program)
}

func completeZsh(w io.Writer, all []completed) {
	_, _ = fmt.Fprintf(w, "#compdef %s\n_crm_connectors() {\n  if (( CURRENT == 2 )); then\n    compadd %s\n    return\n  fi\n  case $words[2] in\n", program, namesOf(all))
	for _, c := range all {
		_, _ = fmt.Fprintf(w, "    %s) compadd -- %s ;;\n", c.name, strings.Join(c.words, " "))
	}
	_, _ = fmt.Fprintf(w, "    help) compadd %s ;;\n  esac\n}\ncompdef _crm_connectors %s\n", namesOf(all), program)
}

func completeFish(w io.Writer, all []completed) {
	_, _ = fmt.Fprintf(w, "complete -c %s -f\n", program)
	for _, c := range all {
		_, _ = fmt.Fprintf(w, "complete -c %s -n __fish_use_subcommand -a %s -d '%s'\n", program, c.name, strings.ReplaceAll(c.summary, "'", `\'`))
		for _, word := range c.words {
			flag, isFlag := strings.CutPrefix(word, "--")
			if isFlag {
				_, _ = fmt.Fprintf(w, "complete -c %s -n '__fish_seen_subcommand_from %s' -l %s\n", program, c.name, flag)
				continue
			}
			_, _ = fmt.Fprintf(w, "complete -c %s -n '__fish_seen_subcommand_from %s' -a %s\n", program, c.name, word)
		}
	}
}
