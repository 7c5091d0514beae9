package scheme

import "time"

// OrganisationKind says which side of the scheme an organisation stands on.
type OrganisationKind string

const (
	Vendor       OrganisationKind = "vendor"        // IoT製品ベンダー, the applicant 申請者
	Evaluating   OrganisationKind = "evaluating"    // 検証事業者, 評価機関, or where an external qualified person works
	SchemeOwning OrganisationKind = "scheme-owning" // スキームオーナー (IPA)
)

// Organisation is a body with a corporate number.
type Organisation struct {
	ID              string           `json:"id"`
	Kind            OrganisationKind `json:"kind"`
	Name            string           `json:"name"`       // as in the commercial register
	NameEN          string           `json:"nameEn"`     // optional
	CorporateNumber CorporateNumber  `json:"corporate"`  // 法人番号; empty for a foreign body
	Country         string           `json:"country"`    // ISO 3166-1 alpha-2
	Proof           string           `json:"proof"`      // proof of legal status where there is no 法人番号
	Classes         []EvaluatorClass `json:"classes"`    // evaluator classes that it may act in
	Registered      time.Time        `json:"registered"` // UTC
	Version         int64            `json:"version"`    // optimistic lock
}

// Person is a natural person. Four eyes are counted in persons: two accounts of
// one person are one pair of eyes.
type Person struct {
	ID   string `json:"id"`
	Name string `json:"name"`
}

// Account is one way in for a person.
type Account struct {
	ID       string `json:"id"`
	PersonID string `json:"person"`
	Login    string `json:"login"` // e-mail address, lower case
}

// Membership lets an account act in a role for an organisation, from an instant
// until another (zero = open). A membership that has ended gives nothing, at once.
type Membership struct {
	ID             string    `json:"id"`
	AccountID      string    `json:"account"`
	OrganisationID string    `json:"organisation"`
	Role           Role      `json:"role"`
	From           time.Time `json:"from"`
	Until          time.Time `json:"until"`
}

// ActiveAt reports whether the membership gives its role at the instant.
func (m Membership) ActiveAt(at time.Time) bool {
	return !at.Before(m.From) && (m.Until.IsZero() || at.Before(m.Until))
}

// SigningKey is a public key that an organisation enrolled for sealing evidence.
type SigningKey struct {
	ID             string    `json:"id"` // "sha256:…" of the public key, shortened; as in the bundle
	OrganisationID string    `json:"organisation"`
	PublicPEM      string    `json:"pem"`
	Name           string    `json:"name"` // what people call it: "bench 1"
	Enrolled       time.Time `json:"enrolled"`
	EnrolledBy     string    `json:"enrolledBy"` // account id
	Retired        time.Time `json:"retired"`    // zero = in use
}
