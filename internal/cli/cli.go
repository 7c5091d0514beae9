// Package cli is the command line of Hoshi: one file per command, one list of
// them in [Root], documented exit codes in [ExitCode].
package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"

	"hoshi/internal/fault"
	"hoshi/internal/i18n"
)

// Env is everything that a command takes from outside, so that tests run it in process.
type Env struct {
	Stdin  io.Reader
	Stdout io.Writer
	Stderr io.Writer
	Getenv func(string) string
}

// Lang is the language of the person at the terminal: HOSHI_LANG, else LC_ALL,
// LC_MESSAGES, LANG; Japanese when none names English.
func (e *Env) Lang() i18n.Lang {
	for _, k := range []string{"HOSHI_LANG", "LC_ALL", "LC_MESSAGES", "LANG"} {
		if v := e.Getenv(k); v != "" {
			if strings.HasPrefix(v, "C") || strings.HasPrefix(v, "POSIX") {
				return i18n.EN
			}
			return i18n.Parse(v)
		}
	}
	return i18n.JA
}

// Exit codes. Commands that judge (assess, verify, ledger check, form check)
// use 1 for "done, and the answer is no"; everything else that fails is 2 or above.
const (
	ExitOK          = 0
	ExitNo          = 1 // the command did its work and the answer is negative
	ExitUsage       = 2 // wrong words on the command line or wrong input
	ExitUnavailable = 3 // something outside does not answer
	ExitInternal    = 4 // a defect
	ExitStopped     = 5 // a person stopped the command; it can go on
)

// No is returned by a command that did its work and whose answer is negative;
// the command has already printed why.
type No struct{}

func (No) Error() string { return "the answer is no" }

// Stopped wraps the error of a command that a person stopped and that can go on.
type Stopped struct{ error }

// Unwrap gives the sentence.
func (s Stopped) Unwrap() error { return s.error }

// Left wraps the sentence for a person who left at a question.
type Left struct{ error }

// Unwrap gives the sentence.
func (l Left) Unwrap() error { return l.error }

// Told wraps an error that has been told in another way.
type Told struct{ error }

// Unwrap gives the error.
func (t Told) Unwrap() error { return t.error }

// Ended is returned by a command that ran another one, which has said what there was
// to say; its exit code is passed on.
type Ended struct{ Code int }

func (e Ended) Error() string { return fmt.Sprintf("the command ended with code %d", e.Code) }

// ExitCode maps an error to the documented exit code.
func ExitCode(err error) int {
	if err == nil {
		return ExitOK
	}
	if _, ok := err.(No); ok {
		return ExitNo
	}
	if errors.As(err, &Stopped{}) {
		return ExitStopped
	}
	if e, ok := err.(Ended); ok {
		return e.Code
	}
	switch fault.KindOf(err) {
	case fault.Unavailable:
		return ExitUnavailable
	case fault.Internal:
		return ExitInternal
	}
	return ExitUsage
}

// Root builds the command tree. Each command is made by a constructor in the
// file of its name.
func Root(env *Env) *cobra.Command {
	root := &cobra.Command{
		Use:           "hoshi",
		Short:         env.Lang().T("cli.root"),
		SilenceUsage:  true,
		SilenceErrors: true,
	}
	root.SetIn(env.Stdin)
	root.SetOut(env.Stdout)
	root.SetErr(env.Stderr)
	root.CompletionOptions.HiddenDefaultCmd = true
	root.AddCommand(
		newAssessCmd(env),
		newConfigCmd(env),
		newCriteriaCmd(env),
		newDemoCmd(env),
		newEvidenceCmd(env),
		newBackupCmd(env),
		newLedgerCmd(env),
		newMemberCmd(env),
		newPracticeCmd(env),
		newRestoreCmd(env),
		newServeCmd(env),
		newSignerCmd(env),
		newVerifyCmd(env),
		newVersionCmd(env),
		newWitnessCmd(env),
	)
	speak(root, env.Lang())
	return root
}

// Main runs the command line and returns the exit code.
func Main(ctx context.Context, args []string, env *Env) int {
	root := Root(env)
	root.SetArgs(args)
	err := root.ExecuteContext(ctx)
	if err == nil {
		return ExitOK
	}
	switch err := err.(type) {
	case No:
		return ExitNo
	case Ended:
		return err.Code
	case Told:
		return ExitCode(err)
	}
	l, w := env.Lang(), visible{env.Stderr}
	sentence, places := l.Error(err)
	if !errors.As(err, &Stopped{}) && !errors.As(err, &Left{}) { // what a person asked for is no error
		sentence = l.T("cli.error", "sentence", sentence)
	}
	tell(env, sentence)
	for _, p := range places {
		fmt.Fprintln(w, "  "+p)
	}
	if fault.KindOf(err) == fault.Internal {
		fmt.Fprintln(w, "  "+err.Error())
	}
	return ExitCode(err)
}
