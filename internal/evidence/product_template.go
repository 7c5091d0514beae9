package evidence

import (
	_ "embed"

	"hoshi/internal/i18n"
)

//go:embed template/product.ja.yaml
var templateJA string

//go:embed template/product.en.yaml
var templateEN string

// ProductTemplate is a commented starter of product.yaml: a made-up camera to be
// replaced by one's own product. It is valid as it stands.
func ProductTemplate(l i18n.Lang) string {
	if l == i18n.EN {
		return templateEN
	}
	return templateJA
}
