package web

import (
	"errors"
	"net/http"
	"regexp"
	"strings"

	"github.com/dustin/go-humanize"

	"hoshi/internal/fault"
)

// statusOf is the only place where a fault becomes an HTTP status.
func statusOf(err error) int {
	switch fault.KindOf(err) {
	case fault.Invalid:
		return http.StatusUnprocessableEntity
	case fault.Unauthenticated:
		return http.StatusUnauthorized
	case fault.Denied:
		return http.StatusForbidden
	case fault.NotFound:
		return http.StatusNotFound
	case fault.Conflict:
		return http.StatusConflict
	case fault.TooLarge:
		return http.StatusRequestEntityTooLarge
	case fault.Unavailable:
		return http.StatusServiceUnavailable
	}
	return http.StatusInternalServerError
}

func tooLarge(limit int64) error {
	return fault.New(fault.TooLarge, "web", "web.too-large", "limit", humanize.IBytes(uint64(limit)))
}

// problem is the summary of errors at the top of a page.
type problem struct {
	Sentence string
	Places   []place
	Conflict bool
}

// place is one error with the way to its field.
type place struct {
	Rule  string
	Field string // id of the form control
	Label string // what the person calls it; "" when it has no name
	Text  string
	Href  string
}

// index matches the number of a list's entry.
var index = regexp.MustCompile(`\[\d+\]`)

// anchor returns the id of the form control for a field path. Model numbers are
// one box for all.
func anchor(field string) string {
	switch {
	case strings.HasPrefix(field, "product.models"):
		return "product.models"
	case strings.HasPrefix(field, "evaluation.bundles"):
		return "evaluation.bundle"
	case field == "product.manufacturer", field == "product.origin":
		return field + ".value"
	}
	return field
}

// problemOf makes the summary for an error.
func (c *call) problemOf(f *frame, err error) *problem {
	if err == nil {
		return nil
	}
	sentence, _ := c.lang.Error(err)
	p := &problem{Sentence: sentence, Conflict: fault.Is(err, fault.Conflict)}
	if e, ok := errors.AsType[*fault.Error](err); ok {
		for _, at := range e.Places {
			if x := c.placeOf(f, at); x.Href != "" || x.Text != sentence { // else it would be said twice
				p.Places = append(p.Places, x)
			}
		}
	}
	return p
}

func (c *call) placeOf(f *frame, at fault.Place) place {
	out := place{Rule: at.Rule, Field: anchor(at.Field), Label: f.Label(at.Field), Text: c.lang.Format(at.Key, at.Args)}
	out.Href = f.href(out.Field)
	return out
}
