package formcheck

// Rule is one numbered rule. Its plain words are in the catalogue under
// "formcheck.rule." and the number; the sentence of its defect under "formcheck."
// and the number.
type Rule struct {
	Number string // "F-01"; numbers are never given to another rule
	Field  string // where in the form its defects lie: a field, or a pattern with […]
	check  func(*check)
}

// Rules is the form check.
var Rules = []Rule{
	{"F-01", "organisation.corporate", (*check).corporateNumber},
	{"F-02", "organisation.name", (*check).organisationName},
	{"F-03", "product.name", (*check).productName},
	{"F-04", "product.models[…].number", (*check).models},
	{"F-05", "product.models[…].number", (*check).modelsTwice},
	{"F-06", "product.models[…].firmware", (*check).firmware},
	{"F-07", "product.sameReason", (*check).sameReason},
	{"F-08", "product.summary", (*check).summary},
	{"F-09", "product.scope", (*check).scope},
	{"F-10", "product.reportUrl", (*check).reportURL},
	{"F-11", "product.…Url", (*check).urls},
	{"F-12", "product.contact", (*check).contact},
	{"F-13", "product.assets", (*check).assets},
	{"F-14", "product.assets[…]", (*check).assetPlaces},
	{"F-15", "product.manufacturer", (*check).manufacturer},
	{"F-16", "product.origin", (*check).origin},
	{"F-17", "product.supportUntil", (*check).supportUntil},

	{"F-20", "answers.….result", (*check).answers},
	{"F-21", "answers.….result", (*check).conforming},
	{"F-22", "answers.….result", (*check).notApplicable},
	{"F-23", "answers.….justification", (*check).notApplicableWhy},
	{"F-24", "answers.….publicReason", (*check).notApplicablePublic},
	{"F-25", "answers.….justification", (*check).justification},
	{"F-26", "answers.….justification", (*check).refutation},
	{"F-27", "answers.….evidence", (*check).evidence},
	{"F-28", "answers.….justification", (*check).deviceTest},
	{"F-29", "answers.….result", (*check).lifted},
	{"F-30", "answers.….publicReason", (*check).liftedBy},

	{"F-40", "evaluation.bundles[…]", (*check).bundleKey},
	{"F-41", "evaluation.bundles[…]", (*check).bundleProduct},
	{"F-42", "evaluation.bundles[…]", (*check).bundleEdition},
	{"F-43", "evaluation.class", (*check).class},
	{"F-44", "evaluation.class", (*check).classOfLevel},
	{"F-45", "evaluation.evaluatorOrg", (*check).evaluator},
	{"F-46", "evaluation.signature", (*check).signature},
	{"F-47", "evaluation.qualification", (*check).qualification},
	{"F-48", "evaluation.sworn", (*check).oath},
	{"F-49", "evaluation.handover.documents", (*check).handoverDocuments},
	{"F-50", "evaluation.handover.day", (*check).handoverDay},
	{"F-51", "evaluation.edition", (*check).editionInForce},

	{"F-60", "form.months", (*check).months},
	{"F-61", "form.contactName", (*check).contactName},
	{"F-62", "form.contactMail", (*check).contactMail},
	{"F-63", "form.declared", (*check).declared},
	{"F-64", "form.declaredBy", (*check).declaredBy},
	{"F-65", "form.agreedSecrecy", (*check).agreedSecrecy},
	{"F-66", "form.agreedRules", (*check).agreedRules},
}
