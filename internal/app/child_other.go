//go:build !linux

package app

import "os/exec"

// dieWithParent has no counterpart here; an orphaned signer is found by its socket.
func dieWithParent(*exec.Cmd) {}
