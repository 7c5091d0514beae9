package cli

import (
	"fmt"

	"github.com/spf13/cobra"
)

// Version is the version of the program; it stands in every evidence bundle.
const Version = "0.1.0"

func newVersionCmd(env *Env) *cobra.Command {
	return &cobra.Command{
		Use:   "version",
		Short: env.Lang().T("cli.version"),
		Args:  cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			_, err := fmt.Fprintln(env.Stdout, "hoshi", Version)
			return err
		},
	}
}
