// Package criteria reads editions of criteria, checks them, compares them, and
// judges facts by their rules.
//
// An edition is data: YAML files with texts in Japanese and English, a mark of
// how sure each value is, and verdict rules in CEL ([Edition]). [Load] refuses a
// faulty edition and names every fault with its file, line and column.
// [Edition.Judge] is a pure function of the edition and the facts: no clock, no
// network, no order of facts, no database. The package does not measure devices
// (probe/*), and it does not keep results (evidence, casework).
//
// Start at [Edition] in edition.go, then judge.go for how an outcome comes about.
package criteria
