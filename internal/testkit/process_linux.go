package testkit

import (
	"os/exec"
	"syscall"
)

// EndWithUs makes a command that is not started yet end when this process does,
// however that ends. On other systems than Linux it does nothing.
func EndWithUs(c *exec.Cmd) { process(c).Pdeathsig = syscall.SIGKILL }

// runAs makes a command run as a user; nil = ours.
func runAs(c *exec.Cmd, who *account) {
	if who != nil {
		process(c).Credential = &syscall.Credential{Uid: uint32(who.uid), Gid: uint32(who.gid)}
	}
}

func process(c *exec.Cmd) *syscall.SysProcAttr {
	if c.SysProcAttr == nil {
		c.SysProcAttr = &syscall.SysProcAttr{}
	}
	return c.SysProcAttr
}
