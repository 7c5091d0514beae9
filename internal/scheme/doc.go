// Package scheme is the domain in the scheme's own words: organisations and
// people, products and model numbers, evaluations, applications, labels, the
// tables of their life cycles, numbers and days. It does no I/O and knows no
// clock: the present day is always an argument.
//
// Start at application_state.go and label_state.go: they say what states there
// are, whose turn it is, and who may move them. Names follow ISO/IEC 17000 and
// the report of March 2024 (the Japanese terms stand beside them).
package scheme
