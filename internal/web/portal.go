package web

import (
	"slices"

	"hoshi/internal/casework"
	"hoshi/internal/scheme"
)

// portalView is the home of a signed-in person: first what waits for them.
type portalView struct {
	*frame
	Name         string
	Organisation bool
	Turn         []task // mine to do
	Waiting      []task // somebody else's turn
	Products     int
	Evaluations  []casework.EvaluationView
	Queue        []queueLine
}

// task is one thing with what to do next.
type task struct {
	Title string
	What  string
	Href  string
	State string
}

// queueLine is a line of the officers' queue.
type queueLine struct {
	casework.QueueRow
	Days int
	Mine bool // this officer's turn
	Href string
}

func portal(c *call) error {
	f := c.frame("web.portal.title")
	v := portalView{frame: f, Name: c.actor().PersonName, Organisation: c.actor().OrganisationID != ""}
	var err error
	switch c.actor().Role {
	case scheme.Officer:
		f.Title = c.lang.T("web.queue.title")
		err = c.officerHome(&v)
		if err == nil {
			return c.render("queue", v)
		}
	case scheme.Evaluator:
		v.Evaluations, err = c.Casework.Evaluations(c.r.Context(), c.actor())
	default:
		if v.Organisation {
			err = c.applicantHome(&v)
		}
	}
	if err != nil {
		return err
	}
	return c.render("portal", v)
}

func (c *call) officerHome(v *portalView) error {
	rows, err := c.Casework.Queue(c.r.Context(), c.actor())
	for _, r := range rows {
		l := queueLine{QueueRow: r, Days: int(r.Waiting.Hours() / 24), Href: "/portal/applications/" + r.Application.ID}
		l.Mine = r.Turn == scheme.Officer && (r.Application.State != scheme.ApplicationProposed || r.MayDecide)
		v.Queue = append(v.Queue, l)
	}
	slices.SortStableFunc(v.Queue, func(a, b queueLine) int { // mine first, else as the use case gave them
		switch {
		case a.Mine == b.Mine:
			return 0
		case a.Mine:
			return -1
		}
		return 1
	})
	return err
}

func (c *call) applicantHome(v *portalView) error {
	products, err := c.Casework.Products(c.r.Context(), c.actor())
	if err != nil {
		return err
	}
	evaluations, err := c.Casework.Evaluations(c.r.Context(), c.actor())
	if err != nil {
		return err
	}
	rows, err := c.Casework.Applications(c.r.Context(), c.actor())
	if err != nil {
		return err
	}
	v.Products = len(products)
	begun := map[string]bool{}
	for _, e := range evaluations {
		begun[e.Product.ID] = true
	}
	for _, p := range products {
		if !begun[p.ID] {
			v.Turn = append(v.Turn, task{productName(c, p), c.lang.T("web.task.evaluate"), "/portal/products/" + p.ID, ""})
		}
	}
	applied := map[string]bool{}
	for _, r := range rows {
		applied[r.Application.EvaluationID] = true
	}
	for _, e := range evaluations {
		if !applied[e.Evaluation.ID] {
			done, all := progress(e)
			v.Turn = append(v.Turn, task{productName(c, e.Product), c.lang.T("web.task.criteria", "done", done, "all", all), "/portal/evaluations/" + e.Evaluation.ID, ""})
		}
	}
	for _, r := range rows {
		s := r.Application.State
		t := task{r.ProductName, c.lang.T("web.task.application." + string(s)), "/portal/applications/" + r.Application.ID, string(s)}
		switch {
		case s == scheme.ApplicationDraft || s == scheme.ApplicationReturned:
			v.Turn = append(v.Turn, t)
		case !s.Over():
			v.Waiting = append(v.Waiting, t)
		}
	}
	return nil
}

func productName(c *call, p scheme.Product) string {
	if p.Name == "" {
		return c.lang.T("web.unnamed")
	}
	return p.Name
}

// progress counts the criteria that have a result.
func progress(e casework.EvaluationView) (done, all int) {
	for _, a := range e.Evaluation.Answers {
		if a.Result != scheme.ResultNone {
			done++
		}
	}
	if e.Edition != nil {
		return done, len(e.Edition.Criteria)
	}
	return done, len(e.Evaluation.Answers)
}
