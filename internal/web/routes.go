package web

import "hoshi/internal/policy"

// routeList is the map of the portal: every address, who may ask for it, what
// answers. An address that is not here belongs to Options.Public.
func (s *site) routeList() []route {
	const (
		p = "/portal"
		k = "/portal/keys"
		o = "/portal/organisation"
		r = "/portal/products"
		e = "/portal/evaluations"
		a = "/portal/applications"
		l = "/portal/labels"
	)
	read := func(path string, do func(*call) error, needs ...policy.Action) route {
		return route{pattern: "GET " + path, access: byPolicy, needs: needs, do: do}
	}
	// act is a form: sent to path, standing on the page at.
	act := func(path string, do func(*call) error, at string, page func(*call) error, needs ...policy.Action) route {
		return route{pattern: "POST " + path, access: byPolicy, needs: needs, do: do, at: at, page: page}
	}
	routes := []route{
		{pattern: "GET /{$}", access: open, do: home},
		{pattern: "GET /scope", access: open, do: scopePage},

		{pattern: "GET /sign-in", access: open, do: signInPage},
		{pattern: "POST /sign-in", access: open, do: signIn, page: signInPage, at: "/sign-in"},
		{pattern: "GET /sign-in/code", access: open, do: codePage},
		{pattern: "POST /sign-in/code", access: open, do: giveCode, page: codePage, at: "/sign-in/code"},
		{pattern: "GET /sign-in/app", access: open, do: enrolPage},
		{pattern: "POST /sign-in/app", access: open, do: enrol, page: enrolPage, at: "/sign-in/app"},
		{pattern: "GET /sign-up", access: open, do: signUpPage},
		{pattern: "POST /sign-up", access: open, do: signUp, page: signUpPage, at: "/sign-up"},
		{pattern: "POST /sign-out", access: open, do: signOut, at: "/"},

		{pattern: "GET /portal/account", access: self, do: accountPage},
		{pattern: "POST /portal/account/password", access: self, do: changePassword, page: accountPage, at: "/portal/account"},
		{pattern: "POST /portal/account/act", access: self, do: actAs, page: accountPage, at: "/portal/account"},
		{pattern: "POST /portal/kept/discard", access: self, do: discardKept, at: p},

		{pattern: "GET /portal", access: self, do: portal},

		read(o, organisationPage, policy.OrganisationView, policy.OrganisationRegister),
		act(o, saveOrganisation, o, organisationPage, policy.OrganisationEdit, policy.OrganisationRegister),
		read(k, keysPage, policy.KeyEnrol),
		act(k, enrolKey, k, keysPage, policy.KeyEnrol),
		act(k+"/retire", retireKey, k, keysPage, policy.KeyEnrol),

		read(r, productList, policy.ProductEdit),
		read(r+"/new", newProductPage, policy.ProductCreate),
		act(r+"/new", createProduct, r+"/new", newProductPage, policy.ProductCreate),
		read(r+"/{id}", productPage, policy.ProductView),
		act(r+"/{id}", saveProduct, r+"/{id}", productPage, policy.ProductEdit),
		read(r+"/{id}/scope", productScopePage, policy.ProductEdit),
		act(r+"/{id}/scope", saveProductScope, r+"/{id}/scope", productScopePage, policy.ProductEdit),
		act(r+"/{id}/evaluations", createEvaluation, r+"/{id}", productPage, policy.EvaluationCreate),

		read(e+"/{id}", evaluationPage, policy.EvaluationView),
		act(e+"/{id}", saveEvaluation, e+"/{id}", evaluationPage, policy.EvaluationEdit),
		read(e+"/{id}/bundle", bundlePage, policy.EvaluationView),
		{pattern: "POST " + e + "/{id}/bundle", access: byPolicy, needs: []policy.Action{policy.EvidenceAttach}, do: attachBundle,
			at: e + "/{id}/bundle", page: bundlePage, file: s.Settings.MaxBundleBytes},
		act(e+"/{id}/bundle/detach", detachBundle, e+"/{id}/bundle", bundlePage, policy.EvidenceAttach),
		read(e+"/{id}/evidence", openEvidence, policy.EvidenceOpen),
		read(e+"/{id}/evaluator", evaluatorPage, policy.EvaluationView),
		act(e+"/{id}/evaluator", saveEvaluator, e+"/{id}/evaluator", evaluatorPage, policy.EvaluationEdit),
		read(e+"/{id}/sign", signPage, policy.EvaluationSign),
		act(e+"/{id}/sign", signEvaluation, e+"/{id}/sign", signPage, policy.EvaluationSign),
		act(e+"/{id}/applications", createApplication, e+"/{id}", evaluationPage, policy.ApplicationCreate),

		read(a, applicationList, policy.ApplicationCreate),
		read(a+"/{id}", applicationPage, policy.ApplicationView),
		act(a+"/{id}", saveApplication, a+"/{id}", applicationPage, "application.edit"),
		act(a+"/{id}/answers", answerComments, a+"/{id}", applicationPage, "application.edit"),
		read(a+"/{id}/check", checkPage, "application.submit"),
		act(a+"/{id}/submit", submit, a+"/{id}/check", checkPage, "application.submit"),
		read(a+"/{id}/submitted", submittedPage, "application.submit"),
		act(a+"/{id}/withdraw", withdrawApplication, a+"/{id}", applicationPage, "application.withdraw"),
		act(a+"/{id}/ask", ask, a+"/{id}", applicationPage, "application.ask"),
		read(l, labelList, policy.LabelView),
		read(l+"/{id}", labelPage, policy.LabelView),
		act(l+"/{id}/report-change", reportChange, l+"/{id}", labelPage, "label.report-change"),
		act(l+"/{id}/withdraw", withdrawLabel, l+"/{id}", labelPage, "label.withdraw"),
		act(l+"/{id}/propose-revocation", proposeRevocation, l+"/{id}", labelPage, policy.RevocationPropose),
		act(l+"/{id}/confirm-revocation", confirmRevocation, l+"/{id}", labelPage, "revocation.confirm"),
		act(l+"/{id}/dismiss-revocation", dismissRevocation, l+"/{id}", labelPage, "revocation.dismiss"),
	}
	for _, d := range decisions {
		routes = append(routes, act(a+"/{id}/"+string(d.action), d.handle, a+"/{id}", applicationPage, policy.Action("application."+string(d.action))))
	}
	if s.Auth.Demo() {
		routes = append(routes, route{pattern: "POST /sign-in/demo", access: open, do: signInDemo, page: signInPage, at: "/sign-in"})
	}
	return routes
}
