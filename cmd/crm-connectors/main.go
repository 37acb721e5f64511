// Command crm-connectors carries curated sales outcomes into customers' HubSpot and Salesforce.
//
//	main ─► signals, exit code
//	run  ─► commands(): the table ─► command.run(ctx, env)
//	          serve ─► LoadConfig ─► wiring of all rooms ─► listen ─► drain on SIGTERM
//
// Every subcommand is one file that holds its flags, its help and its wiring; the table in commands.go
// is all that knows them. Exit codes: 0 done, 1 failed, 2 called wrongly.
package main

import (
	"context"
	"os"
	"os/signal"
	"syscall"
)

func main() {
	// The first signal asks for an orderly end; stop() then lets a second one end the program at once.
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop)
	os.Exit(run(ctx, env{args: os.Args[1:], getenv: os.Getenv, stdout: os.Stdout, stderr: os.Stderr}))
}
