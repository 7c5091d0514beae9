package app

import (
	"context"
	"encoding/hex"
	"io"
	"slices"
	"time"

	"hoshi/internal/audit"
	"hoshi/internal/auth"
	"hoshi/internal/fault"
	"hoshi/internal/policy"
	"hoshi/internal/scheme"
	"hoshi/internal/store"
)

// Officer is somebody to act for the scheme owner.
type Officer struct {
	Login    string // e-mail address
	Name     string // of the natural person; not read when the account exists
	Password string // not read when the account exists
}

// AddOfficer lets an account act as an officer of the scheme owner. An account that
// does not exist is made; its second step is set up at the first sign-in. The
// organisation of the scheme owner is made when there is none. Doing it twice does
// it once.
func AddOfficer(ctx context.Context, db *store.DB, set *scheme.Settings, now func() time.Time, rand io.Reader, o Officer) error {
	account, err := account(ctx, db, o.Login)
	if fault.Is(err, fault.NotFound) {
		var a scheme.Account
		if a, err = auth.New(auth.Options{DB: db, Now: now, Rand: rand}).SignUp(ctx, o.Name, o.Login, o.Password); err == nil {
			account = a.ID
		}
	}
	if err != nil {
		return err
	}
	var ids [3]string
	for i := range ids {
		var b [16]byte
		if _, err := io.ReadFull(rand, b[:]); err != nil {
			return err
		}
		ids[i] = hex.EncodeToString(b[:])
	}
	return db.Update(ctx, func(tx *store.Tx) error {
		owners, err := store.Organisations(ctx, tx, scheme.SchemeOwning)
		if err != nil {
			return err
		}
		if len(owners) == 0 {
			owner := scheme.Organisation{ID: ids[0], Kind: scheme.SchemeOwning, Name: set.Owner.JA, NameEN: set.Owner.EN, Country: "JP", Registered: tx.At, Version: 1}
			if err := store.InsertOrganisation(ctx, tx, owner); err != nil {
				return err
			}
			owners = append(owners, owner)
		}
		have, err := store.MembershipsOf(ctx, tx, account)
		if err != nil {
			return err
		}
		if slices.ContainsFunc(have, func(m store.AccountMembership) bool {
			return m.OrganisationID == owners[0].ID && m.Role == scheme.Officer && m.ActiveAt(tx.At)
		}) {
			return nil
		}
		m := scheme.Membership{ID: ids[1], AccountID: account, OrganisationID: owners[0].ID, Role: scheme.Officer, From: tx.At}
		if err := store.InsertMembership(ctx, tx, m); err != nil {
			return err
		}
		return audit.Write(ctx, tx, policy.SystemActor, audit.Event{ID: ids[2], Action: "officer.add", Kind: "account", Subject: account, Detail: map[string]string{"membership": m.ID}})
	})
}

func account(ctx context.Context, db *store.DB, login string) (string, error) {
	var c store.Credentials
	err := db.View(ctx, func(tx *store.Tx) (err error) {
		c, err = store.CredentialsByLogin(ctx, tx, login)
		return err
	})
	return c.ID, err
}
