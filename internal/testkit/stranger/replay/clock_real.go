//go:build !faketime

package main

import "errors"

func setClock(int64) error {
	return errors.New("built without the tag faketime, so its clock is the system's")
}
