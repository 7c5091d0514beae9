//go:build !linux

package link

import "net/netip"

func kind(string) Kind { return Other }

// Gateway is not known on this system.
func Gateway(string) (netip.Addr, bool) { return netip.Addr{}, false }
