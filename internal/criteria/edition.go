package criteria

import (
	"slices"
	"strings"

	"hoshi/internal/i18n"
)

// Format is the version of the file format; a file of another format is refused.
const Format = "hoshi-edition/1"

// Status says how sure a value of the scheme is. It is shown wherever the value is.
type Status string

const (
	Official     Status = "official"      // seen in an official text
	Confirmed    Status = "confirmed"     // at least two independent sources
	SingleSource Status = "single-source" // one source only
	Inferred     Status = "inferred"      // concluded by Hoshi, no source
	Unknown      Status = "unknown"       // not known; what stands here is Hoshi's own default
)

// Statuses lists all statuses from the surest to the least sure.
var Statuses = []Status{Official, Confirmed, SingleSource, Inferred, Unknown}

// Marked is a text with the mark of how sure its content is.
type Marked struct {
	JA     string `yaml:"ja" json:"ja"`
	EN     string `yaml:"en" json:"en"`
	Status Status `yaml:"status" json:"status"`
}

// Text returns the text without its mark.
func (m Marked) Text() i18n.Text { return i18n.Text{JA: m.JA, EN: m.EN} }

// Word is a term of an edition (an asset, a threat, a category, a status …).
type Word struct {
	ID     string `yaml:"id" json:"id"`
	JA     string `yaml:"ja" json:"ja"`
	EN     string `yaml:"en" json:"en"`
	Status Status `yaml:"status" json:"status"`
}

// Text returns the term's text without its mark.
func (w Word) Text() i18n.Text { return i18n.Text{JA: w.JA, EN: w.EN} }

// Choice is one value out of a closed list with its mark.
type Choice struct {
	Is     string `yaml:"is" json:"is"`
	Status Status `yaml:"status" json:"status"`
}

// Edition is one version of the criteria of one level. It is never changed after
// it was adopted; a change is a new edition.
type Edition struct {
	Frame        `yaml:",inline"`
	Requirements []Requirement `yaml:"requirements" json:"requirements"` // the part of the master list that the edition uses
	Lists        []List        `yaml:"lists" json:"lists"`
	Policies     []Policy      `yaml:"policies,omitempty" json:"policies,omitempty"`
	Criteria     []Criterion   `yaml:"criteria" json:"criteria"` // in the order of the edition

	rules  map[string]*compiled // by criterion id; made by the loader
	digest string               // made by the loader; "" = not loaded from files
}

// Frame is what an edition says about itself and the terms that its criteria use.
type Frame struct {
	Format string    `yaml:"format" json:"format"`
	ID     string    `yaml:"id" json:"id"`         // "star1-2024r1-reconstructed"
	Scheme string    `yaml:"scheme" json:"scheme"` // scheme id that the level belongs to
	Level  string    `yaml:"level" json:"level"`   // "star1"
	Title  i18n.Text `yaml:"title" json:"title"`
	// Reconstruction is nil when the edition is its owner's own text.
	Reconstruction *Reconstruction `yaml:"reconstruction,omitempty" json:"reconstruction,omitempty"`
	Engine         Engine          `yaml:"engine" json:"engine"`
	Legend         []Word          `yaml:"legend" json:"legend"` // one word for each Status
	Assets         []Word          `yaml:"assets" json:"assets"`
	Threats        []Word          `yaml:"threats" json:"threats"`
	Categories     []Word          `yaml:"categories" json:"categories"`
	Standards      []Standard      `yaml:"standards" json:"standards"`
	Undecided      UndecidedRules  `yaml:"undecided" json:"undecided"`
}

// Reconstruction says that an edition was put together from what is public about
// an official text. Everything that shows the edition shows Notice.
type Reconstruction struct {
	Of     string    `yaml:"of" json:"of"` // number of the official document
	Notice i18n.Text `yaml:"notice" json:"notice"`
	Facts  []Word    `yaml:"facts,omitempty" json:"facts,omitempty"` // what is known of the official text, with marks
	Dated  string    `yaml:"dated" json:"dated"`                     // day of the reconstruction, YYYY-MM-DD
}

// Engine pins what computes the rules.
type Engine struct {
	CEL  string `yaml:"cel" json:"cel"`   // version of cel.dev/cel-go, "v0.33.2"
	Cost int    `yaml:"cost" json:"cost"` // limit of one expression, in cost units of CEL
}

