//go:build unix

package daemon

import (
	"os/exec"
	"syscall"
)

// own puts a service and what it starts in a process group, so that all of it ends.
func own(cmd *exec.Cmd) { cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} }

func end(cmd *exec.Cmd) { _ = syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }
