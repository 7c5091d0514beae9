// Package conformance has other people's code read what Hoshi writes: Tessera's
// client fetches checkpoint, tiles and entry bundles over HTTP and proves inclusion
// and consistency with Merkle arithmetic of its own. It is a module of its own, so
// that Hoshi itself depends on none of it, and holds tests only.
package conformance
