//go:build faketime

package main

import _ "unsafe" // for linkname

// faketime is the clock of a program built with this tag, in nanoseconds. It stands
// still while anything runs.
//
//go:linkname faketime runtime.faketime
var faketime int64

func setClock(second int64) error {
	faketime = second * 1e9
	return nil
}
