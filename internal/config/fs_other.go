//go:build !linux

package config

// fileSystem cannot be told here; the operator's manual names what to avoid.
func fileSystem(string) fsKind { return durableFS }
