package scheme

import "time"

// Application is one request for a label (適合ラベル取得申請).
type Application struct {
	ID             string           `json:"id"`
	OrganisationID string           `json:"organisation"`
	ProductID      string           `json:"product"`
	EvaluationID   string           `json:"evaluation"`
	Level          string           `json:"level"`
	EditionID      string           `json:"edition"`
	State          ApplicationState `json:"state"`
	Version        int64            `json:"version"`
	Number         string           `json:"number"`     // 申請番号, from the first submission
	Acceptance     string           `json:"acceptance"` // 受理番号
	Form           ApplicationForm  `json:"form"`
	Snapshot       string           `json:"snapshot"` // "sha256:…" of what was submitted last
	Submitted      time.Time        `json:"submitted"`
	Round          int              `json:"round"` // comment round, 0 before the first
	Comments       []Comment        `json:"comments"`
	Proposal       *Proposal        `json:"proposal,omitempty"`
	Decision       *Decision        `json:"decision,omitempty"`
	LabelID        string           `json:"label"`
}

// ApplicationForm is what the applicant fills in beside product and checklist.
type ApplicationForm struct {
	Months        int       `json:"months"`        // validity asked for, 1 to the scheme's maximum
	ContactName   string    `json:"contactName"`   // 申請担当者; never public
	ContactMail   string    `json:"contactMail"`   // never public
	ContactPhone  string    `json:"contactPhone"`  // never public
	Declared      bool      `json:"declared"`      // 自己適合宣言: the vendor answers for the checklist
	DeclaredBy    string    `json:"declaredBy"`    // name of the person who declares for the vendor
	DeclaredAt    time.Time `json:"declaredAt"`    // when; UTC
	AgreedSecrecy bool      `json:"agreedSecrecy"` // 秘密保持規約
	AgreedRules   bool      `json:"agreedRules"`   // rules of use of the label
}

// Comment is one question of an officer or one answer of the applicant.
type Comment struct {
	Round  int       `json:"round"`
	Field  string    `json:"field"` // what it is about: "product.name", "answers.S1.1-04"; "" = the whole
	Text   string    `json:"text"`
	By     string    `json:"by"` // person id
	ByName string    `json:"byName"`
	Role   Role      `json:"role"`
	At     time.Time `json:"at"`
}

// Proposal is what one officer puts before another.
type Proposal struct {
	Grant    bool      `json:"grant"` // false = decline
	Reason   string    `json:"reason"`
	By       string    `json:"by"` // person id; the decision must be another's
	ByName   string    `json:"byName"`
	At       time.Time `json:"at"`
	Snapshot string    `json:"snapshot"` // what the proposer read; the decision is on exactly that
}

// Decision closes an application.
type Decision struct {
	Granted bool      `json:"granted"`
	Reason  string    `json:"reason"`
	By      string    `json:"by"`
	ByName  string    `json:"byName"`
	At      time.Time `json:"at"`
}

// Snapshot is everything that a submission freezes. Its canonical JSON is hashed.
type Snapshot struct {
	Application  string          `json:"application"`
	Organisation Organisation    `json:"organisation"`
	Product      Product         `json:"product"`
	Evaluation   Evaluation      `json:"evaluation"`
	Form         ApplicationForm `json:"form"`
	Edition      string          `json:"edition"`       // edition id
	EditionHash  string          `json:"editionDigest"` // edition digest
	Round        int             `json:"round"`
}
