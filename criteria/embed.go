// Package criteriadata carries the editions of criteria that are part of the
// program. It holds data only; package criteria reads and judges. Start at
// star1/2024r1-reconstructed/edition.yaml.
package criteriadata

import "embed"

// FS holds requirements.yaml, the settings of the sample scheme in scheme.yaml, and one folder for each level and edition.
//
//go:embed requirements.yaml scheme.yaml star1
var FS embed.FS
