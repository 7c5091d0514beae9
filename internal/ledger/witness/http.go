package witness

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"strconv"
	"strings"

	"golang.org/x/mod/sumdb/tlog"

	"hoshi/internal/fault"
	"hoshi/internal/ledger/sequence"
)

// maxRequest bounds add-checkpoint: 63 hashes and a note.
const maxRequest = 64 << 10

func hashOrigin(origin string) string {
	h := sha256.Sum256([]byte(origin))
	return hex.EncodeToString(h[:])
}

// FormatRequest renders the body of add-checkpoint.
func FormatRequest(old int64, proof tlog.TreeProof, checkpoint []byte) []byte {
	var b bytes.Buffer
	fmt.Fprintf(&b, "old %d\n", old)
	for _, h := range proof {
		b.WriteString(base64.StdEncoding.EncodeToString(h[:]) + "\n")
	}
	b.WriteByte('\n')
	b.Write(checkpoint)
	return b.Bytes()
}

// ParseRequest reads the body of add-checkpoint; it accepts only what
// FormatRequest writes.
func ParseRequest(body []byte) (old int64, proof tlog.TreeProof, checkpoint []byte, err error) {
	head, rest, ok := bytes.Cut(body, []byte("\n\n"))
	lines := strings.Split(string(head), "\n")
	size, isOld := strings.CutPrefix(lines[0], "old ")
	if !ok || !isOld || len(lines)-1 > 63 {
		return 0, nil, nil, ErrMalformed
	}
	if old, err = strconv.ParseInt(size, 10, 64); err != nil || old < 0 {
		return 0, nil, nil, ErrMalformed
	}
	for _, l := range lines[1:] {
		b, err := base64.StdEncoding.Strict().DecodeString(l)
		if err != nil || len(b) != tlog.HashSize {
			return 0, nil, nil, ErrMalformed
		}
		proof = append(proof, tlog.Hash(b))
	}
	if !bytes.Equal(FormatRequest(old, proof, rest), body) {
		return 0, nil, nil, ErrMalformed
	}
	return old, proof, rest, nil
}

// Handler serves POST /add-checkpoint and GET /<origin hash>/checkpoint.
func Handler(c *Core, log *slog.Logger) http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("POST /add-checkpoint", func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxRequest))
		if err != nil {
			http.Error(w, "request too large", http.StatusRequestEntityTooLarge)
			return
		}
		old, proof, checkpoint, err := ParseRequest(body)
		if err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		line, err := c.AddCheckpoint(r.Context(), old, proof, checkpoint)
		if err == nil {
			log.Info("cosigned", "old", old)
			w.Header().Set("Content-Type", "text/plain; charset=utf-8")
			w.Write(line)
			return
		}
		log.Warn("refused", "err", err.Error())
		if size, ok := errors.AsType[*sequence.WitnessSizeError](err); ok {
			w.Header().Set("Content-Type", "text/x.tlog.size")
			w.WriteHeader(http.StatusConflict)
			fmt.Fprintf(w, "%d\n", size.Size)
			return
		}
		status := http.StatusInternalServerError
		switch {
		case errors.Is(err, ErrUnknownLog):
			status = http.StatusNotFound
		case errors.Is(err, ErrUntrusted):
			status = http.StatusForbidden
		case errors.Is(err, ErrMalformed):
			status = http.StatusBadRequest
		case errors.Is(err, ErrInconsistent):
			status = http.StatusUnprocessableEntity
		}
		http.Error(w, http.StatusText(status), status)
	})
	mux.HandleFunc("GET /{origin}/checkpoint", func(w http.ResponseWriter, r *http.Request) {
		b := c.Checkpoint(r.PathValue("origin"))
		if b == nil {
			http.NotFound(w, r)
			return
		}
		w.Header().Set("Content-Type", "text/plain; charset=utf-8")
		w.Write(b)
	})
	return mux
}

// Client asks a witness over HTTP.
type Client struct {
	name string
	url  string
	http *http.Client
}

var _ sequence.Witness = (*Client)(nil)

// NewClient makes a client; url is the submission prefix, such as
// "https://witness.example". The http.Client bounds the time.
func NewClient(name, url string, h *http.Client) *Client {
	return &Client{name: name, url: strings.TrimSuffix(url, "/"), http: h}
}

// Name implements sequence.Witness.
func (c *Client) Name() string { return c.name }

// AddCheckpoint implements sequence.Witness. A witness that does not answer, or
// refuses for another reason than the size, is fault.Unavailable.
func (c *Client) AddCheckpoint(ctx context.Context, old int64, proof tlog.TreeProof, checkpoint []byte) ([]byte, error) {
	away := func(err error) error {
		return fault.Wrap(fault.Unavailable, "witness.Client", err, "ledger.witness.away", "name", c.name)
	}
	q, err := http.NewRequestWithContext(ctx, http.MethodPost, c.url+"/add-checkpoint", bytes.NewReader(FormatRequest(old, proof, checkpoint)))
	if err != nil {
		return nil, away(err)
	}
	r, err := c.http.Do(q)
	if err != nil {
		return nil, away(err)
	}
	defer r.Body.Close()
	b, err := io.ReadAll(io.LimitReader(r.Body, maxRequest))
	if err != nil {
		return nil, away(err)
	}
	switch r.StatusCode {
	case http.StatusOK:
		return b, nil
	case http.StatusConflict:
		size, err := strconv.ParseInt(strings.TrimSuffix(string(b), "\n"), 10, 64)
		if err != nil || size < 0 {
			return nil, away(errors.New("409 without a size"))
		}
		return nil, &sequence.WitnessSizeError{Size: size}
	}
	return nil, away(errors.New(r.Status))
}
