package registry

import (
	"context"
	"encoding/hex"
	"io"
	"time"

	"hoshi/internal/fault"
	"hoshi/internal/ledger"
	"hoshi/internal/store"
)

// statusListFile is where the signed status list is served.
const statusListFile = "status-list"

// statusList makes a new list when one is due, gets its hash into the log, and
// publishes the newest list whose leaf is public. now is before everything that
// the list reflects: each act up to then is in it.
func (p *Publisher) statusList(ctx context.Context, now time.Time) (bool, error) {
	if p.listed.IsZero() {
		err := p.DB.View(ctx, func(tx *store.Tx) error {
			l, err := store.NewestStatusList(ctx, tx, true)
			p.listed, p.fresh = l.At, p.fresh || l.Tree < p.replay.Size()
			return err
		})
		if err != nil && !fault.Is(err, fault.NotFound) {
			return false, err
		}
	}
	age := now.Sub(p.listed)
	made := p.ended || p.fresh && age >= listPause || age >= listEvery
	if made {
		if err := p.makeList(ctx, now); err != nil {
			return false, err
		}
		if _, err := p.sequence(ctx); err != nil {
			return false, err
		}
	}
	var newest store.StatusList
	err := p.DB.View(ctx, func(tx *store.Tx) (err error) {
		newest, err = store.NewestStatusList(ctx, tx, false)
		return err
	})
	if fault.Is(err, fault.NotFound) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	return made, writeFile(p.Dir, statusListFile, []byte(newest.JWS))
}

// makeList signs a list of what the public leaves say and commits it with its leaf.
func (p *Publisher) makeList(ctx context.Context, now time.Time) error {
	list, err := p.replay.StatusList()
	if err != nil {
		return err
	}
	list.Scheme, list.Origin = p.Keys.Scheme, p.Keys.Origin
	list.AsOf = now.UTC().Truncate(time.Second)
	list.Expires = list.AsOf.Add(p.Settings.StatusListTTL)
	list.TTL = int(listEvery / time.Second)
	payload, err := list.Payload()
	if err != nil {
		return err
	}
	jws, err := p.Signer.SignStatus(ctx, payload)
	if err != nil {
		return err
	}
	var id [8]byte
	if _, err := io.ReadFull(p.Rand, id[:]); err != nil {
		return err
	}
	leaf := ledger.Leaf{V: 1, Type: ledger.StatusListed, ID: "list-" + hex.EncodeToString(id[:]), At: ledger.Seconds(list.AsOf),
		Scheme: p.Keys.Scheme, Hash: ledger.PayloadHash(payload)}
	err = p.DB.Update(ctx, func(tx *store.Tx) error {
		if err := store.SaveStatusList(ctx, tx, store.StatusList{LeafID: leaf.ID, At: list.AsOf, Tree: list.Tree, JWS: string(jws)}); err != nil {
			return err
		}
		return store.AppendLeaf(ctx, tx, leaf)
	})
	if err != nil {
		return err
	}
	p.listed, p.ended, p.fresh = now, false, false
	return nil
}
