package ledger

import (
	"bytes"
	"encoding/base64"
	"errors"
	"fmt"
	"strings"

	"golang.org/x/mod/sumdb/tlog"
)

const proofHeader = "c2sp.org/tlog-proof@v1"

// maxProof bounds a proof file in bytes: 63 hashes and a checkpoint with many
// cosignatures are far below.
const maxProof = 256 << 10

// Proof is a C2SP tlog-proof file: the place of one leaf in a signed tree.
type Proof struct {
	Extra      []byte // opaque and not authenticated; Hoshi writes none
	Index      int64
	Hashes     tlog.RecordProof
	Checkpoint []byte // signed note with cosignatures, verbatim
}

// Encode renders the file.
func (p Proof) Encode() []byte {
	var b bytes.Buffer
	b.WriteString(proofHeader + "\n")
	if len(p.Extra) > 0 {
		b.WriteString("extra " + base64.StdEncoding.EncodeToString(p.Extra) + "\n")
	}
	fmt.Fprintf(&b, "index %d\n", p.Index)
	for _, h := range p.Hashes {
		b.WriteString(base64.StdEncoding.EncodeToString(h[:]) + "\n")
	}
	b.WriteByte('\n')
	b.Write(p.Checkpoint)
	return b.Bytes()
}

// ParseProof reads a file that Encode, or any other C2SP implementation, wrote.
// It verifies nothing.
func ParseProof(b []byte) (Proof, error) {
	var p Proof
	if len(b) > maxProof {
		return p, errors.New("a proof is too large")
	}
	head, checkpoint, ok := strings.Cut(string(b), "\n\n")
	if !ok {
		return p, errors.New("the proof is cut short before its checkpoint")
	}
	lines := strings.Split(head, "\n")
	if lines[0] != proofHeader {
		return p, fmt.Errorf("the first line is not %s", proofHeader)
	}
	lines = lines[1:]
	if len(lines) > 0 && strings.HasPrefix(lines[0], "extra ") {
		extra, err := base64.StdEncoding.Strict().DecodeString(lines[0][len("extra "):])
		if err != nil || len(extra) == 0 {
			return p, errors.New("the extra line is not base64")
		}
		p.Extra, lines = extra, lines[1:]
	}
	if len(lines) == 0 || !strings.HasPrefix(lines[0], "index ") {
		return p, errors.New("the index line is missing")
	}
	var err error
	if p.Index, err = parseDecimal(lines[0][len("index "):]); err != nil {
		return p, err
	}
	if len(lines)-1 > 63 {
		return p, errors.New("a proof has at most 63 hashes")
	}
	for i, l := range lines[1:] {
		h, err := parseHash(l)
		if err != nil {
			return p, fmt.Errorf("hash %d: %w", i+1, err)
		}
		p.Hashes = append(p.Hashes, h)
	}
	p.Checkpoint = []byte(checkpoint)
	if !bytes.Equal(p.Encode(), b) {
		return Proof{}, errors.New("the proof is not written as C2SP tlog-proof asks")
	}
	return p, nil
}

// Prove makes the proof file of the leaf at index under a signed checkpoint whose
// tree r reads.
func Prove(index int64, tree Tree, checkpoint []byte, r tlog.HashReader) (Proof, error) {
	h, err := tlog.ProveRecord(tree.Size, index, r)
	if err != nil {
		return Proof{}, err
	}
	return Proof{Index: index, Hashes: h, Checkpoint: checkpoint}, nil
}
