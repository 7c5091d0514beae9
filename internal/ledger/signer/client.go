package signer

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net"
	"net/http"
	"time"

	"golang.org/x/mod/sumdb/tlog"

	"hoshi/internal/fault"
	"hoshi/internal/ledger"
)

// Client reaches a signer over its socket. It is safe for concurrent use.
type Client struct {
	http http.Client
	path string
}

// Dial makes a client of the socket; it connects when it is first asked.
func Dial(socket string) *Client {
	var d net.Dialer
	return &Client{path: socket, http: http.Client{Timeout: time.Minute, Transport: &http.Transport{
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) { return d.DialContext(ctx, "unix", socket) },
	}}}
}

// Keys returns the log's origin and the public keys, for the manifest.
func (c *Client) Keys(ctx context.Context) (origin, log, status string, err error) {
	var k keysReply
	err = c.get(ctx, "/v1/keys", &k)
	return k.Origin, k.Log, k.Status, err
}

// Last implements sequence.Signer.
func (c *Client) Last(ctx context.Context) (ledger.Tree, error) {
	var t tree
	err := c.get(ctx, "/v1/last", &t)
	return ledger.Tree(t), err
}

// Sign implements sequence.Signer.
func (c *Client) Sign(ctx context.Context, old, next ledger.Tree, proof tlog.TreeProof) ([]byte, error) {
	b, err := json.Marshal(signRequest{Old: tree(old), Next: tree(next), Proof: proof})
	if err != nil {
		return nil, err
	}
	return c.do(ctx, http.MethodPost, "/v1/sign", b)
}

// SignStatus has the payload of a status list signed; see Core.SignStatus.
func (c *Client) SignStatus(ctx context.Context, payload []byte) ([]byte, error) {
	return c.do(ctx, http.MethodPost, "/v1/status", payload)
}

func (c *Client) get(ctx context.Context, path string, v any) error {
	b, err := c.do(ctx, http.MethodGet, path, nil)
	if err != nil {
		return err
	}
	if err := json.Unmarshal(b, v); err != nil {
		return fault.Wrap(fault.Unavailable, "signer.Client", err, "ledger.signer.away", "path", c.path)
	}
	return nil
}

func (c *Client) do(ctx context.Context, method, path string, body []byte) ([]byte, error) {
	q, err := http.NewRequestWithContext(ctx, method, "http://signer"+path, bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	r, err := c.http.Do(q)
	if err != nil {
		return nil, fault.Wrap(fault.Unavailable, "signer.Client", err, "ledger.signer.away", "path", c.path)
	}
	defer r.Body.Close()
	b, err := io.ReadAll(io.LimitReader(r.Body, ledger.MaxStatusFile*2))
	if err != nil {
		return nil, fault.Wrap(fault.Unavailable, "signer.Client", err, "ledger.signer.away", "path", c.path)
	}
	if r.StatusCode == http.StatusOK {
		return b, nil
	}
	var f refusal
	if err := json.Unmarshal(b, &f); err != nil || f.Kind == "" {
		return nil, fault.Wrap(fault.Unavailable, "signer.Client", errors.New(r.Status), "ledger.signer.away", "path", c.path)
	}
	return nil, &fault.Error{Kind: f.Kind, Op: "signer.Client", Key: f.Key, Args: f.Args, Err: errors.New(f.Why)}
}
