package evidence

import (
	"bytes"
	"context"
	"crypto"
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"sync/atomic"

	"github.com/secure-systems-lab/go-securesystemslib/dsse"

	"hoshi/internal/fault"
	"hoshi/internal/probe"
)

const (
	payloadType   = "application/vnd.in-toto+json"
	statementType = "https://in-toto.io/Statement/v1"
)

// statement is an in-toto Statement v1: the hashes of every other file, and what
// the files are.
type statement struct {
	Type          string    `json:"_type"`
	Subject       []subject `json:"subject"`
	PredicateType string    `json:"predicateType"`
	Predicate     predicate `json:"predicate"`
}

type subject struct {
	Name   string            `json:"name"`
	Digest map[string]string `json:"digest"`
}

type predicate struct {
	Tool     string   `json:"tool"`
	Edition  string   `json:"edition"`
	Models   []string `json:"models"`
	Started  string   `json:"started"`
	Finished string   `json:"finished"`
}

// Bundle is an opened bundle. Opening proves that the archive is whole; [Bundle.Verify]
// proves who signed it.
type Bundle struct {
	Run
	Digest   string // "sha256:…" of the archive; set by Open
	files    map[string][]byte
	envelope dsse.Envelope
}

// Seal writes the run as a bundle. key is an Ed25519 signer; nil seals without a
// signature, which is good for looking at but for nothing official. The same run
// and key give the same bytes.
func Seal(w io.Writer, run Run, key crypto.Signer) error {
	files, err := render(run)
	if err != nil {
		return fault.Wrap(fault.Internal, "evidence.Seal", err, "")
	}
	env, err := sign(run.Info, files, key)
	if err != nil {
		return fault.Wrap(fault.Internal, "evidence.Seal", err, "")
	}
	files[StatementFile] = env
	b, err := pack(files)
	if err != nil {
		return fault.Wrap(fault.Internal, "evidence.Seal", err, "")
	}
	if f := watcher.Load(); f != nil {
		(*f)(b)
	}
	if _, err := w.Write(b); err != nil {
		return fault.Wrap(fault.Unavailable, "evidence.Seal", err, "evidence.unwritable")
	}
	return nil
}

var watcher atomic.Pointer[func([]byte)]

// Watch lets f see every bundle that this process seals. It is for tests, which
// replay them all elsewhere.
func Watch(f func(bundle []byte)) { watcher.Store(&f) }

func render(run Run) (map[string][]byte, error) {
	info, err := json.MarshalIndent(run.Info, "", " ")
	if err != nil {
		return nil, err
	}
	files := map[string][]byte{RunFile: append(info, '\n'), ProductFile: run.Product, EditionFile: run.Edition}
	if run.Facts != nil {
		if files[FactsFile], err = MarshalFacts(run.Facts); err != nil {
			return nil, err
		}
	}
	if run.Verdicts != nil {
		if files[VerdictsFile], err = MarshalVerdicts(run.Verdicts); err != nil {
			return nil, err
		}
	}
	for name, rs := range run.Transcripts {
		if files[transcripts+name+".jsonl"], err = probe.WriteTranscript(rs); err != nil {
			return nil, err
		}
	}
	for name, b := range run.Imports {
		files[imports+name] = b
	}
	for n := range files {
		if !known(n) {
			return nil, fmt.Errorf("file name %q", n)
		}
	}
	return files, nil
}

func subjects(files map[string][]byte) []subject {
	var out []subject
	for _, n := range slices.Sorted(maps.Keys(files)) {
		if n != StatementFile {
			sum := sha256.Sum256(files[n])
			out = append(out, subject{n, map[string]string{"sha256": hex.EncodeToString(sum[:])}})
		}
	}
	return out
}

func sign(info Info, files map[string][]byte, key crypto.Signer) ([]byte, error) {
	body, err := json.Marshal(statement{Type: statementType, Subject: subjects(files), PredicateType: PredicateType, Predicate: predicate{
		Tool: info.Tool, Edition: info.EditionID, Models: info.Models,
		Started: info.Started.UTC().Format("2006-01-02T15:04:05Z"), Finished: info.Finished.UTC().Format("2006-01-02T15:04:05Z")}})
	if err != nil {
		return nil, err
	}
	env := &dsse.Envelope{PayloadType: payloadType, Payload: base64.StdEncoding.EncodeToString(body), Signatures: []dsse.Signature{}}
	if key != nil {
		es, err := dsse.NewEnvelopeSigner(keyAdapter{signer: key})
		if err != nil {
			return nil, err
		}
		if env, err = es.SignPayload(context.Background(), payloadType, body); err != nil {
			return nil, err
		}
	}
	b, err := json.Marshal(env)
	return append(b, '\n'), err
}

