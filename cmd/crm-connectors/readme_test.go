package main

import (
	"bytes"
	"io"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"crm-connectors/store"
)

var variableName = regexp.MustCompile("`([A-Z][A-Z0-9_]{3,})`")

func TestTheReadmeNamesTheVariablesThatExistAndNoOthers(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile("../../README.md")
	if err != nil {
		t.Fatal(err)
	}
	_, section, _ := strings.Cut(string(text), "\n## Configuration\n")
	section, _, found := strings.Cut(section, "\n## ")
	if !found {
		t.Fatal("the README has no section Configuration that another follows")
	}
	var named, known []string
	for _, m := range variableName.FindAllStringSubmatch(section, -1) {
		named = append(named, m[1])
	}
	for _, v := range allVariables() {
		known = append(known, v.name)
		if !slices.Contains(named, v.name) {
			t.Errorf("the README does not name %s", v.name)
		}
	}
	for _, n := range named {
		if !slices.Contains(known, n) {
			t.Errorf("the README names %s, which serve does not read", n)
		}
	}
}

func TestAGeneratedKeysetIsOneThatServeTakes(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	if code := run(t.Context(), env{args: []string{"keys", "generate"}, getenv: os.Getenv, stdout: &out, stderr: io.Discard}); code != exitOK {
		t.Fatalf("exit code %d", code)
	}
	keys, err := store.ParseKeyring(out.Bytes())
	if err != nil {
		t.Fatal(err)
	}
	sealed, err := keys.Seal("x", "place")
	if err != nil || sealed == "x" {
		t.Errorf("sealed %q, %v", sealed, err)
	}
	if code := run(t.Context(), env{args: []string{"keys"}, getenv: os.Getenv, stdout: io.Discard, stderr: io.Discard}); code != exitUsage {
		t.Errorf("keys alone: exit code %d, want %d", code, exitUsage)
	}
}
