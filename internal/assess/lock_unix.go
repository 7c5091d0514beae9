//go:build unix

package assess

import (
	"os"

	"golang.org/x/sys/unix"
)

// lock keeps a second process from the same journal. It ends with the process.
func lock(f *os.File) error { return unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB) }
