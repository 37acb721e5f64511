package main

import (
	"context"
	"flag"
	"fmt"
	"io"
	"strings"
)

// help serves 'help', 'help COMMAND' and 'help config'.
func help(ctx context.Context, table []command, e env, topic []string) error {
	if len(topic) == 0 {
		writeHelp(e.stdout, table)
		return nil
	}
	if topic[0] == "config" {
		writeConfigHelp(e.stdout)
		return nil
	}
	for _, c := range table {
		if c.name == topic[0] {
			e.args = []string{"-h"} // a command knows its own flags
			return c.run(ctx, e)
		}
	}
	return unknown(table, topic[0])
}

func writeHelp(w io.Writer, table []command) {
	var b strings.Builder
	b.WriteString("Carries curated sales outcomes into customers' HubSpot and Salesforce, each exactly once.\n\n")
	fmt.Fprintf(&b, "Usage: %s COMMAND [flags]\n", program)
	for _, group := range []string{groupTry, groupRun, groupOperate} {
		heading := "\n" + group + "\n"
		for _, c := range table {
			if c.group == group {
				fmt.Fprintf(&b, "%s  %-11s %s\n", heading, c.name, c.summary)
				heading = ""
			}
		}
	}
	fmt.Fprintf(&b, "\nExamples\n")
	for _, c := range table {
		if example := firstExample(c); example != "" {
			fmt.Fprintf(&b, "  %s\n", example)
		}
	}
	fmt.Fprintf(&b, "\n'%s help COMMAND' says more of a command, '%s help config' lists the environment variables.\n", program, program)
	_, _ = io.WriteString(w, b.String())
}

// firstExample is the first line of the command's help that could be typed.
func firstExample(c command) string {
	for _, line := range strings.Split(c.usage, "\n") {
		if strings.HasPrefix(line, "  "+program+" ") {
			return strings.TrimSpace(line)
		}
	}
	return ""
}

func writeCommandHelp(w io.Writer, c command, fs *flag.FlagSet) {
	_, _ = fmt.Fprintf(w, "%s.\n\n%s\n", c.summary, strings.TrimSpace(c.usage))
	heading := "\nFlags\n"
	fs.VisitAll(func(f *flag.Flag) {
		value, text := flag.UnquoteUsage(f)
		left := "--" + f.Name
		if value != "" {
			left += " " + value
		}
		if f.DefValue != "" && f.DefValue != "false" && f.DefValue != "0" && f.DefValue != "0s" {
			text += " (default " + f.DefValue + ")"
		}
		_, _ = fmt.Fprintf(w, "%s  %-28s %s\n", heading, left, text)
		heading = ""
	})
}
