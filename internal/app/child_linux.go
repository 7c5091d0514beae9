package app

import (
	"os/exec"
	"syscall"
)

// dieWithParent ends the child when the server is killed: the lock of its state
// file is then free for the next one.
func dieWithParent(cmd *exec.Cmd) {
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGTERM, Setpgid: true}
}
