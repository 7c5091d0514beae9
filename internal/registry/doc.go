// Package registry is the public read model: label pages, their other forms
// (JSON, proof, artwork), the list with its search, the status list, and the job
// that writes them as files.
//
// It reads public_label rows and the log, nothing else: what may be published is
// [label.Statement], built from an allow-list where a label is granted (package
// casework). It decides nothing and changes no case.
//
// Start at [Publisher.Run] for how a public act becomes files, at [Site] for how
// they are served, at page.go for what a label page says.
package registry
