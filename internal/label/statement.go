package label

import (
	"bytes"
	"io"
	"net/url"
	"time"
	"unicode/utf8"

	"hoshi/internal/fault"
	"hoshi/internal/i18n"
	"hoshi/internal/ledger"
)

// MaxStatement bounds a statement file in bytes.
const MaxStatement = 1 << 20

// Statement is the public document of a label, /L/<ID>.json: the fields of table
// 3.7-1 of the report and what proves them. It is an allow-list: what has no field
// here is not published.
//
// The label's status is deliberately not in it. A file that says "valid" would go
// on saying so; the status list answers for a time (see Status).
type Statement struct {
	V       int               `json:"v"` // 1
	Scheme  SchemeInfo        `json:"scheme"`
	Product ProductInfo       `json:"product"`
	Label   Info              `json:"label"`
	Safety  SafetyInfo        `json:"safety"`
	Notes   string            `json:"notes,omitempty"` // その他: free words of the vendor
	Status  StatusRef         `json:"status"`
	Leaf    ledger.Leaf       `json:"leaf"`  // the log's entry that binds all the above
	Salts   map[string]string `json:"salts"` // field → salt, for every public field; see ledger.Commit
}

// SchemeInfo is the scheme's part of the table.
type SchemeInfo struct {
	ID      string    `json:"id"`
	Name    i18n.Text `json:"name"`
	Summary i18n.Text `json:"summary"` // 制度の概要
	URL     string    `json:"url"`
}

// ProductInfo is the product's part of the table.
type ProductInfo struct {
	Name         string   `json:"name"`                        // 製品名
	NameEN       string   `json:"nameEn,omitempty"`            // for English pages, when the vendor gave one
	Models       []string `json:"models"`                      // 型式番号
	Manufacturer string   `json:"manufacturer,omitempty"`      // 製造業者名; absent when private
	Country      string   `json:"country,omitempty"`           // 製造国又は地域; absent when private
	Summary      string   `json:"summary"`                     // 製品概要
	SummaryEN    string   `json:"summaryEn,omitempty"`         // for English pages, when the vendor gave one
	URL          string   `json:"url,omitempty"`               // 製品の URL
	Contact      string   `json:"contact"`                     // 問い合わせ先
	Certificates []string `json:"otherCertificates,omitempty"` // numbers of other certificates
}

// Info is the label's part of the table.
type Info struct {
	ID             ID        `json:"id"`           // printed id
	Registration   string    `json:"registration"` // ラベル識別番号 (登録番号)
	Level          string    `json:"level"`
	LevelName      i18n.Text `json:"levelName"`
	Category       string    `json:"category,omitempty"` // 製品類型, from ☆2 on
	Edition        string    `json:"edition"`            // 適合基準の版
	EditionName    i18n.Text `json:"editionName"`        // says so when it is a reconstruction
	Results        []Result  `json:"results"`            // 評価結果: the checklist
	Issued         string    `json:"issued"`             // 発行日
	Updated        string    `json:"updated,omitempty"`  // 更新日
	Expires        string    `json:"expires"`            // 有効期限, inclusive
	Applicant      string    `json:"applicant"`          // 申請者名
	ApplicantEN    string    `json:"applicantEn,omitempty"`
	EvaluatorClass string    `json:"evaluatorClass"` // 評価者区分; never the evaluator's name
}

// Result is one line of the checklist.
type Result struct {
	Criterion string `json:"criterion"`        // "S1.1-04"
	Result    string `json:"result"`           // "conforms", "not-applicable", …
	Reason    string `json:"reason,omitempty"` // public reason, whenever the vendor wrote one
}

// SafetyInfo is the part of the table on vulnerabilities.
type SafetyInfo struct {
	Vulnerabilities string `json:"vulnerabilities,omitempty"` // 脆弱性情報: words or an address
	ReportURL       string `json:"reportUrl"`                 // 脆弱性報告窓口
	SupportUntil    string `json:"supportUntil,omitempty"`    // day until which updates come
}

