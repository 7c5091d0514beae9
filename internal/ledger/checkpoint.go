package ledger

import (
	"encoding/base64"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

// maxNote bounds a signed checkpoint in bytes.
const maxNote = 64 << 10

// Checkpoint is the head of a log: C2SP tlog-checkpoint.
type Checkpoint struct {
	Origin string
	Tree
	Extensions []string // opaque lines; Hoshi's own log has none
}

// Text is the note text that is signed.
func (c Checkpoint) Text() string {
	s := fmt.Sprintf("%s\n%d\n%s\n", c.Origin, c.Size, base64.StdEncoding.EncodeToString(c.Root[:]))
	for _, e := range c.Extensions {
		s += e + "\n"
	}
	return s
}

// ParseCheckpoint reads a note text, strictly.
func ParseCheckpoint(text string) (Checkpoint, error) {
	var c Checkpoint
	if len(text) > maxNote {
		return c, errors.New("checkpoint is too large")
	}
	lines := strings.Split(text, "\n")
	if len(lines) < 4 || lines[len(lines)-1] != "" {
		return c, errors.New("a checkpoint has three lines or more")
	}
	lines = lines[:len(lines)-1]
	for _, l := range lines {
		if l == "" {
			return c, errors.New("a checkpoint has no empty line")
		}
	}
	size, err := parseDecimal(lines[1])
	if err != nil {
		return c, fmt.Errorf("tree size: %w", err)
	}
	root, err := parseHash(lines[2])
	if err != nil {
		return c, fmt.Errorf("root hash: %w", err)
	}
	c = Checkpoint{Origin: lines[0], Tree: Tree{Size: size, Root: root}}
	if len(lines) > 3 {
		c.Extensions = lines[3:]
	}
	return c, nil
}

// OpenNote verifies a signed note and refuses what note.Open lets pass: base64
// that has a second spelling. At least one signature of the known keys must be
// there, and none of theirs may be wrong.
func OpenNote(msg []byte, known ...note.Verifier) (*note.Note, error) {
	if len(msg) > maxNote {
		return nil, errors.New("a note is too large")
	}
	n, err := note.Open(msg, note.VerifierList(known...))
	if err != nil {
		return nil, err
	}
	sigs := strings.TrimPrefix(string(msg), n.Text+"\n")
	for line := range strings.Lines(sigs) {
		_, b64, _ := strings.Cut(strings.TrimSuffix(strings.TrimPrefix(line, "— "), "\n"), " ")
		if _, err := base64.StdEncoding.Strict().DecodeString(b64); err != nil {
			return nil, fmt.Errorf("signature line: %w", err)
		}
	}
	return n, nil
}

// OpenCheckpoint verifies a checkpoint with the log's own key.
func OpenCheckpoint(msg []byte, origin string, log note.Verifier) (Checkpoint, error) {
	n, err := OpenNote(msg, log)
	if err != nil {
		return Checkpoint{}, err
	}
	c, err := ParseCheckpoint(n.Text)
	if err != nil {
		return Checkpoint{}, err
	}
	if c.Origin != origin {
		return Checkpoint{}, fmt.Errorf("checkpoint of %q, not of %q", c.Origin, origin)
	}
	return c, nil
}

func parseDecimal(s string) (int64, error) {
	n, err := strconv.ParseInt(s, 10, 64)
	if err != nil || n < 0 || strconv.FormatInt(n, 10) != s {
		return 0, fmt.Errorf("%.40q is not a decimal number", s)
	}
	return n, nil
}

func parseHash(s string) (tlog.Hash, error) {
	var h tlog.Hash
	b, err := base64.StdEncoding.Strict().DecodeString(s)
	if err != nil || len(b) != len(h) || base64.StdEncoding.EncodeToString(b) != s {
		return h, fmt.Errorf("%.60q is not a base64 SHA-256 hash", s)
	}
	copy(h[:], b)
	return h, nil
}
