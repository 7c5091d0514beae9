package evidence_test

import (
	"os"
	"testing"

	"hoshi/internal/testkit/stranger"
)

func TestMain(m *testing.M) { os.Exit(stranger.Watch(m).Run()) }
