package casework

import (
	"context"
	"errors"
	"io"

	"hoshi/internal/criteria"
	"hoshi/internal/fact"
	"hoshi/internal/formcheck"
	"hoshi/internal/policy"
	"hoshi/internal/scheme"
)

var errNotYet = errors.New("casework: not written yet")

func (s *Service) RegisterOrganisation(ctx context.Context, actor policy.Actor, org scheme.Organisation, once Once) (scheme.Organisation, error) {
	return org, errNotYet
}
func (s *Service) Organisation(ctx context.Context, actor policy.Actor, id string) (scheme.Organisation, error) {
	return scheme.Organisation{}, errNotYet
}
func (s *Service) SaveOrganisation(ctx context.Context, actor policy.Actor, org scheme.Organisation) (scheme.Organisation, error) {
	return org, errNotYet
}
func (s *Service) Evaluators(ctx context.Context, actor policy.Actor) ([]scheme.Organisation, error) {
	return nil, errNotYet
}
func (s *Service) EnrolKey(ctx context.Context, actor policy.Actor, name, publicPEM string) (scheme.SigningKey, error) {
	return scheme.SigningKey{}, errNotYet
}
func (s *Service) Keys(ctx context.Context, actor policy.Actor) ([]scheme.SigningKey, error) {
	return nil, errNotYet
}
func (s *Service) RetireKey(ctx context.Context, actor policy.Actor, id string) error {
	return errNotYet
}

func (s *Service) Products(ctx context.Context, actor policy.Actor) ([]scheme.Product, error) {
	return nil, errNotYet
}
func (s *Service) Product(ctx context.Context, actor policy.Actor, id string) (scheme.Product, error) {
	return scheme.Product{}, errNotYet
}
func (s *Service) CreateProduct(ctx context.Context, actor policy.Actor, p scheme.Product, once Once) (scheme.Product, error) {
	return p, errNotYet
}

// SaveProduct saves a draft, complete or not. An old version is fault.Conflict.
func (s *Service) SaveProduct(ctx context.Context, actor policy.Actor, p scheme.Product) (scheme.Product, error) {
	return p, errNotYet
}

func (s *Service) Evaluations(ctx context.Context, actor policy.Actor) ([]EvaluationView, error) {
	return nil, errNotYet
}
func (s *Service) Evaluation(ctx context.Context, actor policy.Actor, id string) (EvaluationView, error) {
	return EvaluationView{}, errNotYet
}
func (s *Service) CreateEvaluation(ctx context.Context, actor policy.Actor, productID, editionID string, once Once) (scheme.Evaluation, error) {
	return scheme.Evaluation{}, errNotYet
}
func (s *Service) SaveEvaluation(ctx context.Context, actor policy.Actor, e scheme.Evaluation) (scheme.Evaluation, error) {
	return e, errNotYet
}
func (s *Service) AttachBundle(ctx context.Context, actor policy.Actor, evaluationID, name string, size int64, r io.Reader, keep bool) (scheme.Evaluation, []criteria.Verdict, error) {
	return scheme.Evaluation{}, nil, errNotYet
}
func (s *Service) DetachBundle(ctx context.Context, actor policy.Actor, evaluationID, digest string) (scheme.Evaluation, error) {
	return scheme.Evaluation{}, errNotYet
}
func (s *Service) OpenEvidence(ctx context.Context, actor policy.Actor, evaluationID, digest string) (io.ReadCloser, error) {
	return nil, errNotYet
}
func (s *Service) Verdicts(ctx context.Context, actor policy.Actor, evaluationID string) ([]criteria.Verdict, fact.Set, error) {
	return nil, nil, errNotYet
}

// SignEvaluation signs the evaluation at the version that the signer read.
func (s *Service) SignEvaluation(ctx context.Context, actor policy.Actor, evaluationID string, version int64, qualification string, sworn bool) (scheme.Evaluation, error) {
	return scheme.Evaluation{}, errNotYet
}

