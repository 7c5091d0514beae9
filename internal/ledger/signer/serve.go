package signer

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"strings"
	"time"

	"golang.org/x/mod/sumdb/tlog"

	"hoshi/internal/fault"
	"hoshi/internal/ledger"
)

// Clock tells the time.
type Clock = func() time.Time

func originOf(vkey string) string {
	name, _, _ := strings.Cut(vkey, "+")
	return name
}

// maxSign bounds a request to sign a checkpoint.
const maxSign = 64 << 10

// signRequest is the body of POST /v1/sign.
type signRequest struct {
	Old   tree        `json:"old"`
	Next  tree        `json:"next"`
	Proof []tlog.Hash `json:"proof"`
}

type tree struct {
	Size int64     `json:"size"`
	Root tlog.Hash `json:"root"`
}

// keysReply is the body of GET /v1/keys.
type keysReply struct {
	Origin string `json:"origin"`
	Log    string `json:"log"`
	Status string `json:"status"`
}

// refusal carries a fault over the socket.
type refusal struct {
	Kind fault.Kind `json:"kind"`
	Key  string     `json:"key"`
	Args fault.Args `json:"args,omitempty"`
	Why  string     `json:"why"`
}

// Handler serves a Core: GET /v1/keys, GET /v1/last, POST /v1/sign, POST /v1/status.
func Handler(c *Core, log *slog.Logger) http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /v1/keys", func(w http.ResponseWriter, _ *http.Request) {
		reply(w, keysReply{Origin: c.origin, Log: c.vkey, Status: c.StatusKey()})
	})
	mux.HandleFunc("GET /v1/last", func(w http.ResponseWriter, r *http.Request) {
		t, err := c.Last(r.Context())
		if err != nil {
			refuse(w, log, err)
			return
		}
		reply(w, tree(t))
	})
	mux.HandleFunc("POST /v1/sign", func(w http.ResponseWriter, r *http.Request) {
		var q signRequest
		d := json.NewDecoder(http.MaxBytesReader(w, r.Body, maxSign))
		d.DisallowUnknownFields()
		if err := d.Decode(&q); err != nil {
			refuse(w, log, fault.Wrap(fault.Invalid, "signer.Handler", err, "ledger.signer.request"))
			return
		}
		msg, err := c.Sign(r.Context(), ledger.Tree(q.Old), ledger.Tree(q.Next), q.Proof)
		if err != nil {
			refuse(w, log, err)
			return
		}
		log.Info("signed checkpoint", "size", q.Next.Size, "root", q.Next.Root)
		w.Write(msg)
	})
	mux.HandleFunc("POST /v1/status", func(w http.ResponseWriter, r *http.Request) {
		payload, err := io.ReadAll(http.MaxBytesReader(w, r.Body, ledger.MaxStatusFile))
		if err != nil {
			refuse(w, log, fault.Wrap(fault.TooLarge, "signer.Handler", err, "ledger.signer.request"))
			return
		}
		jws, err := c.SignStatus(r.Context(), payload)
		if err != nil {
			refuse(w, log, err)
			return
		}
		log.Info("signed status list", "bytes", len(payload))
		w.Write(jws)
	})
	return mux
}

func reply(w http.ResponseWriter, v any) {
	w.Header().Set("Content-Type", "application/json")
	json.NewEncoder(w).Encode(v)
}

func refuse(w http.ResponseWriter, log *slog.Logger, err error) {
	f, ok := errors.AsType[*fault.Error](err)
	if !ok {
		f = fault.Wrap(fault.Internal, "signer", err, "fault.internal")
	}
	log.Error("refused", "kind", string(f.Kind), "key", f.Key, "err", err.Error())
	status := http.StatusInternalServerError
	switch f.Kind {
	case fault.Conflict:
		status = http.StatusConflict
	case fault.Invalid:
		status = http.StatusBadRequest
	case fault.TooLarge:
		status = http.StatusRequestEntityTooLarge
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	json.NewEncoder(w).Encode(refusal{Kind: f.Kind, Key: f.Key, Args: f.Args, Why: err.Error()})
}

// Who may use the socket.
const (
	OwnerOnly     os.FileMode = 0o600
	OwnerAndGroup os.FileMode = 0o660 // the server runs under another user of the signer's group
)

// Listen opens the Unix socket for those that mode lets in. A socket that a killed signer
// left behind is removed: the caller holds the state's lock, so nobody serves it.
func Listen(path string, mode os.FileMode) (net.Listener, error) {
	if st, err := os.Lstat(path); err == nil {
		if st.Mode()&os.ModeSocket == 0 {
			return nil, fault.New(fault.Invalid, "signer.Listen", "ledger.signer.socket", "path", path)
		}
		if err := os.Remove(path); err != nil {
			return nil, err
		}
	}
	l, err := net.Listen("unix", path)
	if err != nil {
		return nil, fault.Wrap(fault.Invalid, "signer.Listen", err, "ledger.signer.socket", "path", path)
	}
	if err := os.Chmod(path, mode); err != nil {
		l.Close()
		return nil, err
	}
	return l, nil
}

// Serve answers on the listener until the context ends, then lets requests finish.
func Serve(ctx context.Context, l net.Listener, h http.Handler) error {
	s := &http.Server{Handler: h, ReadHeaderTimeout: 10 * time.Second, ReadTimeout: time.Minute, MaxHeaderBytes: 16 << 10}
	done := make(chan error, 1)
	go func() { done <- s.Serve(l) }()
	select {
	case err := <-done:
		return err
	case <-ctx.Done():
	}
	grace, cancel := context.WithTimeout(context.WithoutCancel(ctx), 10*time.Second)
	defer cancel()
	return s.Shutdown(grace)
}
