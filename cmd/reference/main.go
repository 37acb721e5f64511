// Command reference makes the reference of the HTTP API, one page for people, from the contract: go generate ./api.
//
//	openapi.yaml ──► contract (kin-openapi; the order of names by yaml) ──► page ──► reference.gen.html, which the service serves at /docs
//
// The page needs no script, no font and nothing from another host, and is the same for the same contract.
package main

import (
	"bytes"
	"fmt"
	"os"
)

func main() {
	if len(os.Args) != 3 {
		fmt.Fprintln(os.Stderr, "usage: reference openapi.yaml page.html")
		os.Exit(2)
	}
	if err := run(os.Args[1], os.Args[2]); err != nil {
		fmt.Fprintln(os.Stderr, "reference:", err)
		os.Exit(1)
	}
}

func run(contract, page string) error {
	text, err := os.ReadFile(contract) //nolint:gosec // the file that the developer names
	if err != nil {
		return err
	}
	var out bytes.Buffer
	if err := render(&out, text); err != nil {
		return err
	}
	return os.WriteFile(page, out.Bytes(), 0o644) //nolint:gosec // a page for everybody
}
