package scheme

// ApplicationState is where an application for a label (適合ラベル取得申請) stands.
type ApplicationState string

const (
	ApplicationDraft     ApplicationState = "draft"     // 作成中: the applicant's turn
	ApplicationSubmitted ApplicationState = "submitted" // 提出済: an officer's turn; the form check was clean
	ApplicationReturned  ApplicationState = "returned"  // 差戻し: the applicant's turn; questions are open
	ApplicationAccepted  ApplicationState = "accepted"  // 受理: an officer's turn to propose
	ApplicationProposed  ApplicationState = "proposed"  // 決裁待ち: another officer's turn to decide
	ApplicationGranted   ApplicationState = "granted"   // 交付: over; the label lives on
	ApplicationDeclined  ApplicationState = "declined"  // 不交付: over
	ApplicationWithdrawn ApplicationState = "withdrawn" // 取下げ: over
)

// ApplicationStates lists all states, in the order of the usual path.
var ApplicationStates = []ApplicationState{
	ApplicationDraft, ApplicationSubmitted, ApplicationReturned, ApplicationAccepted,
	ApplicationProposed, ApplicationGranted, ApplicationDeclined, ApplicationWithdrawn,
}

// ApplicationAction is something that moves an application.
type ApplicationAction string

const (
	ApplicationEdit           ApplicationAction = "edit"            // 編集
	ApplicationSubmit         ApplicationAction = "submit"          // 提出, and 再提出 after questions
	ApplicationAsk            ApplicationAction = "ask"             // 差戻し: questions back to the applicant
	ApplicationAccept         ApplicationAction = "accept"          // 受理
	ApplicationProposeGrant   ApplicationAction = "propose-grant"   // 交付の起案
	ApplicationProposeDecline ApplicationAction = "propose-decline" // 不交付の起案
	ApplicationSendBack       ApplicationAction = "send-back"       // 起案の差戻し, by another officer or the proposer
	ApplicationGrant          ApplicationAction = "grant"           // 交付決裁
	ApplicationDecline        ApplicationAction = "decline"         // 不交付決裁
	ApplicationWithdraw       ApplicationAction = "withdraw"        // 申請の取下げ
)

// ApplicationActions lists all actions.
var ApplicationActions = []ApplicationAction{
	ApplicationEdit, ApplicationSubmit, ApplicationAsk, ApplicationAccept, ApplicationProposeGrant,
	ApplicationProposeDecline, ApplicationSendBack, ApplicationGrant, ApplicationDecline, ApplicationWithdraw,
}

var (
	byApplicant = []Role{Applicant}
	byOfficer   = []Role{Officer}
	bySystem    = []Role{System}
	own         = []Guard{GuardOwnOrganisation}
)

// ApplicationTable is the life cycle of an application (report 3.5, figure 3.5-1).
var ApplicationTable = Table[ApplicationState, ApplicationAction]{
	{ApplicationDraft, ApplicationEdit, ApplicationDraft, byApplicant, own, nil},
	{ApplicationDraft, ApplicationSubmit, ApplicationSubmitted, byApplicant,
		[]Guard{GuardOwnOrganisation, GuardFormCheckClean}, []Effect{EffectApplication, EffectSnapshot}},
	{ApplicationDraft, ApplicationWithdraw, ApplicationWithdrawn, byApplicant, own, nil},

	{ApplicationSubmitted, ApplicationAsk, ApplicationReturned, byOfficer, []Guard{GuardReason}, []Effect{EffectRound}},
	{ApplicationSubmitted, ApplicationAccept, ApplicationAccepted, byOfficer, nil, []Effect{EffectAcceptance}},
	{ApplicationSubmitted, ApplicationWithdraw, ApplicationWithdrawn, byApplicant, own, nil},

	{ApplicationReturned, ApplicationEdit, ApplicationReturned, byApplicant, own, nil},
	{ApplicationReturned, ApplicationSubmit, ApplicationSubmitted, byApplicant,
		[]Guard{GuardOwnOrganisation, GuardFormCheckClean}, []Effect{EffectSnapshot}},
	{ApplicationReturned, ApplicationWithdraw, ApplicationWithdrawn, byApplicant, own, nil},

	{ApplicationAccepted, ApplicationAsk, ApplicationReturned, byOfficer, []Guard{GuardReason}, []Effect{EffectRound}},
	{ApplicationAccepted, ApplicationProposeGrant, ApplicationProposed, byOfficer, []Guard{GuardUninvolved, GuardEditionInForce}, nil},
	{ApplicationAccepted, ApplicationProposeDecline, ApplicationProposed, byOfficer, []Guard{GuardUninvolved, GuardReason}, nil},
	{ApplicationAccepted, ApplicationWithdraw, ApplicationWithdrawn, byApplicant, own, nil},

	{ApplicationProposed, ApplicationSendBack, ApplicationAccepted, byOfficer, []Guard{GuardReason}, nil},
	{ApplicationProposed, ApplicationGrant, ApplicationGranted, byOfficer,
		[]Guard{GuardProposedGrant, GuardAnotherPerson, GuardUninvolved, GuardEditionInForce}, []Effect{EffectRegistration, EffectLabel, EffectLeaf}},
	{ApplicationProposed, ApplicationDecline, ApplicationDeclined, byOfficer,
		[]Guard{GuardProposedDecline, GuardAnotherPerson, GuardUninvolved, GuardReason}, nil},
	{ApplicationProposed, ApplicationWithdraw, ApplicationWithdrawn, byApplicant, own, nil},
}

// Over reports whether the application can never move again.
func (s ApplicationState) Over() bool {
	return s == ApplicationGranted || s == ApplicationDeclined || s == ApplicationWithdrawn
}
