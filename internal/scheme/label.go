package scheme

import "time"

// Label is a granted label (適合ラベル) for one product and its model numbers.
type Label struct {
	ID             string     `json:"id"`     // twelve characters, in the QR
	Serial         int64      `json:"serial"` // index in the status list, from 0 without gaps
	Registration   string     `json:"registration"`
	ApplicationID  string     `json:"application"`
	OrganisationID string     `json:"organisation"`
	Level          string     `json:"level"`
	EditionID      string     `json:"edition"`
	Issued         Day        `json:"issued"`
	LastDay        Day        `json:"lastDay"` // inclusive
	State          LabelState `json:"state"`
	Since          time.Time  `json:"since"`  // when the state was entered
	Reason         string     `json:"reason"` // public reason of the end
	Version        int64      `json:"version"`
	Snapshot       string     `json:"snapshot"` // the submission it was granted on
}

// Status is what the public reads of a label on a day.
type Status string

const (
	StatusValid     Status = "valid"     // 有効
	StatusExpired   Status = "expired"   // 失効（有効期限切れ）
	StatusLapsed    Status = "lapsed"    // 失効（製品仕様の変更）
	StatusWithdrawn Status = "withdrawn" // 失効（自主取下げ）
	StatusRevoked   Status = "revoked"   // 取消し
)

// Statuses lists all statuses.
var Statuses = []Status{StatusValid, StatusExpired, StatusLapsed, StatusWithdrawn, StatusRevoked}

// StatusOn returns what holds on the day, given the recorded state now. The last
// day itself still counts, whether or not the clock's job has run.
func (l *Label) StatusOn(day Day) Status {
	if l.State == LabelValid && day.After(l.LastDay) {
		return StatusExpired
	}
	return Status(l.State)
}

// ChangeReport is a 変更届: a change of the product that affects the evaluation.
type ChangeReport struct {
	ID      string    `json:"id"`
	LabelID string    `json:"label"`
	What    string    `json:"what"` // what changed
	By      string    `json:"by"`
	At      time.Time `json:"at"`
}

// Revocation is a proposal to revoke a label, and what became of it.
type Revocation struct {
	ID           string           `json:"id"`
	LabelID      string           `json:"label"`
	State        RevocationState  `json:"state"`
	Ground       RevocationGround `json:"ground"`
	PublicReason string           `json:"publicReason"`
	ProposedBy   string           `json:"proposedBy"` // person id
	ProposedName string           `json:"proposedName"`
	ProposedAt   time.Time        `json:"proposedAt"`
	DecidedBy    string           `json:"decidedBy"`
	DecidedAt    time.Time        `json:"decidedAt"`
	DecidedWhy   string           `json:"decidedWhy"`
	Version      int64            `json:"version"`
}
