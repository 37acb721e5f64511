package main

// The groups of the list of commands, in its order.
const (
	groupTry     = "Try it"
	groupRun     = "Run it"
	groupOperate = "Look after it"
)

// commands is the table of all subcommands, in the order of the list within each group.
func commands() []command {
	return append(tryCommands(),
		serveCommand(),
		migrateCommand(),
		keysCommand(),
		statusCommand(),
		connectionsCommand(),
		writesCommand(),
		notificationsCommand(),
		syncCommand(),
		doctorCommand(),
		completionCommand(),
		healthCommand(),
		failuresCommand(),
		versionCommand(),
	)
}
