package scheme

// LabelState is the recorded state of a label. Whether a label holds on a day is
// computed from it and the last day (see [Label.StatusOn]); it is never stored.
type LabelState string

const (
	LabelValid     LabelState = "valid"     // 有効: the vendor's turn to report changes
	LabelExpired   LabelState = "expired"   // 失効（有効期限切れ）
	LabelLapsed    LabelState = "lapsed"    // 失効（製品仕様の変更）: on receipt of a change report, report 3.7
	LabelWithdrawn LabelState = "withdrawn" // 失効（自主取下げ）
	LabelRevoked   LabelState = "revoked"   // 取消し: by the scheme owner, with a public reason
)

// LabelStates lists all states.
var LabelStates = []LabelState{LabelValid, LabelExpired, LabelLapsed, LabelWithdrawn, LabelRevoked}

// LabelAction is something that moves a label.
type LabelAction string

const (
	LabelExpire       LabelAction = "expire"        // the clock, after the last day
	LabelReportChange LabelAction = "report-change" // 変更届: a change that affects the evaluation
	LabelWithdraw     LabelAction = "withdraw"      // 自主取下げ
	LabelRevoke       LabelAction = "revoke"        // 取消し, once a revocation is confirmed
)

// LabelActions lists all actions.
var LabelActions = []LabelAction{LabelExpire, LabelReportChange, LabelWithdraw, LabelRevoke}

// LabelTable is the life cycle of a label (report 3.7). A label that has ended can
// still be revoked, so that a false application is stated publicly; while a
// revocation is open, the vendor cannot escape it by withdrawing. A change
// report takes effect on receipt, whatever else is going on.
var LabelTable = Table[LabelState, LabelAction]{
	{LabelValid, LabelExpire, LabelExpired, bySystem, []Guard{GuardPastLastDay}, []Effect{EffectLeaf}},
	{LabelValid, LabelReportChange, LabelLapsed, byApplicant, []Guard{GuardOwnOrganisation, GuardReason}, []Effect{EffectLeaf}},
	{LabelValid, LabelWithdraw, LabelWithdrawn, byApplicant, []Guard{GuardOwnOrganisation, GuardNoOpenRevocation}, []Effect{EffectLeaf}},
	{LabelValid, LabelRevoke, LabelRevoked, byOfficer, []Guard{GuardConfirmed, GuardReason}, []Effect{EffectLeaf}},
	{LabelExpired, LabelRevoke, LabelRevoked, byOfficer, []Guard{GuardConfirmed, GuardReason}, []Effect{EffectLeaf}},
	{LabelLapsed, LabelRevoke, LabelRevoked, byOfficer, []Guard{GuardConfirmed, GuardReason}, []Effect{EffectLeaf}},
	{LabelWithdrawn, LabelRevoke, LabelRevoked, byOfficer, []Guard{GuardConfirmed, GuardReason}, []Effect{EffectLeaf}},
}

// StatusBits is the label's value in the signed status list (4 bits). Expiry is
// not a bit: a verifier computes it from the signed last day.
func (s LabelState) StatusBits() byte {
	switch s {
	case LabelRevoked:
		return 2
	case LabelWithdrawn:
		return 3
	case LabelLapsed:
		return 5
	case LabelValid, LabelExpired:
		return 0
	}
	return 15
}
