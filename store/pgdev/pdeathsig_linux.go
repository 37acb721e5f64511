package pgdev

import "syscall"

// setPdeathsig has the kernel ask Postgres for a fast shutdown when this process dies without having done so.
func setPdeathsig(a *syscall.SysProcAttr) { a.Pdeathsig = syscall.SIGINT }
