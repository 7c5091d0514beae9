//go:build !linux

package link

// neighbours is not known on this system.
func neighbours() ([]neighbour, error) { return nil, errUnknown }
