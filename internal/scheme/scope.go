package scheme

// YesNo is an answer to a scope question: unanswered is not "no".
type YesNo string

const (
	Unanswered YesNo = ""
	Yes        YesNo = "yes"
	No         YesNo = "no"
)

// ScopeAnswers are the answers to the questions of the scope check (report 3.2).
type ScopeAnswers struct {
	UsesIP        YesNo `json:"usesIp"`        // sends or receives data with IP
	Internet      YesNo `json:"internet"`      // can reach the internet by itself
	ThroughOthers YesNo `json:"throughOthers"` // connects to another product that is connected
	GeneralIT     YesNo `json:"generalIt"`     // a PC, tablet or smartphone
	UserCanAdd    YesNo `json:"userCanAdd"`    // the user can easily add security software to the body
}

// ScopeOutcome is what the scope check says.
type ScopeOutcome string

const (
	ScopeOpen ScopeOutcome = "open" // a question is still to be answered
	InScope   ScopeOutcome = "in-scope"
	OutOf     ScopeOutcome = "out-of-scope"
)

// ScopeResult is the outcome with the reasons, as catalogue key suffixes under
// "scope.reason.", in the order in which they were met.
type ScopeResult struct {
	Outcome ScopeOutcome `json:"outcome"`
	Reasons []string     `json:"reasons"`
	Next    string       `json:"next"` // the question to ask next, a field name of ScopeAnswers; empty when decided
}

// Scope decides whether a product is in the scheme's scope. It asks no question
// whose answer cannot matter. Report 3.2 (3): products that send or receive data
// with IP and can reach the internet, directly or through other products, are in
// scope; general IT products to which the user can easily add security measures
// are not; a product on a general operating system to which the user cannot is in.
func (a ScopeAnswers) Scope() ScopeResult {
	r := ScopeResult{Outcome: ScopeOpen}
	reason := func(s string) { r.Reasons = append(r.Reasons, s) }
	ask := func(q string) ScopeResult { r.Next = q; return r }
	decide := func(o ScopeOutcome) ScopeResult { r.Outcome = o; return r }

	switch a.UsesIP {
	case Unanswered:
		return ask("usesIp")
	case No:
		reason("no-ip")
		return decide(OutOf)
	}
	reason("ip")
	switch a.Internet {
	case Unanswered:
		return ask("internet")
	case Yes:
		reason("internet")
	case No:
		switch a.ThroughOthers {
		case Unanswered:
			return ask("throughOthers")
		case No:
			reason("isolated")
			return decide(OutOf)
		}
		reason("through-others")
	}
	switch a.UserCanAdd {
	case Unanswered:
		return ask("userCanAdd")
	case No:
		reason("cannot-add")
		return decide(InScope)
	}
	reason("can-add")
	switch a.GeneralIT {
	case Unanswered:
		return ask("generalIt")
	case Yes:
		reason("general-it")
		return decide(OutOf)
	}
	reason("not-general-it")
	return decide(InScope)
}
