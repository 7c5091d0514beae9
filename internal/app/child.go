package app

import (
	"context"
	"errors"
	"log/slog"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"time"
)

// superviseSigner keeps "hoshi signer" running as a child process, so that the
// server's memory never holds the log's key. A child that ends is started again.
func (a *App) superviseSigner(ctx context.Context) error {
	self, err := os.Executable()
	if err != nil {
		return err
	}
	// The child's end is tied to the thread that started it, so this one must live on.
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	s := a.Config.Signer
	for wait := time.Second / 4; ctx.Err() == nil; wait = min(2*wait, 10*time.Second) {
		started := time.Now()
		cmd := exec.CommandContext(ctx, self, "signer", "--key", s.Key, "--state", s.State, "--socket", s.Socket)
		cmd.Cancel = func() error { return cmd.Process.Signal(os.Interrupt) }
		cmd.WaitDelay = 5 * time.Second
		cmd.Stderr = &lineLog{log: a.Log}
		dieWithParent(cmd)
		err := cmd.Run()
		if ctx.Err() != nil {
			return nil
		}
		a.Log.LogAttrs(ctx, slog.LevelError, "the signer ended; starting it again", slog.Any("err", err))
		if time.Since(started) > time.Minute {
			wait = time.Second / 4
		}
		select {
		case <-ctx.Done():
		case <-time.After(wait):
		}
	}
	return nil
}

// lineLog writes what a child says into the server's log.
type lineLog struct {
	log  *slog.Logger
	rest string
}

func (w *lineLog) Write(p []byte) (int, error) {
	w.rest += string(p)
	for {
		line, rest, ok := strings.Cut(w.rest, "\n")
		if !ok {
			break
		}
		w.rest = rest
		w.log.LogAttrs(context.Background(), slog.LevelInfo, "signer", slog.String("says", line))
	}
	if len(w.rest) > 64<<10 {
		w.rest = ""
		return len(p), errors.New("a line of the signer is too long")
	}
	return len(p), nil
}
