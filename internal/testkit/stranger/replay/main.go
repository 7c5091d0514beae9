// Command replay is the process of a stranger; see the package above it. Built with
// the tag faketime it lives at the second that its argument names.
package main

import (
	"errors"
	"fmt"
	"os"
	"strconv"
	_ "time/tzdata" // the zone is there on every machine

	"hoshi/internal/testkit/stranger"
)

func main() {
	if err := replay(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func replay() error {
	if len(os.Args) != 2 {
		return errors.New("replay SECONDS-SINCE-1970")
	}
	at, err := strconv.ParseInt(os.Args[1], 10, 64)
	if err != nil {
		return err
	}
	if err := setClock(at); err != nil {
		return err
	}
	return stranger.Replay(os.Stdin, os.Stdout)
}