// UndecidedRules are the numbered rules that give "undecided".
type UndecidedRules struct {
	Missing UndecidedRule `yaml:"missing" json:"missing"` // a needed fact is absent or incomplete; {missing} lists them
	Neither UndecidedRule `yaml:"neither" json:"neither"` // no rule is true
	Both    UndecidedRule `yaml:"both" json:"both"`       // rules of different outcomes are true
}

// UndecidedRule is one of them: the rule, what was seen, and what to do now.
type UndecidedRule struct {
	ID     string    `yaml:"id" json:"id"`
	JA     string    `yaml:"ja" json:"ja"`
	EN     string    `yaml:"en" json:"en"`
	Status Status    `yaml:"status" json:"status"`
	Seen   i18n.Text `yaml:"seen" json:"seen"`
	Now    i18n.Text `yaml:"now" json:"now"`
	// Lacks put in people's words what is missing; what none of them covers is
	// named by its fact and met by Now.
	Lacks []Lack `yaml:"lacks,omitempty" json:"lacks,omitempty"`
}

// Lack is a group of facts in people's words, and what to do when one is missing.
type Lack struct {
	Facts []string  `yaml:"facts" json:"facts"` // names, or beginnings of names: "tls."
	What  i18n.Text `yaml:"what" json:"what"`
	Now   i18n.Text `yaml:"now" json:"now"`
}

// covers reports whether a missing fact, "tls.version[tcp/443]", belongs to the group.
func (l Lack) covers(id string) bool {
	return slices.ContainsFunc(l.Facts, func(name string) bool {
		rest, ok := strings.CutPrefix(id, name)
		return ok && (strings.HasSuffix(name, ".") || rest == "" || strings.ContainsRune("[( .", rune(rest[0])))
	})
}

// Standard is a foreign or domestic text that criteria are mapped to.
type Standard struct {
	ID      string    `yaml:"id" json:"id"`
	Version string    `yaml:"version" json:"version"`
	Title   i18n.Text `yaml:"title" json:"title"`
}

// Requirement is one line of the master list of which each level takes a subset
// (METI final report, 3.4).
type Requirement struct {
	ID        string    `yaml:"id" json:"id"`
	Standard  string    `yaml:"standard" json:"standard"`
	Version   string    `yaml:"version" json:"version"`
	Provision string    `yaml:"provision" json:"provision"`
	Text      i18n.Text `yaml:"text" json:"text"`
	Status    Status    `yaml:"status" json:"status"`
}

// List is a named list of strings that rules use, such as the allowed cipher suites.
type List struct {
	Name   string    `yaml:"name" json:"name"`
	Title  i18n.Text `yaml:"title" json:"title"`
	Dated  string    `yaml:"dated" json:"dated"`
	Status Status    `yaml:"status" json:"status"`
	Source string    `yaml:"source" json:"source"`
	Note   i18n.Text `yaml:"note" json:"note"`
	Values []string  `yaml:"values" json:"values"`
}

// Policy is a dated set of lists and numbers that rules use together, such as the
// cryptography that is accepted. What is not known to be official is marked so,
// value by value.
type Policy struct {
	Name    string         `yaml:"name" json:"name"`
	Title   i18n.Text      `yaml:"title" json:"title"`
	Dated   string         `yaml:"dated" json:"dated"`
	Status  Status         `yaml:"status" json:"status"`
	Sources []string       `yaml:"sources" json:"sources"`
	Note    i18n.Text      `yaml:"note" json:"note"`
	Lists   []PolicyList   `yaml:"lists" json:"lists"`
	Numbers []PolicyNumber `yaml:"numbers" json:"numbers"`
}

// PolicyList is one list of a policy, a variable of the same name in rules.
type PolicyList struct {
	Name   string    `yaml:"name" json:"name"`
	Title  i18n.Text `yaml:"title" json:"title"`
	Status Status    `yaml:"status" json:"status"`
	Why    i18n.Text `yaml:"why" json:"why"`
	Values []string  `yaml:"values" json:"values"`
}

// PolicyNumber is one number of a policy, a variable of the same name in rules.
type PolicyNumber struct {
	Name   string    `yaml:"name" json:"name"`
	Title  i18n.Text `yaml:"title" json:"title"`
	Status Status    `yaml:"status" json:"status"`
	Why    i18n.Text `yaml:"why" json:"why"`
	Value  int64     `yaml:"value" json:"value"`
}

