//go:build !production

package main

// tryCommands simulate the CRMs. A released build, made with the tag production, leaves them out with all that they use.
func tryCommands() []command { return []command{devCommand(), demoCommand(), simCommand()} }