// Open reads a bundle within the limits. It refuses, each with its own sentence,
// a foreign file, one cut short, one altered, one over a limit and, unless the
// limits allow it, one that nobody signed. Facts and verdicts may be absent.
func Open(r io.Reader, l Limits) (*Bundle, error) {
	h := sha256.New()
	files, err := unpack(io.TeeReader(r, h), l)
	if err != nil {
		return nil, err
	}
	b := &Bundle{files: files, Digest: "sha256:" + hex.EncodeToString(h.Sum(nil))}
	if err := b.read(); err != nil {
		return nil, fault.Wrap(fault.Invalid, "evidence.Open", err, "evidence.foreign")
	}
	if len(b.envelope.Signatures) == 0 && !l.AllowUnsigned {
		return nil, fault.New(fault.Invalid, "evidence.Open", "evidence.unsigned")
	}
	return b, nil
}

func (b *Bundle) read() error {
	for _, n := range []string{RunFile, ProductFile, EditionFile} {
		if b.files[n] == nil {
			return errors.New(n + " is missing")
		}
	}
	b.Product, b.Edition = b.files[ProductFile], b.files[EditionFile]
	if err := strict(b.files[RunFile], &b.Info); err != nil {
		return err
	}
	if b.Info.Format != RunFormat {
		return fmt.Errorf("format %q", b.Info.Format)
	}
	if f := b.files[FactsFile]; f != nil {
		if err := json.Unmarshal(f, &b.Facts); err != nil {
			return err
		}
	}
	if f := b.files[VerdictsFile]; f != nil {
		if err := strict(f, &b.Verdicts); err != nil {
			return err
		}
	}
	b.Transcripts = map[string][]probe.Record{}
	for n, f := range b.files {
		if t, ok := strings.CutPrefix(n, transcripts); ok {
			name := strings.TrimSuffix(t, ".jsonl")
			rs, err := probe.ReadTranscript(name, f)
			if err != nil {
				return err
			}
			b.Transcripts[name] = rs
		}
		if name, ok := strings.CutPrefix(n, imports); ok {
			if b.Imports == nil {
				b.Imports = map[string][]byte{}
			}
			b.Imports[name] = f
		}
	}
	if f := b.files[StatementFile]; f != nil {
		return strict(f, &b.envelope)
	}
	return nil
}

func strict(b []byte, into any) error {
	d := json.NewDecoder(bytes.NewReader(b))
	d.DisallowUnknownFields()
	return d.Decode(into)
}

// SignedBy returns the key ids that the bundle names, unverified; empty when
// nobody signed.
func (b *Bundle) SignedBy() []string {
	var out []string
	for _, s := range b.envelope.Signatures {
		out = append(out, s.KeyID)
	}
	return out
}

// Verify proves that the holder of the key sealed exactly these files.
func (b *Bundle) Verify(pub ed25519.PublicKey) error {
	refuse := func(key string, err error) error { return fault.Wrap(fault.Invalid, "evidence.Verify", err, key) }
	if len(b.envelope.Signatures) == 0 {
		return refuse("evidence.unsigned", nil)
	}
	v, err := dsse.NewEnvelopeVerifier(keyAdapter{pub: pub})
	if err != nil {
		return refuse("evidence.stranger", err)
	}
	if _, err := v.Verify(context.Background(), &b.envelope); err != nil {
		return refuse("evidence.stranger", err)
	}
	body, err := b.envelope.DecodeB64Payload()
	if err != nil {
		return refuse("evidence.altered", err)
	}
	var st statement
	if err := strict(body, &st); err != nil {
		return refuse("evidence.foreign", err)
	}
	if b.envelope.PayloadType != payloadType || st.Type != statementType || st.PredicateType != PredicateType {
		return refuse("evidence.foreign", fmt.Errorf("statement of type %q", st.PredicateType))
	}
	have := subjects(b.files)
	if len(have) != len(st.Subject) {
		return refuse("evidence.altered", errors.New("files were added or taken out after signing"))
	}
	for i, s := range st.Subject {
		if s.Name != have[i].Name || s.Digest["sha256"] != have[i].Digest["sha256"] {
			return refuse("evidence.altered", errors.New("file "+s.Name))
		}
	}
	return nil
}

// Want is what a bundle must have been made for.
type Want struct {
	Models        []string // model numbers of the product; at least one must be in the bundle
	EditionID     string
	EditionDigest string // "" = any text of that edition
}

// For refuses a bundle that was made for another product or another edition. The
// answer rests on product.yaml and edition.yaml themselves, not on run.json.
func (b *Bundle) For(w Want) error {
	p, err := ParseProduct(ProductFile, b.Product)
	if err != nil {
		return err
	}
	if !slices.ContainsFunc(p.Product.Models, func(m string) bool { return slices.Contains(w.Models, m) }) {
		return fault.New(fault.Invalid, "evidence.For", "evidence.other-product",
			"models", strings.Join(p.Product.Models, ", "), "want", strings.Join(w.Models, ", "))
	}
	if b.Info.EditionID != w.EditionID || w.EditionDigest != "" && b.Info.EditionDigest != w.EditionDigest || b.Info.EditionDigest != Digest(b.Edition) {
		return fault.New(fault.Invalid, "evidence.For", "evidence.other-edition", "edition", b.Info.EditionID, "want", w.EditionID)
	}
	return nil
}

// Digest is "sha256:" and the hash in hex.
func Digest(b []byte) string {
	sum := sha256.Sum256(b)
	return "sha256:" + hex.EncodeToString(sum[:])
}