// Criterion is one criterion 適合基準 with all that a vendor and an evaluator need.
type Criterion struct {
	ID            string      `yaml:"id" json:"id"`
	Title         Marked      `yaml:"title" json:"title"`
	Words         Marked      `yaml:"words" json:"words"`       // what it asks, in Hoshi's own words
	Scope         Choice      `yaml:"scope" json:"scope"`       // product or vendor
	Category      Choice      `yaml:"category" json:"category"` // id of a category
	Assets        []Choice    `yaml:"assets" json:"assets"`
	Threats       []Choice    `yaml:"threats" json:"threats"`
	Requirements  []Choice    `yaml:"requirements" json:"requirements"`
	Enough        Choice      `yaml:"enough" json:"enough"` // all items, or any one of them
	Items         []Item      `yaml:"items" json:"items"`
	Evidence      []Marked    `yaml:"evidence" json:"evidence"`
	Asked         i18n.Text   `yaml:"asked" json:"asked"` // what a test asks of the device and the declaration; stands beside each verdict
	NotApplicable Exclusion   `yaml:"not_applicable" json:"not_applicable"`
	Thresholds    []Threshold `yaml:"thresholds,omitempty" json:"thresholds,omitempty"`
	Mappings      []Mapping   `yaml:"mappings" json:"mappings"`
	Exemptions    []Exemption `yaml:"exemptions,omitempty" json:"exemptions,omitempty"`
	Guidance      Guidance    `yaml:"guidance" json:"guidance"`
	Needs         []Need      `yaml:"needs,omitempty" json:"needs,omitempty"`
	Rules         []Rule      `yaml:"rules" json:"rules"`
	Sources       []string    `yaml:"sources" json:"sources"`
}

// Item is one numbered evaluation item 評価項目.
type Item struct {
	No      int      `yaml:"no" json:"no"`
	JA      string   `yaml:"ja" json:"ja"`
	EN      string   `yaml:"en" json:"en"`
	Status  Status   `yaml:"status" json:"status"`
	Methods []Choice `yaml:"methods" json:"methods"` // document ドキュメント評価, device 実機テスト
}

// Exclusion says when a vendor may answer "not applicable".
type Exclusion struct {
	Possible bool      `yaml:"possible" json:"possible"`
	When     i18n.Text `yaml:"when" json:"when"`
	Why      i18n.Text `yaml:"why" json:"why"`
	Status   Status    `yaml:"status" json:"status"`
}

// Threshold is one pass value. Exactly one of Value (its status says from where)
// and Default (Hoshi's own, status unknown) is given, or Text alone for a value
// that only people apply. A number or list is a variable of the same name in rules.
type Threshold struct {
	Name    string    `yaml:"name" json:"name"`
	Title   i18n.Text `yaml:"title" json:"title"`
	Status  Status    `yaml:"status" json:"status"`
	Value   *Value    `yaml:"value,omitempty" json:"value,omitempty"`
	Default *Value    `yaml:"default,omitempty" json:"default,omitempty"`
	Why     i18n.Text `yaml:"why" json:"why"` // where the value is from, or why this default
}

// Get returns the value that holds, and whether it is only Hoshi's default.
func (t Threshold) Get() (v Value, isDefault bool) {
	if t.Default != nil {
		return *t.Default, true
	}
	if t.Value != nil {
		return *t.Value, false
	}
	return Value{}, false
}

// Value holds exactly one of a whole number, a list, or a text for people.
type Value struct {
	Int  *int64     `yaml:"int,omitempty" json:"int,omitempty"`
	List []string   `yaml:"list,omitempty" json:"list,omitempty"`
	Text *i18n.Text `yaml:"text,omitempty" json:"text,omitempty"`
}

// Mapping ties a criterion to a provision of a standard.
type Mapping struct {
	Standard  string `yaml:"standard" json:"standard"`
	Version   string `yaml:"version" json:"version"`
	Provision string `yaml:"provision" json:"provision"`
	Level     string `yaml:"level,omitempty" json:"level,omitempty"` // level of the foreign scheme that asks it
	Status    Status `yaml:"status" json:"status"`
}

// Exemption says by which recognition a criterion is lifted.
type Exemption struct {
	By     string `yaml:"by" json:"by"` // id of a standard
	JA     string `yaml:"ja" json:"ja"`
	EN     string `yaml:"en" json:"en"`
	Status Status `yaml:"status" json:"status"`
}

