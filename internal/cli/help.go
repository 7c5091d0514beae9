package cli

import (
	"errors"
	"fmt"
	"io"
	"regexp"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"hoshi/internal/fault"
	"hoshi/internal/i18n"
)

// speak makes the whole tree of commands say in one language what cobra itself
// says in English: headings, the help command and its flag, wrong words.
func speak(root *cobra.Command, l i18n.Lang) {
	root.InitDefaultHelpCmd()
	root.SetUsageFunc(func(c *cobra.Command) error { return writeUsage(c.OutOrStderr(), c, l) })
	root.SetHelpFunc(func(c *cobra.Command, _ []string) {
		long := c.Long
		if long == "" {
			long = c.Short
		}
		fmt.Fprintf(fitted{c.OutOrStdout(), l}, "%s\n\n", strings.TrimSpace(long))
		_ = writeUsage(c.OutOrStdout(), c, l) // the reader has gone
	})
	root.SetFlagErrorFunc(func(c *cobra.Command, err error) error { return wrongFlag(c, err) })
	each(root, func(c *cobra.Command) {
		c.SuggestionsMinimumDistance = 2
		c.InitDefaultHelpFlag()
		c.Flags().Lookup("help").Usage = l.T("cli.help.flag")
		if c.Name() == "help" {
			c.Short, c.Long, c.Use = l.T("cli.help.cmd"), "", "help [COMMAND]"
			c.Run, c.RunE = nil, func(_ *cobra.Command, words []string) error {
				found, rest, err := root.Find(words)
				if err != nil || len(rest) > 0 {
					return unknownCommand(root, words[0])
				}
				return found.Help()
			}
			return
		}
		if !c.Runnable() {
			// A group of commands: without a further word its help, with a wrong one a fault.
			c.Args = cobra.ArbitraryArgs
			c.RunE = func(c *cobra.Command, words []string) error {
				if len(words) > 0 {
					return unknownCommand(c, words[0])
				}
				return c.Help()
			}
			return
		}
		if args := c.Args; args != nil {
			c.Args = func(c *cobra.Command, words []string) error {
				err := args(c, words)
				if known := (*fault.Error)(nil); err == nil || errors.As(err, &known) {
					return err
				}
				return fault.Wrap(fault.Invalid, "cli", err, "cli.arguments", "n", len(words), "use", useLine(c, l), "command", c.CommandPath())
			}
		}
	})
}

func each(c *cobra.Command, do func(*cobra.Command)) {
	do(c)
	for _, sub := range c.Commands() {
		each(sub, do)
	}
}

func unknownCommand(c *cobra.Command, word string) error {
	if near := c.SuggestionsFor(word); len(near) > 0 {
		return fault.New(fault.Invalid, "cli", "cli.unknown-near", "word", word, "near", c.CommandPath()+" "+near[0])
	}
	return fault.New(fault.Invalid, "cli", "cli.unknown", "word", word, "command", c.CommandPath())
}

func wrongFlag(c *cobra.Command, err error) error {
	var unknown *pflag.NotExistError
	var empty *pflag.ValueRequiredError
	var value *pflag.InvalidValueError
	switch {
	case errors.As(err, &unknown):
		name := "--" + unknown.GetSpecifiedName()
		if unknown.GetSpecifiedShortnames() != "" {
			name = "-" + unknown.GetSpecifiedName()
		}
		return fault.Wrap(fault.Invalid, "cli", err, "cli.flag.unknown", "flag", name, "command", c.CommandPath())
	case errors.As(err, &empty):
		return fault.Wrap(fault.Invalid, "cli", err, "cli.flag.empty", "flag", "--"+empty.GetFlag().Name, "command", c.CommandPath())
	case errors.As(err, &value):
		return fault.Wrap(fault.Invalid, "cli", err, "cli.flag.value", "flag", "--"+value.GetFlag().Name, "value", value.GetValue(), "command", c.CommandPath())
	}
	return fault.Wrap(fault.Invalid, "cli", err, "cli.flag", "why", err.Error())
}

// useLine is a command's own line with the words that cobra adds translated.
func useLine(c *cobra.Command, l i18n.Lang) string {
	line := c.UseLine()
	if c.HasAvailableSubCommands() {
		line = c.CommandPath() + " [command]"
	}
	return strings.NewReplacer("[command]", l.T("cli.use.command"), "[flags]", l.T("cli.use.flags")).Replace(line)
}

var (
	flagDefault = regexp.MustCompile(`(?m) \(default (.*)\)$`)
	flagType    = regexp.MustCompile(`(?m)^(\s+(?:-\w, )?\s*--[\w-]+) string`)
)

func writeUsage(w io.Writer, c *cobra.Command, l i18n.Lang) error {
	var b strings.Builder
	fmt.Fprintf(&b, "%s\n", l.T("cli.usage"))
	if c.HasAvailableSubCommands() && strings.Contains(c.Use, " ") { // it does something by itself, too
		fmt.Fprintf(&b, "  %s\n", strings.ReplaceAll(c.UseLine(), "[flags]", l.T("cli.use.flags")))
	}
	fmt.Fprintf(&b, "  %s\n", useLine(c, l))
	if c.HasAvailableSubCommands() {
		fmt.Fprintf(&b, "\n%s\n", l.T("cli.commands"))
		for _, sub := range c.Commands() {
			if sub.IsAvailableCommand() || sub.Name() == "help" {
				fmt.Fprintf(&b, "  %-*s %s\n", max(sub.NamePadding(), 8), sub.Name(), sub.Short)
			}
		}
	}
	if c.HasAvailableLocalFlags() {
		text := flagType.ReplaceAllString(strings.TrimRight(c.LocalFlags().FlagUsages(), " \n"), "${1} "+l.T("cli.type.string"))
		fmt.Fprintf(&b, "\n%s\n%s\n", l.T("cli.flags"), flagDefault.ReplaceAllStringFunc(text, func(s string) string {
			return l.T("cli.default", "value", flagDefault.FindStringSubmatch(s)[1])
		}))
	}
	if c.HasAvailableSubCommands() {
		fmt.Fprintf(&b, "\n%s\n", l.T("cli.more", "command", c.CommandPath()))
	}
	_, err := io.WriteString(w, b.String())
	return err
}
