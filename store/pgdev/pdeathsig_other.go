//go:build !linux

package pgdev

import "syscall"

// setPdeathsig does nothing: without the signal, the next start of the same home ends an orphan.
func setPdeathsig(*syscall.SysProcAttr) {}
