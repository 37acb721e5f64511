//go:build production

package main

// tryCommands are none: what a release runs has no simulator, whose faults a request could switch on, and starts no Postgres.
func tryCommands() []command { return nil }