// StatusRef says where the label's status is found.
type StatusRef struct {
	List   string `json:"list"`   // address of the signed status list, on the label's own site
	Serial int64  `json:"serial"` // the label's place in it
}

// field is one committed part of a statement.
type field struct {
	name    string
	private bool // may be kept back by the vendor (table 3.7-1, *)
	get     func(*Statement) any
}

// fields lists what the leaf commits to. Parts that the leaf holds in clear (ids,
// level, edition, days, serial) are compared instead, see CheckLeaf.
var fields = []field{
	{"scheme.name", false, func(s *Statement) any { return s.Scheme.Name }},
	{"scheme.summary", false, func(s *Statement) any { return s.Scheme.Summary }},
	{"scheme.url", false, func(s *Statement) any { return s.Scheme.URL }},
	{"product.name", false, func(s *Statement) any { return s.Product.Name }},
	{"product.nameEn", false, func(s *Statement) any { return s.Product.NameEN }},
	{"product.models", false, func(s *Statement) any { return s.Product.Models }},
	{"product.manufacturer", true, func(s *Statement) any { return s.Product.Manufacturer }},
	{"product.country", true, func(s *Statement) any { return s.Product.Country }},
	{"product.summary", false, func(s *Statement) any { return s.Product.Summary }},
	{"product.summaryEn", false, func(s *Statement) any { return s.Product.SummaryEN }},
	{"product.url", false, func(s *Statement) any { return s.Product.URL }},
	{"product.contact", false, func(s *Statement) any { return s.Product.Contact }},
	{"product.otherCertificates", false, func(s *Statement) any {
		if len(s.Product.Certificates) == 0 {
			return nil // the file does not tell an empty list from none
		}
		return s.Product.Certificates
	}},
	{"label.levelName", false, func(s *Statement) any { return s.Label.LevelName }},
	{"label.category", false, func(s *Statement) any { return s.Label.Category }},
	{"label.editionName", false, func(s *Statement) any { return s.Label.EditionName }},
	{"label.results", false, func(s *Statement) any { return s.Label.Results }},
	{"label.updated", false, func(s *Statement) any { return s.Label.Updated }},
	{"label.applicant", false, func(s *Statement) any { return s.Label.Applicant }},
	{"label.applicantEn", false, func(s *Statement) any { return s.Label.ApplicantEN }},
	{"label.evaluatorClass", false, func(s *Statement) any { return s.Label.EvaluatorClass }},
	{"safety.vulnerabilities", false, func(s *Statement) any { return s.Safety.Vulnerabilities }},
	{"safety.reportUrl", false, func(s *Statement) any { return s.Safety.ReportURL }},
	{"safety.supportUntil", false, func(s *Statement) any { return s.Safety.SupportUntil }},
	{"notes", false, func(s *Statement) any { return s.Notes }},
	{"status.list", false, func(s *Statement) any { return s.Status.List }},
}

// PrivateFields are the committed fields that a vendor may keep back: the name of
// the manufacturer and the country or region of manufacture, nothing else.
func PrivateFields() []string {
	var out []string
	for _, f := range fields {
		if f.private {
			out = append(out, f.name)
		}
	}
	return out
}

func (f field) value(s *Statement) (string, error) {
	b, err := ledger.Canonical(f.get(s))
	return string(b), err
}

