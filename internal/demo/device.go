package demo

import (
	"context"
	"crypto/ed25519"
	"errors"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"hoshi/internal/app"
	"hoshi/internal/casework"
	"hoshi/internal/criteria"
	"hoshi/internal/evidence"
	"hoshi/internal/i18n"
	"hoshi/internal/policy"
	"hoshi/internal/practice"
	"hoshi/internal/scheme"
)

// editionID is the edition that the practice cameras are assessed under.
const editionID = "star1-2024r1-reconstructed"

// device is one practice camera of the demo.
type device struct {
	file  string // of its bundle, in the folder "bundles"
	name  i18n.Text
	flaws []string
	use   bool // its bundle is attached to the sample product
}

var cameras = []device{
	{"camera-good.hoshi", i18n.Text{JA: "よく作られた練習用カメラ", EN: "the well-made practice camera"}, nil, true},
	{"camera-bad.hoshi", i18n.Text{JA: "不備のある練習用カメラ", EN: "the badly made practice camera"},
		[]string{"common-password", "unlimited-sign-in", "plain-http", "telnet"}, false},
}

// devices assesses what has no bundle yet, attaches the good one, and says where
// they are. A failure is said and leaves the rest of the demo working.
func (o *Options) devices(ctx context.Context, a *app.App, c cast) {
	if err := o.tryDevices(ctx, a, c); err != nil && ctx.Err() == nil {
		o.Log.LogAttrs(ctx, slog.LevelError, "practice devices", slog.Any("err", err))
		o.Say("demo.device.failed", "why", err.Error())
	}
}

func (o *Options) tryDevices(ctx context.Context, a *app.App, c cast) error {
	edition, err := criteria.Builtin(editionID)
	if err != nil {
		return err
	}
	evaluation, err := o.product(ctx, a.Casework, c)
	if err != nil {
		return err
	}
	key, err := o.sealKey(ctx, a.Casework, c)
	if err != nil {
		return err
	}
	for _, d := range cameras {
		path := o.path("bundles", d.file)
		if _, err := os.Stat(path); errors.Is(err, fs.ErrNotExist) {
			if err := o.assess(ctx, d, edition, key, path); err != nil {
				return err
			}
		}
		if d.use {
			if err := attach(ctx, a.Casework, c.applicant, evaluation, path); err != nil {
				return err
			}
		}
		o.Say("demo.device.bundle", "device", d.name, "path", path)
	}
	o.Say("demo.device.done")
	return nil
}

// assess does the device test for real and leaves the bundle only when it is whole.
func (o *Options) assess(ctx context.Context, d device, edition *criteria.Edition, key ed25519.PrivateKey, path string) error {
	o.Say("demo.device.begin", "device", d.name)
	res, err := practice.Assess(ctx, practice.AssessOptions{Flaws: d.flaws, Edition: edition, Tool: o.Tool, Signer: key,
		Out: path + ".part", Command: o.Practice, Progress: o.Progress})
	if err != nil {
		return err
	}
	if err := os.Rename(path+".part", path); err != nil {
		return err
	}
	count := map[criteria.Outcome]int{}
	var fails []string
	for _, v := range res.Run.Verdicts {
		count[v.Outcome]++
		if v.Outcome == criteria.DoesNotConform {
			fails = append(fails, v.Criterion)
		}
	}
	slices.Sort(fails)
	which := ""
	if len(fails) > 0 {
		which = " (" + strings.Join(fails, ", ") + ")"
	}
	o.Say("demo.device.result", "device", d.name, "conforms", count[criteria.Conforms], "fails", len(fails), "which", which,
		"person", count[criteria.PersonDecides]+count[criteria.Undecided], "seconds", int(res.Run.Info.Finished.Sub(res.Run.Info.Started).Seconds()))
	if res.Mixed {
		o.Say("demo.device.mixed")
	}
	return nil
}

