package main

import (
	"bufio"
	"bytes"
	"context"
	"debug/buildinfo"
	"encoding/json"
	"go/ast"
	"go/parser"
	"go/token"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime/debug"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"crm-connectors/store/storetest"
)

// releaseFlags are those that the image is built with.
func releaseFlags(t *testing.T) []string {
	t.Helper()
	text, err := os.ReadFile("../../Dockerfile")
	if err != nil {
		t.Fatal(err)
	}
	m := regexp.MustCompile(`(?s)go build (.*?)\s+\\\s+-ldflags "(-s -w) `).FindStringSubmatch(string(text))
	if m == nil {
		t.Fatal("the Dockerfile has no go build that can be read")
	}
	return append(strings.Fields(m[1]), "-ldflags", m[2])
}

// goCommand runs the toolchain in the folder of the module, as the image's build does.
func goCommand(t *testing.T, args ...string) []byte {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "go", args...)
	cmd.Dir, cmd.Env = "../..", append(os.Environ(), "CGO_ENABLED=0")
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("go %s: %v\n%s", strings.Join(args, " "), err, &stderr)
	}
	return out
}

// notInARelease are the names that packages have which make faults, or stand in for what is real. Names of functions and files are in a
// binary whose symbols are stripped, too.
func notInARelease() []string {
	return []string{"crm-connectors/sim", "crm-connectors/store/pgdev", "crm-connectors/store/storetest", "crm-connectors/connectors/connectorstest",
		"crm-connectors/cmd/chaos", "crm-connectors/cmd/mutate", "crm-connectors/cmd/breakages", "crm-connectors/cmd/overlay", "crm-connectors/cmd/bench",
		"/__sim", "net/http/httptest", "testing.(*T)"}
}

func TestThreat29_AReleaseHoldsNoFaultThatCouldBeSwitchedOn(t *testing.T) {
	t.Parallel()
	program := filepath.Join(t.TempDir(), "crm-connectors")
	goCommand(t, slices.Concat([]string{"build"}, releaseFlags(t), []string{"-o", program, "./cmd/crm-connectors"})...)
	binary, err := os.ReadFile(program)
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range notInARelease() {
		if bytes.Contains(binary, []byte(name)) {
			t.Errorf("the release holds %s", name)
		}
	}
	this, err := os.ReadFile(os.Args[0]) // of this test, which has the simulators: what is searched for can be found
	if err != nil {
		t.Fatal(err)
	}
	for name, in := range map[string][]byte{"crm-connectors/sim": this, "/__sim": this, "testing.(*T)": this, "crm-connectors/delivery": binary} {
		if !bytes.Contains(in, []byte(name)) {
			t.Errorf("the search is blind: it does not see %s", name)
		}
	}
	if info, err := buildinfo.ReadFile(program); err != nil || !slices.ContainsFunc(info.Settings, func(s debug.BuildSetting) bool { return s.Key == "-tags" && s.Value == "production" }) {
		t.Errorf("%v: the release is not built with the tag production", err)
	}
	for _, command := range []string{"sim", "dev", "demo"} {
		if out, err := exec.CommandContext(t.Context(), program, command).CombinedOutput(); err == nil || !strings.Contains(string(out), "there is no command") {
			t.Errorf("%s: %v, %s", command, err, out)
		}
	}
	servesNothingElse(t, program)
}

// servesNothingElse starts the release and asks for what a simulator or a profiler would answer.
func servesNothingElse(t *testing.T, program string) {
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, program, "serve")
	cmd.Env = serveEnv(t, storetest.NewDatabase(t, nil))
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() { cancel(); _ = cmd.Wait() }()
	lines, addr := bufio.NewScanner(out), ""
	for addr == "" && lines.Scan() {
		if _, rest, ok := strings.Cut(lines.Text(), `"event":"serving","addr":"`); ok {
			addr, _, _ = strings.Cut(rest, `"`)
		}
	}
	go func() { _, _ = io.Copy(io.Discard, out) }()
	for path, want := range map[string]int{"/readyz": 200, "/__sim/faults": 404, "/__sim/clock": 404, "/debug/pprof/": 404, "/debug/pprof/cmdline": 404,
		"/debug/vars": 404, "/debug/requests": 404, "/functions/v1/__sim/faults": 404, "/functions/v1/debug/pprof/": 404} {
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+addr+path, nil)
		if err != nil {
			t.Fatal(err)
		}
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		_ = resp.Body.Close()
		if resp.StatusCode != want {
			t.Errorf("GET %s: %d, want %d", path, resp.StatusCode, want)
		}
	}
}