// Seal commits to every field of a complete statement, private ones included: it
// sets Leaf.Commitments from fresh salts and Salts to all of them. type, id and
// time of the leaf are the caller's; ids, level, edition and days are copied from
// the statement. The caller stores the sealed statement; what it publishes is
// [Statement.Public].
func Seal(s Statement, leaf ledger.Leaf, rand io.Reader) (Statement, error) {
	s.Leaf = leaf
	s.Leaf.Scheme, s.Leaf.Issued, s.Leaf.Expires = s.Scheme.ID, s.Label.Issued, s.Label.Expires
	serial := s.Status.Serial
	s.Leaf.Subject = ledger.Subject{Label: string(s.Label.ID), Serial: &serial, Registration: s.Label.Registration,
		Level: s.Label.Level, Edition: s.Label.Edition}
	s.Leaf.Commitments, s.Salts = make(map[string]string), make(map[string]string)
	for _, f := range fields {
		salt, err := ledger.NewSalt(rand)
		if err != nil {
			return s, err
		}
		v, err := f.value(&s)
		if err != nil {
			return s, err
		}
		s.Leaf.Commitments[f.name], s.Salts[f.name] = ledger.Commit(salt, f.name, v), salt.String()
	}
	return s, s.check()
}

// Commitments computes what the leaf must hold for the public fields and salts of
// the statement: after a row was read back, it tells whether the row still says
// what was logged.
func Commitments(s Statement) (map[string]string, error) {
	open, err := s.openings()
	if err != nil {
		return nil, err
	}
	out := make(map[string]string, len(open))
	for f, o := range open {
		out[f] = ledger.Commit(o.Salt, f, o.Value)
	}
	return out, nil
}

// Public returns the statement without the private fields that the vendor keeps
// back, value and salt.
func (s Statement) Public(hideManufacturer, hideCountry bool) Statement {
	salts := make(map[string]string, len(s.Salts))
	for k, v := range s.Salts {
		salts[k] = v
	}
	if hideManufacturer {
		s.Product.Manufacturer = ""
		delete(salts, "product.manufacturer")
	}
	if hideCountry {
		s.Product.Country = ""
		delete(salts, "product.country")
	}
	s.Salts = salts
	return s
}

// Encode renders the file: canonical JSON and a newline.
func (s Statement) Encode() ([]byte, error) {
	if err := s.check(); err != nil {
		return nil, err
	}
	b, err := ledger.Canonical(s)
	if err != nil {
		return nil, err
	}
	if b = append(b, '\n'); len(b) > MaxStatement {
		return nil, fault.New(fault.TooLarge, "label.Encode", "label.statement.large", "limit", MaxStatement)
	}
	return b, nil
}

// Decode reads what Encode wrote and nothing else. It verifies no proof; a
// statement that contradicts its own leaf is still returned, for [Verify] to say so.
func Decode(b []byte) (Statement, error) {
	var s Statement
	bad := func(why string, err error) (Statement, error) {
		return Statement{}, fault.Wrap(fault.Invalid, "label.Decode", err, "label.statement.bad", "why", why)
	}
	if len(b) > MaxStatement {
		return Statement{}, fault.New(fault.TooLarge, "label.Decode", "label.statement.large", "limit", MaxStatement)
	}
	text, ok := bytes.CutSuffix(b, []byte("\n"))
	if !ok || !utf8.Valid(text) {
		return bad("cut short, or not UTF-8", nil)
	}
	if err := ledger.DecodeCanonical(text, &s); err != nil {
		return bad(err.Error(), err)
	}
	if s.V != 1 {
		return bad("version is not 1", nil)
	}
	return s, nil
}

// check holds a statement that Hoshi itself makes to what the table asks.
func (s Statement) check() error {
	places := s.contradictions()
	miss := func(name, v string) {
		if v == "" {
			places = append(places, fault.Place{Field: name, Key: "label.statement.missing"})
		}
	}
	miss("scheme.name.ja", s.Scheme.Name.JA)
	miss("product.name", s.Product.Name)
	miss("label.applicant", s.Label.Applicant)
	miss("label.evaluatorClass", s.Label.EvaluatorClass)
	miss("safety.reportUrl", s.Safety.ReportURL)
	miss("status.list", s.Status.List)
	if len(s.Product.Models) == 0 {
		miss("product.models", "")
	}
	if len(s.Label.Results) == 0 {
		miss("label.results", "")
	}
	if !s.Label.ID.Valid() {
		places = append(places, fault.Place{Field: "label.id", Key: "label.statement.id"})
	}
	if u, err := url.Parse(s.Status.List); err != nil || !SafeURL(u) {
		places = append(places, fault.Place{Field: "status.list", Key: "label.statement.url"})
	}
	if s.V != 1 || len(places) > 0 {
		return &fault.Error{Kind: fault.Invalid, Op: "label.Statement", Key: "label.statement.bad",
			Args: fault.Args{"why": "see below"}, Places: places}
	}
	if _, err := s.Leaf.Encode(); err != nil {
		return err
	}
	return nil
}

