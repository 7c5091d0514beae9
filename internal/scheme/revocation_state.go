package scheme

// RevocationState is where the revocation (取消し) of one label stands.
type RevocationState string

const (
	RevocationProposed  RevocationState = "proposed"  // another officer's turn
	RevocationConfirmed RevocationState = "confirmed" // over; the label is revoked
	RevocationDismissed RevocationState = "dismissed" // over; the label stands
)

// RevocationStates lists all states.
var RevocationStates = []RevocationState{RevocationProposed, RevocationConfirmed, RevocationDismissed}

// RevocationAction is something that moves a revocation. Proposing one makes it.
type RevocationAction string

const (
	RevocationConfirm RevocationAction = "confirm" // 取消しの決裁
	RevocationDismiss RevocationAction = "dismiss" // 起案の却下, or taken back by the proposer
)

// RevocationActions lists all actions.
var RevocationActions = []RevocationAction{RevocationConfirm, RevocationDismiss}

// RevocationTable is the life cycle of a revocation: four eyes, public reason.
var RevocationTable = Table[RevocationState, RevocationAction]{
	{RevocationProposed, RevocationConfirm, RevocationConfirmed, byOfficer, []Guard{GuardAnotherPerson, GuardUninvolved}, []Effect{EffectRevoke}},
	{RevocationProposed, RevocationDismiss, RevocationDismissed, byOfficer, []Guard{GuardUninvolved, GuardReason}, nil},
}

// RevocationGround is one of the grounds of report 3.7.
type RevocationGround string

const (
	GroundFalseApplication RevocationGround = "false-application" // 申請内容が虚偽
	GroundDutyNotMet       RevocationGround = "duty-not-met"      // 定められた義務の不履行
	GroundNotConforming    RevocationGround = "not-conforming"    // 製品が適合基準を満たさなくなった
	GroundNotCorrected     RevocationGround = "not-corrected"     // 猶予期間中に是正されなかった
)

// RevocationGrounds lists all grounds.
var RevocationGrounds = []RevocationGround{GroundFalseApplication, GroundDutyNotMet, GroundNotConforming, GroundNotCorrected}
