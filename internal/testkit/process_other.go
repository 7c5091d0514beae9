//go:build !linux

package testkit

import "os/exec"

// EndWithUs does nothing on this system: a child is not told of its parent's end.
func EndWithUs(*exec.Cmd) {}

// runAs does nothing on this system.
func runAs(*exec.Cmd, *account) {}
