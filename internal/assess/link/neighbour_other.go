//go:build !linux

package link

// Neighbours is not known on this system.
func Neighbours() ([]Neighbour, error) { return nil, ErrUnknown }