// product makes the sample product and its draft evaluation, once, and returns the
// evaluation's id.
func (o *Options) product(ctx context.Context, s *casework.Service, c cast) (string, error) {
	list, err := s.Evaluations(ctx, c.applicant)
	if err != nil {
		return "", err
	}
	for _, e := range list {
		if slices.ContainsFunc(e.Product.Models, func(m scheme.Model) bool { return m.Number == practice.Model }) {
			return e.Evaluation.ID, nil
		}
	}
	p, err := s.CreateProduct(ctx, c.applicant, sampleProduct(), "demo-product")
	if err != nil {
		return "", err
	}
	e, err := s.CreateEvaluation(ctx, c.applicant, p.ID, editionID, "demo-evaluation")
	return e.ID, err
}

func sampleProduct() scheme.Product {
	return scheme.Product{
		Name: "練習用ネットワークカメラ", NameEN: "Practice network camera",
		Summary: "屋内に置いて、離れた場所から様子を見るためのカメラです。", SummaryEN: "A camera for watching a room from elsewhere.",
		Models:     []scheme.Model{{Number: practice.Model, Firmware: "1.0.0"}, {Number: practice.Model + "-W", Firmware: "1.0.0"}},
		SameReason: "色だけが異なり、基板とファームウェアは同じです。",
		// Withheld here so that the demo shows that it stays private.
		Manufacturer: scheme.Withholdable{Value: "星見電機 第二工場", Private: true}, Origin: scheme.Withholdable{Value: "JP"},
		URL: "https://www.hoshimi.example/pc-100", Contact: "https://www.hoshimi.example/support",
		AdvisoryURL: "https://www.hoshimi.example/security", ReportURL: "https://www.hoshimi.example/psirt", SupportUntil: scheme.NewDay(2031, 3, 31),
		Notes: "自動更新は初期状態で有効です。",
		Assets: []scheme.Asset{
			{Kind: scheme.CommunicationSettings, Name: "無線 LAN の設定", Stored: "本体のフラッシュメモリ", Sent: "設定画面（HTTPS）"},
			{Kind: scheme.SecuritySettings, Name: "管理者アカウントの設定", Stored: "本体のフラッシュメモリ", Sent: "設定画面（HTTPS）"},
			{Kind: scheme.Confidential, Name: "人が映り得る映像", Stored: "", Sent: "映像の配信（HTTPS）"},
		},
		Scope: scheme.ScopeAnswers{UsesIP: scheme.Yes, Internet: scheme.Yes, UserCanAdd: scheme.No},
	}
}

// attach gives the bundle to the evaluation, once.
func attach(ctx context.Context, s *casework.Service, actor policy.Actor, evaluation, path string) error {
	v, err := s.Evaluation(ctx, actor, evaluation)
	if err != nil {
		return err
	}
	if len(v.Evaluation.Bundles) > 0 || v.Locked {
		return nil
	}
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	st, err := f.Stat()
	if err != nil {
		return err
	}
	_, _, err = s.AttachBundle(ctx, actor, evaluation, filepath.Base(path), st.Size(), f, true)
	return err
}

// sealKey makes and enrols the sample vendor's key for sealing evidence, once. Its
// file lies beside the bundles, so that people can seal runs of their own with it.
func (o *Options) sealKey(ctx context.Context, s *casework.Service, c cast) (ed25519.PrivateKey, error) {
	path := o.path("bundles", "hoshimi-key.pem")
	b, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		if _, b, err = evidence.NewKey(o.Rand); err == nil {
			err = os.WriteFile(path, b, 0o600)
		}
	}
	if err != nil {
		return nil, err
	}
	k, err := evidence.ParseKey(b)
	if err != nil {
		return nil, err
	}
	pub := k.Public().(ed25519.PublicKey)
	have, err := s.Keys(ctx, c.applicant)
	if err != nil || slices.ContainsFunc(have, func(x scheme.SigningKey) bool { return x.ID == evidence.KeyID(pub) }) {
		return k, err
	}
	text, err := evidence.PublicPEM(pub)
	if err != nil {
		return nil, err
	}
	_, err = s.EnrolKey(ctx, c.applicant, "見本の鍵", string(text))
	return k, err
}