func (s *Service) Applications(ctx context.Context, actor policy.Actor) ([]ApplicationRow, error) {
	return nil, errNotYet
}
func (s *Service) Application(ctx context.Context, actor policy.Actor, id string) (ApplicationView, error) {
	return ApplicationView{}, errNotYet
}
func (s *Service) CreateApplication(ctx context.Context, actor policy.Actor, evaluationID string, once Once) (scheme.Application, error) {
	return scheme.Application{}, errNotYet
}
func (s *Service) SaveApplication(ctx context.Context, actor policy.Actor, id string, version int64, form scheme.ApplicationForm) (scheme.Application, error) {
	return scheme.Application{}, errNotYet
}
func (s *Service) CheckForm(ctx context.Context, actor policy.Actor, id string) ([]formcheck.Defect, error) {
	return nil, errNotYet
}

// Submit hands the application in. Defects of the form check are the places of a fault.Invalid.
func (s *Service) Submit(ctx context.Context, actor policy.Actor, id string, version int64, once Once) (scheme.Application, error) {
	return scheme.Application{}, errNotYet
}
func (s *Service) WithdrawApplication(ctx context.Context, actor policy.Actor, id string, version int64, once Once) (scheme.Application, error) {
	return scheme.Application{}, errNotYet
}
func (s *Service) Queue(ctx context.Context, actor policy.Actor) ([]QueueRow, error) {
	return nil, errNotYet
}

// Ask sends questions back to the applicant. Only Field and Text of the comments are read.
func (s *Service) Ask(ctx context.Context, actor policy.Actor, id string, version int64, questions []scheme.Comment, once Once) (scheme.Application, error) {
	return scheme.Application{}, errNotYet
}

// AnswerComments adds the applicant's answers to the open round; resubmission sends them.
func (s *Service) AnswerComments(ctx context.Context, actor policy.Actor, id string, version int64, answers []scheme.Comment) (scheme.Application, error) {
	return scheme.Application{}, errNotYet
}
func (s *Service) Accept(ctx context.Context, actor policy.Actor, id string, version int64, once Once) (scheme.Application, error) {
	return scheme.Application{}, errNotYet
}
func (s *Service) ProposeGrant(ctx context.Context, actor policy.Actor, id string, version int64, reason string, once Once) (scheme.Application, error) {
	return scheme.Application{}, errNotYet
}
func (s *Service) ProposeDecline(ctx context.Context, actor policy.Actor, id string, version int64, reason string, once Once) (scheme.Application, error) {
	return scheme.Application{}, errNotYet
}
func (s *Service) SendBack(ctx context.Context, actor policy.Actor, id string, version int64, reason string, once Once) (scheme.Application, error) {
	return scheme.Application{}, errNotYet
}
func (s *Service) Grant(ctx context.Context, actor policy.Actor, id string, version int64, once Once) (scheme.Label, error) {
	return scheme.Label{}, errNotYet
}
func (s *Service) Decline(ctx context.Context, actor policy.Actor, id string, version int64, reason string, once Once) (scheme.Application, error) {
	return scheme.Application{}, errNotYet
}

func (s *Service) Labels(ctx context.Context, actor policy.Actor) ([]LabelView, error) {
	return nil, errNotYet
}
func (s *Service) Label(ctx context.Context, actor policy.Actor, id string) (LabelView, error) {
	return LabelView{}, errNotYet
}
func (s *Service) ReportChange(ctx context.Context, actor policy.Actor, labelID string, version int64, what string, once Once) (scheme.Label, error) {
	return scheme.Label{}, errNotYet
}
func (s *Service) WithdrawLabel(ctx context.Context, actor policy.Actor, labelID string, version int64, once Once) (scheme.Label, error) {
	return scheme.Label{}, errNotYet
}
func (s *Service) ProposeRevocation(ctx context.Context, actor policy.Actor, labelID string, ground scheme.RevocationGround, publicReason string, once Once) (scheme.Revocation, error) {
	return scheme.Revocation{}, errNotYet
}
func (s *Service) ConfirmRevocation(ctx context.Context, actor policy.Actor, revocationID string, version int64, once Once) (scheme.Label, error) {
	return scheme.Label{}, errNotYet
}
func (s *Service) DismissRevocation(ctx context.Context, actor policy.Actor, revocationID string, version int64, why string, once Once) (scheme.Revocation, error) {
	return scheme.Revocation{}, errNotYet
}

// ExpireDue ends the labels whose last day is over, as the system; it returns how many.
func (s *Service) ExpireDue(ctx context.Context) (int, error) { return 0, errNotYet }