// releasedFiles are the files of ours that a release is built from.
func releasedFiles(t *testing.T) []string {
	t.Helper()
	var files []string
	list := json.NewDecoder(bytes.NewReader(goCommand(t, "list", "-deps", "-tags", "production", "-json=Dir,ImportPath,GoFiles,Module", "./cmd/crm-connectors")))
	for list.More() {
		var p struct {
			Dir, ImportPath string
			GoFiles         []string
			Module          *struct{ Main bool }
		}
		if err := list.Decode(&p); err != nil {
			t.Fatal(err)
		}
		if p.Module == nil || !p.Module.Main {
			continue
		}
		for _, f := range p.GoFiles {
			files = append(files, filepath.Join(p.Dir, f))
		}
	}
	if len(files) < 100 {
		t.Fatalf("only %d files were found", len(files))
	}
	return files
}

// A switch needs something that sets it: a variable that no page names, or a place that ends the process where it never should.
func TestThreat29_AReleaseReadsNoVariableThatIsNotDocumentedAndEndsItselfInOnePlace(t *testing.T) {
	t.Parallel()
	documented := map[string]bool{"GOGC": true} // Go's own
	for _, v := range allVariables() {
		documented[v.name] = true
	}
	for _, name := range []string{remoteURLVariable, remoteKeyVariable, remoteKeyFileVariable} { // of docs/cli.md, which a test holds to them
		documented[name] = true
	}
	// What reaches the environment, the process or the debugger, and where that is right.
	allowed := map[string][]string{"os.Exit": {"main.go"}, "os.Getenv": {"main.go"}}
	watched := []string{"os.Exit", "os.Getenv", "os.LookupEnv", "os.Environ", "os.ExpandEnv", "os.FindProcess", "syscall.Getenv", "syscall.Environ", "syscall.Exit",
		"syscall.Kill", "runtime.Goexit", "runtime.Breakpoint", "log.Fatal", "log.Fatalf", "log.Panic", "http.DefaultServeMux", "http.Handle", "http.HandleFunc"}
	seen := map[string]int{}
	for _, file := range releasedFiles(t) {
		parsed, err := parser.ParseFile(token.NewFileSet(), file, nil, parser.SkipObjectResolution)
		if err != nil {
			t.Fatal(err)
		}
		ast.Inspect(parsed, func(n ast.Node) bool {
			switch n := n.(type) {
			case *ast.SelectorExpr:
				if pkg, ok := n.X.(*ast.Ident); ok && slices.Contains(watched, pkg.Name+"."+n.Sel.Name) {
					seen[pkg.Name+"."+n.Sel.Name]++
					if !slices.Contains(allowed[pkg.Name+"."+n.Sel.Name], filepath.Base(file)) {
						t.Errorf("%s uses %s.%s", file, pkg.Name, n.Sel.Name)
					}
				}
			case *ast.CallExpr:
				if name, ok := getenvOf(n); ok && !documented[name] {
					t.Errorf("%s reads the variable %q", file, name)
				} else if ok {
					seen["getenv"]++
				}
			}
			return true
		})
	}
	if seen["os.Exit"] != 1 || seen["os.Getenv"] != 1 || seen["getenv"] < 5 {
		t.Errorf("the search is blind: it saw %v", seen)
	}
}

// getenvOf is the name in a call of a getenv. One that is put together cannot be judged: the only such reads allVariables.
func getenvOf(call *ast.CallExpr) (name string, ok bool) {
	function := ""
	switch f := call.Fun.(type) {
	case *ast.Ident:
		function = f.Name
	case *ast.SelectorExpr:
		function = f.Sel.Name
	}
	if !strings.EqualFold(function, "getenv") || len(call.Args) != 1 {
		return "", false
	}
	if lit, is := call.Args[0].(*ast.BasicLit); is {
		name, _ = strconv.Unquote(lit.Value)
		return name, true
	}
	if field, is := call.Args[0].(*ast.SelectorExpr); is && field.Sel.Name == "name" {
		return "", false // v.name, of allVariables
	}
	return "what is no literal", true
}
