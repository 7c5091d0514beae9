package demo

import (
	"context"
	"encoding/hex"
	"errors"
	"io"

	"hoshi/internal/app"
	"hoshi/internal/fault"
	"hoshi/internal/i18n"
	"hoshi/internal/policy"
	"hoshi/internal/scheme"
	"hoshi/internal/store"
	"hoshi/internal/web"
)

// organisation is one of the sample organisations. Their corporate numbers fit the
// check digit; like everything here they are invented.
type organisation struct {
	key string
	scheme.Organisation
}

var organisations = []organisation{
	{"hoshimi", scheme.Organisation{Kind: scheme.Vendor, Name: "星見電機株式会社", NameEN: "Hoshimi Electric Co., Ltd.", Country: "JP", CorporateNumber: number("990000000001")}},
	{"aozora", scheme.Organisation{Kind: scheme.Vendor, Name: "あおぞら機器合同会社", NameEN: "Aozora Devices LLC", Country: "JP", CorporateNumber: number("990000000002")}},
	{"mirai", scheme.Organisation{Kind: scheme.Evaluating, Name: "みらい検証サービス株式会社", NameEN: "Mirai Verification Services Inc.", Country: "JP", CorporateNumber: number("990000000003"),
		Classes: []scheme.EvaluatorClass{scheme.ClassVerification, scheme.ClassExternalQualified}}},
	{"office", scheme.Organisation{Kind: scheme.SchemeOwning, Name: "見本制度事務局", NameEN: "Sample Scheme Office", Country: "JP", CorporateNumber: number("990000000004")}},
}

// number puts the check digit before twelve digits.
func number(base string) scheme.CorporateNumber {
	for d := '1'; d <= '9'; d++ {
		if c := scheme.CorporateNumber(string(d) + base); c.Validate() == nil {
			return c
		}
	}
	panic("demo: no check digit fits " + base)
}

// account is one way in. Two accounts of one person are one pair of eyes.
type account struct {
	login, person, org string
	role               scheme.Role
	name, what         i18n.Text
}

var accounts = []account{
	{"hoshino@hoshimi.example", "星野 あかり", "hoshimi", scheme.Applicant,
		i18n.Text{JA: "星野 あかり（星見電機・申請担当）", EN: "Akari Hoshino (Hoshimi Electric, applicant)"},
		i18n.Text{JA: "練習用カメラの評価を仕上げて申請する", EN: "finish the evaluation of the practice camera and apply"}},
	{"aoki@aozora.example", "青木 そら", "aozora", scheme.Applicant,
		i18n.Text{JA: "青木 そら（あおぞら機器・申請担当）", EN: "Sora Aoki (Aozora Devices, applicant)"},
		i18n.Text{JA: "自分の製品を登録する（ほかの会社の下書きは見えません）", EN: "register a product of your own (other vendors' drafts stay hidden)"}},
	{"mita@mirai.example", "見田 けん", "mirai", scheme.Evaluator,
		i18n.Text{JA: "見田 けん（みらい検証サービス・評価者）", EN: "Ken Mita (Mirai Verification, evaluator)"},
		i18n.Text{JA: "任された評価に署名する", EN: "sign an evaluation that a vendor has handed over"}},
	{"ichikawa@office.example", "市川 まこと", "office", scheme.Officer,
		i18n.Text{JA: "市川 まこと（事務局）", EN: "Makoto Ichikawa (scheme office)"},
		i18n.Text{JA: "申請を受理し、交付を起案する", EN: "accept applications and propose the grant"}},
	{"futaba@office.example", "二葉 しおり", "office", scheme.Officer,
		i18n.Text{JA: "二葉 しおり（事務局）", EN: "Shiori Futaba (scheme office)"},
		i18n.Text{JA: "ほかの人が起案した交付を決裁する", EN: "decide what another person has proposed"}},
	{"mikami@office.example", "三上 のぞみ", "office", scheme.Officer,
		i18n.Text{JA: "三上 のぞみ（事務局、1 つ目のアカウント）", EN: "Nozomi Mikami (scheme office, first account)"},
		i18n.Text{JA: "交付を起案してから、2 つ目のアカウントで決裁を試す（断られます）", EN: "propose a grant, then try to decide it with the second account (it is refused)"}},
	{"mikami2@office.example", "三上 のぞみ", "office", scheme.Officer,
		i18n.Text{JA: "三上 のぞみ（事務局、2 つ目のアカウント）", EN: "Nozomi Mikami (scheme office, second account)"},
		i18n.Text{JA: "同じ人の起案は決裁できないことを確かめる", EN: "see that the same person cannot decide"}},
}

