package main

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// ticks a second of the times in /proc: the same on every Linux that Go runs on.
const ticks = 100

// stat is what /proc says of a process: its parent, and its own CPU time with that of children that have ended.
func stat(pid int) (parent int, cpu time.Duration, err error) {
	raw, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return 0, 0, err
	}
	at := bytes.LastIndexByte(raw, ')') // the name before it may hold anything
	f := strings.Fields(string(raw[at+1:]))
	if at < 0 || len(f) < 15 {
		return 0, 0, fmt.Errorf("/proc/%d/stat cannot be read", pid)
	}
	if parent, err = strconv.Atoi(f[1]); err != nil {
		return 0, 0, err
	}
	sum := 0
	for _, field := range f[11:15] { // utime, stime, cutime, cstime
		n, err := strconv.Atoi(field)
		if err != nil {
			return 0, 0, err
		}
		sum += n
	}
	return parent, time.Duration(sum) * time.Second / ticks, nil
}

// cpuOf is the CPU time that a process has used so far.
func cpuOf(pid int) (time.Duration, error) {
	_, cpu, err := stat(pid)
	return cpu, err
}

// ownCPU is this process's.
func ownCPU() time.Duration {
	var u syscall.Rusage
	if syscall.Getrusage(syscall.RUSAGE_SELF, &u) != nil {
		return 0
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// postgresCPU is that of the whole server: the postmaster and its children, living and gone.
func (w *world) postgresCPU() (time.Duration, error) {
	raw, err := os.ReadFile(filepath.Join(w.pg.Dir(), "data", "postmaster.pid"))
	if err != nil {
		return 0, err
	}
	line, _, _ := strings.Cut(string(raw), "\n")
	postmaster, err := strconv.Atoi(line)
	if err != nil {
		return 0, err
	}
	sum, err := cpuOf(postmaster)
	if err != nil {
		return 0, err
	}
	dirs, err := filepath.Glob("/proc/[0-9]*")
	if err != nil {
		return 0, err
	}
	for _, dir := range dirs {
		pid, err := strconv.Atoi(filepath.Base(dir))
		if err != nil {
			continue
		}
		if parent, cpu, err := stat(pid); err == nil && parent == postmaster {
			sum += cpu
		}
	}
	return sum, nil
}

// memoryOf gives the resident memory of a process in MiB, now and at its highest.
func memoryOf(pid int) (now, peak float64, err error) {
	raw, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return 0, 0, err
	}
	for line := range strings.Lines(string(raw)) {
		f := strings.Fields(line)
		if len(f) < 2 {
			continue
		}
		kib, _ := strconv.ParseFloat(f[1], 64)
		switch f[0] {
		case "VmRSS:":
			now = kib / 1024
		case "VmHWM:":
			peak = kib / 1024
		}
	}
	return now, peak, nil
}
