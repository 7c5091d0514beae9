// Package ledger is the transparency log's formats and their verification: leaf,
// tree, tiles, checkpoint, cosignature, proof file, status list, key manifest.
// Everything here works from bytes and public keys alone.
//
// It is not the writing side: package sequence extends the log, package signer
// holds its keys, package witness cosigns. It knows no label beyond the ids in a
// leaf; the public statement of a label is package label's.
//
// Start at [Leaf] for what is recorded, at [Verify] for what can be proven.
//
// The formats are C2SP's: tlog-tiles, tlog-checkpoint, tlog-cosignature,
// tlog-proof and signed-note.
package ledger