// people are the buttons of the sign-in page.
func people() []web.DemoPerson {
	var out []web.DemoPerson
	for _, a := range accounts {
		out = append(out, web.DemoPerson{Login: a.login, Name: a.name, What: a.what})
	}
	return out
}

// cast is what later steps need of the people.
type cast struct{ applicant policy.Actor }

// seed puts the organisations and people into an empty database; on a database
// that has them it only looks them up.
func (o *Options) seed(ctx context.Context, a *app.App) (cast, error) {
	err := a.DB.View(ctx, func(tx *store.Tx) error {
		_, err := store.CredentialsByLogin(ctx, tx, accounts[0].login)
		return err
	})
	if fault.Is(err, fault.NotFound) {
		err = a.DB.Update(ctx, func(tx *store.Tx) error { return o.insert(ctx, tx) })
	}
	if err != nil {
		return cast{}, err
	}
	actor, err := o.actor(ctx, a, accounts[0].login)
	return cast{actor}, err
}

func (o *Options) insert(ctx context.Context, tx *store.Tx) error {
	orgs, persons := map[string]string{}, map[string]string{}
	for _, g := range organisations {
		id, err := o.id()
		if err != nil {
			return err
		}
		orgs[g.key] = id
		g.ID, g.Version, g.Registered = id, 1, tx.At
		if err := store.InsertOrganisation(ctx, tx, g.Organisation); err != nil {
			return err
		}
	}
	for _, x := range accounts {
		if persons[x.person] == "" {
			id, err := o.id()
			if err != nil {
				return err
			}
			persons[x.person] = id
			if err := store.InsertPerson(ctx, tx, scheme.Person{ID: id, Name: x.person}); err != nil {
				return err
			}
		}
		acc, err1 := o.id()
		mem, err2 := o.id()
		if err := errors.Join(err1, err2); err != nil {
			return err
		}
		if err := store.InsertAccount(ctx, tx, store.Credentials{Account: scheme.Account{ID: acc, PersonID: persons[x.person], Login: x.login}}); err != nil {
			return err
		}
		if err := store.InsertMembership(ctx, tx, scheme.Membership{ID: mem, AccountID: acc, OrganisationID: orgs[x.org], Role: x.role, From: tx.At}); err != nil {
			return err
		}
	}
	return nil
}

// actor is a person of the cast as the portal would know them.
func (o *Options) actor(ctx context.Context, a *app.App, login string) (policy.Actor, error) {
	var p policy.Actor
	err := a.DB.View(ctx, func(tx *store.Tx) error {
		c, err := store.CredentialsByLogin(ctx, tx, login)
		if err != nil {
			return err
		}
		ms, err := store.MembershipsOf(ctx, tx, c.ID)
		if err != nil {
			return err
		}
		if len(ms) == 0 {
			return fault.New(fault.NotFound, "demo.actor", "fault.not-found")
		}
		m := ms[0]
		p = policy.Actor{PersonID: c.PersonID, PersonName: c.PersonName, AccountID: c.ID, MembershipID: m.ID, OrganisationID: m.OrganisationID, Role: m.Role}
		return nil
	})
	return p, err
}

func (o *Options) id() (string, error) {
	var b [16]byte
	if _, err := io.ReadFull(o.Rand, b[:]); err != nil {
		return "", err
	}
	return hex.EncodeToString(b[:]), nil
}
