package build

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"crm-connectors/cmd/overlay"
)

// riverEdits shorten what River waits for: it elects the one who schedules every 5 s and looks for stuck jobs every 30 s.
func riverEdits() []overlay.Edit {
	return []overlay.Edit{
		{In: "internal/leadership", Const: "electIntervalDefault", New: "200 * time.Millisecond"},
		{In: "internal/leadership", Const: "electIntervalJitterDefault", New: "20 * time.Millisecond"},
		{In: "internal/leadership", Const: "electIntervalTTLPaddingDefault", New: "1300 * time.Millisecond"},
		{In: "internal/leadership", Const: "leaderLocalDeadlineSafetyMargin", New: "200 * time.Millisecond"},
		{In: "internal/maintenance", Const: "JobSchedulerIntervalDefault", New: "100 * time.Millisecond"},
		{In: "internal/maintenance", Const: "JobRescuerIntervalDefault", New: "300 * time.Millisecond"},
	}
}

// copyRiver puts River's source with shorter waits below work and gives the path of a go.mod that uses it.
func copyRiver(ctx context.Context, root, work string) (string, error) {
	modfile := filepath.Join(work, "go.mod")
	if _, err := os.Stat(modfile); err == nil {
		return modfile, nil
	}
	cmd := exec.CommandContext(ctx, "go", "list", "-m", "-f", "{{.Dir}}", river)
	cmd.Dir = root
	out, err := cmd.Output()
	if err != nil {
		return "", fmt.Errorf("find %s: %w", river, err)
	}
	from, to := strings.TrimSpace(string(out)), filepath.Join(work, "river")
	if err := os.CopyFS(to, os.DirFS(from)); err != nil {
		return "", fmt.Errorf("copy River: %w", err)
	}
	changed, err := overlay.Apply(to, riverEdits())
	if err != nil {
		return "", fmt.Errorf("river: %w", err)
	}
	for file, text := range changed {
		if err := replaceFile(file, text); err != nil {
			return "", err
		}
	}
	sum, err := os.ReadFile(filepath.Join(root, "go.sum"))
	if err != nil {
		return "", err
	}
	mod, err := os.ReadFile(filepath.Join(root, "go.mod"))
	if err != nil {
		return "", err
	}
	if err := os.WriteFile(filepath.Join(work, "go.sum"), sum, 0o600); err != nil {
		return "", err
	}
	mod = append(mod, "\nreplace "+river+" => "+to+"\n"...)
	return modfile, os.WriteFile(modfile, mod, 0o600)
}

// replaceFile writes over a file that came read-only from the module cache.
func replaceFile(file string, text []byte) error {
	if err := os.Remove(file); err != nil {
		return err
	}
	return os.WriteFile(file, text, 0o600)
}