// contradictions compares what stands twice: in clear in the statement and in the leaf.
func (s Statement) contradictions() []fault.Place {
	var out []fault.Place
	same := func(name, here, leaf string) {
		if here != leaf {
			out = append(out, fault.Place{Field: name, Key: "label.statement.leaf", Args: fault.Args{"here": here, "leaf": leaf}})
		}
	}
	same("scheme.id", s.Scheme.ID, s.Leaf.Scheme)
	same("label.id", string(s.Label.ID), s.Leaf.Subject.Label)
	same("label.registration", s.Label.Registration, s.Leaf.Subject.Registration)
	same("label.level", s.Label.Level, s.Leaf.Subject.Level)
	same("label.edition", s.Label.Edition, s.Leaf.Subject.Edition)
	same("label.issued", s.Label.Issued, s.Leaf.Issued)
	same("label.expires", s.Label.Expires, s.Leaf.Expires)
	if s.Leaf.Subject.Serial == nil || *s.Leaf.Subject.Serial != s.Status.Serial {
		out = append(out, fault.Place{Field: "status.serial", Key: "label.statement.leaf", Args: fault.Args{"here": s.Status.Serial, "leaf": "-"}})
	}
	return out
}

// openings are the public fields with their salts. A private field counts as public
// when its salt is there, or a value is.
func (s Statement) openings() (map[string]ledger.Opening, error) {
	out := make(map[string]ledger.Opening)
	for _, f := range fields {
		text, salted := s.Salts[f.name]
		v, err := f.value(&s)
		if err != nil {
			return nil, err
		}
		if f.private && !salted && v == `""` {
			continue
		}
		salt, err := ledger.ParseSalt(text)
		if err != nil {
			return nil, fault.Wrap(fault.Invalid, "label.Verify", err, "label.statement.bad", "why", f.name+": "+err.Error())
		}
		out[f.name] = ledger.Opening{Salt: salt, Value: v}
	}
	// A salt for a field that does not exist is text that nothing binds.
	for name := range s.Salts {
		if _, ok := out[name]; !ok {
			return nil, fault.New(fault.Invalid, "label.Verify", "label.statement.bad", "why", "salts: "+name)
		}
	}
	return out, nil
}

// VerifyInput is what a label is verified from; all of it may come from files.
type VerifyInput struct {
	Keys       ledger.Keys
	Statement  []byte
	Proof      []byte // nil when there is none
	StatusList []byte // nil when there is none
	Now        time.Time
}

// Verify checks a label from its statement: that no public field differs from what
// was committed when it was granted, and everything of [ledger.Verify]. The
// statement is returned for display when it can be read.
func Verify(in VerifyInput) (Statement, ledger.Report, error) {
	s, err := Decode(in.Statement)
	if err != nil {
		return s, ledger.Report{}, err
	}
	leaf, err := s.Leaf.Encode()
	if err != nil {
		return s, ledger.Report{}, err
	}
	open, err := s.openings()
	if err != nil {
		return s, ledger.Report{}, err
	}
	r, err := ledger.Verify(ledger.VerifyInput{Keys: in.Keys, Now: in.Now, Leaf: leaf, Proof: in.Proof, Openings: open,
		Private: PrivateFields(), StatusList: in.StatusList})
	if err != nil {
		return s, r, err
	}
	for _, p := range s.contradictions() {
		r.Add(ledger.Refuted, "verify.field.leaf", "field", p.Field)
		r.Authentic, r.Holds = false, false
	}
	return s, r, nil
}
