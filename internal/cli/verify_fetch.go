package cli

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"

	"hoshi/internal/fault"
	"hoshi/internal/label"
	"hoshi/internal/ledger"
)

// fetch gets a label's documents from the one site that the address names.
func (x *exhibits) fetch(ctx context.Context, address string) error {
	refused := fault.New(fault.Invalid, "cli.verify", "verify.url", "url", address)
	u, err := url.Parse(address)
	if err != nil || !label.SafeURL(u) {
		return refused
	}
	rest, ok := strings.CutPrefix(u.Path, "/L/")
	if !ok {
		if rest, ok = strings.CutPrefix(u.Path, "/l/"); !ok {
			return refused
		}
	}
	rest, _, _ = strings.Cut(rest, ".")
	id, err := label.ParseID(rest)
	if err != nil {
		return err
	}
	if x.statement != nil || x.proof != nil {
		return fault.New(fault.Invalid, "cli.verify", "verify.twice", "path", address)
	}
	site := u.Scheme + "://" + strings.ToLower(u.Host)
	c := siteClient(site)
	if x.statement, err = fetchBounded(ctx, c, site+"/L/"+string(id)+".json", label.MaxStatement); err != nil {
		return err
	}
	s, err := label.Decode(x.statement)
	if err != nil {
		return err
	}
	if s.Label.ID != id {
		return fault.New(fault.Invalid, "cli.verify", "verify.url.id", "url", address, "id", string(s.Label.ID))
	}
	if x.proof, err = fetchBounded(ctx, c, site+"/L/"+string(id)+".proof", 256<<10); err != nil {
		return err
	}
	if x.keys == nil {
		x.siteKeys = true
		if x.keys, err = fetchBounded(ctx, c, site+"/keys.json", 64<<10); err != nil {
			return err
		}
	}
	if x.status != nil {
		return nil
	}
	if !sameSite(s.Status.List, site) {
		x.foreign = s.Status.List
		return nil
	}
	x.status, err = fetchBounded(ctx, c, s.Status.List, ledger.MaxStatusFile)
	return err
}

func sameSite(address, site string) bool {
	u, err := url.Parse(address)
	return err == nil && label.SafeURL(u) && u.Scheme+"://"+strings.ToLower(u.Host) == site
}

// siteClient follows redirects within the site only.
func siteClient(site string) *http.Client {
	return &http.Client{Timeout: 30 * time.Second, CheckRedirect: func(q *http.Request, via []*http.Request) error {
		if len(via) > 3 || !sameSite(q.URL.String(), site) {
			return errors.New("redirected to another site")
		}
		return nil
	}}
}

func fetchBounded(ctx context.Context, c *http.Client, address string, limit int64) ([]byte, error) {
	away := func(why string, err error) error {
		return fault.Wrap(fault.Unavailable, "cli.verify", err, "verify.url.away", "url", address, "why", why)
	}
	q, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		return nil, away("-", err)
	}
	r, err := c.Do(q)
	if err != nil {
		return nil, away(err.Error(), err)
	}
	defer r.Body.Close()
	if r.StatusCode != http.StatusOK {
		return nil, away(r.Status, nil)
	}
	b, err := io.ReadAll(io.LimitReader(r.Body, limit+1))
	if err != nil {
		return nil, away(err.Error(), err)
	}
	if int64(len(b)) > limit {
		return nil, fault.New(fault.TooLarge, "cli.verify", "verify.url.large", "url", address, "limit", limit)
	}
	return b, nil
}
