//go:build !linux

package stranger

import "os/exec"

func disguises(int) []func(*exec.Cmd) { return nil }

func lock(string) (unlock func(), err error) { return func() {}, nil }
