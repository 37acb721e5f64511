package main

import (
	"context"
	"fmt"
	"runtime"
	"runtime/debug"
)

// Set by the linker (-X main.version=…) in released builds; otherwise the Go toolchain's own record serves.
var (
	version string
	commit  string
	date    string
)

// build says which program this is.
type build struct {
	Version, Commit, Date string
	Modified              bool // the working tree had changes that are in no commit
}

func versionCommand() command {
	c := command{
		name: "version", group: groupOperate,
		summary: "Print the version, commit and Go release",
		usage:   "Usage: crm-connectors version\n\nExample\n  crm-connectors version",
	}
	c.run = func(_ context.Context, e env) error {
		if err := parseFlags(newFlags(c), c, e); err != nil {
			return err
		}
		_, err := fmt.Fprintf(e.stdout, "%s %s %s %s/%s\n", program, thisBuild(), runtime.Version(), runtime.GOOS, runtime.GOARCH)
		return err
	}
	return c
}

func thisBuild() build {
	info, _ := debug.ReadBuildInfo() // nil without module support; the linker's values are then all there is
	return buildOf(build{Version: version, Commit: commit, Date: date}, info)
}

// buildOf fills what the linker left open from the toolchain's record.
func buildOf(linked build, info *debug.BuildInfo) build {
	b := linked
	if info == nil {
		info = &debug.BuildInfo{}
	}
	for _, s := range info.Settings {
		switch {
		case s.Key == "vcs.revision" && b.Commit == "":
			b.Commit = s.Value
		case s.Key == "vcs.time" && b.Date == "":
			b.Date = s.Value
		case s.Key == "vcs.modified" && linked.Commit == "":
			b.Modified = s.Value == "true"
		}
	}
	if b.Version == "" {
		b.Version = info.Main.Version
	}
	if b.Version == "" || b.Version == "(devel)" {
		b.Version = "devel"
	}
	return b
}

// String is "VERSION (COMMIT, DATE, modified)" as far as it is known.
func (b build) String() string {
	out, sep := b.Version, " ("
	add := func(part string) {
		if part != "" {
			out, sep = out+sep+part, ", "
		}
	}
	add(b.Commit[:min(12, len(b.Commit))])
	add(b.Date)
	if b.Modified {
		add("modified")
	}
	if sep == ", " {
		out += ")"
	}
	return out
}
