// Command hoshi runs an IoT product security labelling scheme from end to end.
// Run "hoshi help" for its commands, or "hoshi demo" to see it work.
package main

import (
	"context"
	"os"
	"os/signal"
	"syscall"

	"hoshi/internal/cli"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	code := cli.Main(ctx, os.Args[1:], &cli.Env{Stdin: os.Stdin, Stdout: os.Stdout, Stderr: os.Stderr, Getenv: os.Getenv})
	stop()
	os.Exit(code)
}