// Guidance is written for an engineer who never did security before.
type Guidance struct {
	Why      i18n.Text   `yaml:"why" json:"why"`           // what goes wrong without it
	Steps    []i18n.Text `yaml:"steps" json:"steps"`       // what to do, in order
	Write    i18n.Text   `yaml:"write" json:"write"`       // what to write in the checklist
	Example  i18n.Text   `yaml:"example" json:"example"`   // a worked example for a network camera
	Mistakes []i18n.Text `yaml:"mistakes" json:"mistakes"` // what applicants often get wrong
}

// Need is one kind of fact that a criterion's rules read, with how to notice that
// one of them is absent. A fact about the device as a whole needs only its name;
// others need Count, Each or Seek.
type Need struct {
	Fact     string `yaml:"fact" json:"fact"`
	Count    string `yaml:"count,omitempty" json:"count,omitempty"`       // their number is this field: "tcp.coverage.open"
	Each     string `yaml:"each,omitempty" json:"each,omitempty"`         // one for each fact of this name …
	Where    string `yaml:"where,omitempty" json:"where,omitempty"`       // … for which this CEL condition on "it" holds
	Subject  string `yaml:"subject,omitempty" json:"subject,omitempty"`   // CEL: the subject expected for "it"; it.subject if empty
	Complete string `yaml:"complete,omitempty" json:"complete,omitempty"` // CEL condition on "it": the fact is whole
	// Seek: nothing says how many there are. Rules may only look for such a fact, to
	// fail a criterion; none may rest on its absence.
	Seek bool `yaml:"seek,omitempty" json:"seek,omitempty"`
	// Imported: facts read from the output of other tools count too, where Hoshi has
	// none of its own. Without it rules read Hoshi's own facts only.
	Imported bool `yaml:"imported,omitempty" json:"imported,omitempty"`
}

// Rule is one numbered interpretation rule. With one of the conditions it also
// decides; without, it only binds people. A condition is CEL over the needed facts.
type Rule struct {
	ID       string `yaml:"id" json:"id"` // "R-04-1"
	JA       string `yaml:"ja" json:"ja"`
	EN       string `yaml:"en" json:"en"`
	Status   Status `yaml:"status" json:"status"`
	NAIf     string `yaml:"na_if,omitempty" json:"na_if,omitempty"`
	FailIf   string `yaml:"fail_if,omitempty" json:"fail_if,omitempty"`
	PassIf   string `yaml:"pass_if,omitempty" json:"pass_if,omitempty"`
	PersonIf string `yaml:"person_if,omitempty" json:"person_if,omitempty"` // "true" is allowed here only
	// UndecidedIf names a reason for which the facts, though complete, decide nothing;
	// it goes before na_if, pass_if and person_if, never before fail_if.
	UndecidedIf string            `yaml:"undecided_if,omitempty" json:"undecided_if,omitempty"`
	Seen        *i18n.Text        `yaml:"seen,omitempty" json:"seen,omitempty"` // what was seen; {name} from Show
	Now         *i18n.Text        `yaml:"now,omitempty" json:"now,omitempty"`   // what to do now; {name} from Show
	Show        map[string]string `yaml:"show,omitempty" json:"show,omitempty"` // CEL: values for Seen and Now
}

// Condition returns the rule's condition and the outcome it gives; "" when the
// rule does not decide.
func (r Rule) Condition() (Outcome, string) {
	switch {
	case r.NAIf != "":
		return NotApplicable, r.NAIf
	case r.FailIf != "":
		return DoesNotConform, r.FailIf
	case r.PassIf != "":
		return Conforms, r.PassIf
	case r.PersonIf != "":
		return PersonDecides, r.PersonIf
	case r.UndecidedIf != "":
		return Undecided, r.UndecidedIf
	}
	return "", ""
}

// Criterion returns the criterion of the id.
func (e *Edition) Criterion(id string) (Criterion, bool) {
	for _, c := range e.Criteria {
		if c.ID == id {
			return c, true
		}
	}
	return Criterion{}, false
}

// Notice returns the sentence that must stand wherever the edition is shown, or
// empty texts when the edition is its owner's own text.
func (e *Edition) Notice() i18n.Text {
	if e.Reconstruction == nil {
		return i18n.Text{}
	}
	return e.Reconstruction.Notice
}
