package scheme

import "time"

// EvaluatorClass is the 評価者区分 that the label page shows (report 3.7).
type EvaluatorClass string

const (
	ClassVendor            EvaluatorClass = "vendor"             // IoT製品ベンダー
	ClassVendorQualified   EvaluatorClass = "vendor-qualified"   // IoT製品ベンダー（有資格者）
	ClassExternalQualified EvaluatorClass = "external-qualified" // 外部有資格者
	ClassVerification      EvaluatorClass = "verification"       // 検証事業者
	ClassLaboratory        EvaluatorClass = "laboratory"         // 評価機関
)

// EvaluatorClasses lists all classes.
var EvaluatorClasses = []EvaluatorClass{ClassVendor, ClassVendorQualified, ClassExternalQualified, ClassVerification, ClassLaboratory}

// NeedsSignature reports whether the evaluator must sign the evaluation: any
// class other than the vendor's own.
func (c EvaluatorClass) NeedsSignature() bool { return c != ClassVendor }

// NeedsHandover reports whether the documents must have been handed over, on
// record, to an evaluator outside the vendor (report 3.4).
func (c EvaluatorClass) NeedsHandover() bool {
	return c == ClassExternalQualified || c == ClassVerification || c == ClassLaboratory
}

// Result is what the checklist says of one criterion.
type Result string

const (
	ResultNone          Result = "" // not answered yet
	ResultConforms      Result = "conforms"
	ResultNotApplicable Result = "not-applicable"
	ResultDoesNot       Result = "does-not-conform"
	ResultLifted        Result = "lifted" // by recognition of a foreign scheme
)

// Results lists what can be chosen.
var Results = []Result{ResultConforms, ResultNotApplicable, ResultDoesNot, ResultLifted}

// Answer is one line of the checklist (チェックリスト).
type Answer struct {
	Criterion     string   `json:"criterion"`
	Result        Result   `json:"result"`
	Justification string   `json:"justification"` // goes to the scheme owner, not to the public
	PublicReason  string   `json:"publicReason"`  // stands on the label page
	Evidence      []string `json:"evidence"`      // names of the vendor's documents; the documents stay with the vendor
	Verdict       string   `json:"verdict"`       // outcome that the rules gave, "" when typed by hand
	Rule          string   `json:"rule"`          // number of the rule that gave it
}

// Bundle is what the portal knows of a sealed evidence bundle. Whether the file
// itself is kept here is the vendor's choice; its digest is always registered.
type Bundle struct {
	Digest   string    `json:"digest"` // "sha256:…" of the file
	Name     string    `json:"name"`
	Size     int64     `json:"size"`     // bytes
	SignedBy string    `json:"signedBy"` // id of the enrolled key
	Product  string    `json:"product"`  // product name in its product.yaml
	Models   []string  `json:"models"`   // model numbers in its product.yaml
	Edition  string    `json:"edition"`  // edition digest
	Started  time.Time `json:"started"`
	Tool     string    `json:"tool"`
	Kept     bool      `json:"kept"` // the file is in the portal's store
}

// Handover records that the documents for the document evaluation reached the evaluator.
type Handover struct {
	Day       Day    `json:"day"`
	Documents string `json:"documents"` // what was handed over, one line each
}

// Signature is a person's name under an exact content.
type Signature struct {
	PersonID       string    `json:"person"`
	PersonName     string    `json:"personName"`
	OrganisationID string    `json:"organisation"`
	At             time.Time `json:"at"`
	Digest         string    `json:"digest"`        // of the checklist that was signed; a later change voids it
	Qualification  string    `json:"qualification"` // 指定資格 and number, for the qualified classes
	Sworn          bool      `json:"sworn"`         // trained, or sworn to have understood the evaluation guide (report 3.7)
}

// Evaluation is one product held against one edition (適合性評価).
type Evaluation struct {
	ID             string         `json:"id"`
	OrganisationID string         `json:"organisation"` // the vendor
	ProductID      string         `json:"product"`
	EditionID      string         `json:"edition"`
	Version        int64          `json:"version"`
	Class          EvaluatorClass `json:"class"`
	EvaluatorOrgID string         `json:"evaluatorOrg"` // whose evaluators may open it; "" = nobody but the vendor
	Answers        []Answer       `json:"answers"`      // in edition order, one for each criterion
	Bundles        []Bundle       `json:"bundles"`
	Handover       Handover       `json:"handover"`
	Signature      *Signature     `json:"signature,omitempty"`
}

// Answer returns the line of a criterion, or nil.
func (e *Evaluation) Answer(criterion string) *Answer {
	for i := range e.Answers {
		if e.Answers[i].Criterion == criterion {
			return &e.Answers[i]
		}
	}
	return nil
}
