package main

import (
	"net"
	"os"
	"testing"

	"crm-connectors/store/storetest"
)

// asProgram makes the test binary behave as the program itself, so that tests can send it signals.
const asProgram = "CRM_CONNECTORS_TEST_AS_PROGRAM"

func TestMain(m *testing.M) {
	if os.Getenv(asProgram) != "" {
		main()
	}
	storetest.Main(m)
}

// onTestDatabase gives the subcommands a database of this test and nothing else of the environment.
func onTestDatabase(t *testing.T) func(string) string {
	t.Helper()
	url := storetest.NewDatabase(t, nil)
	return func(name string) string {
		if name == "DATABASE_URL" {
			return url
		}
		return ""
	}
}

// freeAddress has a port that was free a moment ago, for what has to be known before the program listens.
func freeAddress(t *testing.T) string {
	t.Helper()
	l, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = l.Close() }()
	return l.Addr().String()
}
