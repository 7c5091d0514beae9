package stranger

import (
	"bytes"
	"os"
	"os/exec"
	"syscall"
)

// disguises are the ways in which a process can become another user: as root who
// has other users beside it, and as the only user of a namespace.
func disguises(user int) []func(*exec.Cmd) {
	var out []func(*exec.Cmd)
	if m, err := os.ReadFile("/proc/self/uid_map"); err == nil && os.Geteuid() == 0 && bytes.Contains(m, []byte("4294967295")) {
		out = append(out, func(c *exec.Cmd) {
			c.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: uint32(user), Gid: uint32(user), Groups: []uint32{}}}
		})
	}
	return append(out, func(c *exec.Cmd) {
		c.SysProcAttr = &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWUSER,
			UidMappings: []syscall.SysProcIDMap{{ContainerID: user, HostID: os.Geteuid(), Size: 1}},
			GidMappings: []syscall.SysProcIDMap{{ContainerID: user, HostID: os.Getegid(), Size: 1}}}
	})
}

func lock(path string) (unlock func(), err error) {
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, err
	}
	if err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX); err != nil {
		_ = f.Close()
		return nil, err
	}
	return func() { _ = f.Close() }, nil
}
