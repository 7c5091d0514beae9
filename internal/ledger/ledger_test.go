package ledger_test

import (
	"bytes"
	"fmt"
	"math/rand"
	"strings"
	"testing"
	"time"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
	"pgregory.net/rapid"

	"hoshi/internal/fault"
	"hoshi/internal/ledger"
	"hoshi/internal/ledger/ledgertest"
)

func TestCanonical(t *testing.T) {
	for _, c := range []struct {
		in   any
		want string
	}{
		{map[string]any{"b": 1, "a": []any{nil, true, "é\u2028<>&\"\\\n\x01"}}, `{"a":[null,true,"é` + "\u2028" + `<>&\"\\\n\u0001"],"b":1}`},
		{struct {
			Z int    `json:"z"`
			A string `json:"a,omitempty"`
		}{Z: -5}, `{"z":-5}`},
		{int64(1<<63 - 1), `9223372036854775807`},
		{map[string]int{}, `{}`},
	} {
		if got, err := ledger.Canonical(c.in); err != nil || string(got) != c.want {
			t.Errorf("Canonical(%v) = %s, %v; want %s", c.in, got, err, c.want)
		}
	}
	for _, bad := range []any{1.5, 1e300, map[string]int{"é": 1}, func() {}} {
		if got, err := ledger.Canonical(bad); err == nil {
			t.Errorf("Canonical(%v) = %s, want an error", bad, got)
		}
	}
}

func TestDecodeCanonicalRefusesEveryOtherSpelling(t *testing.T) {
	type doc struct {
		A int    `json:"a"`
		B string `json:"b"`
	}
	good := `{"a":1,"b":"x/é"}`
	var d doc
	if err := ledger.DecodeCanonical([]byte(good), &d); err != nil || d != (doc{1, "x/é"}) {
		t.Fatalf("%+v, %v", d, err)
	}
	for _, bad := range []string{
		"", "{", good + " ", " " + good, good + good, `{"b":"x/é","a":1}`, `{"a":1,"a":1,"b":"x/é"}`, `{"A":1,"b":"x/é"}`,
		`{"a":1,"b":"x\/é"}`, `{"a":1,"b":"x/\u00e9"}`, `{"a":1.0,"b":"x/é"}`, `{"a":1,"b":"x/é","c":0}`, `{"a":1}`,
		"{\"a\":1,\"b\":\"x/\xff\"}", `null`, `{"a":01,"b":"x/é"}`,
	} {
		var d doc
		if err := ledger.DecodeCanonical([]byte(bad), &d); err == nil {
			t.Errorf("%q was accepted as %+v", bad, d)
		}
	}
}

func TestLeaf(t *testing.T) {
	l := ledgertest.Event(7)
	l.Commitments = map[string]string{"product.name": ledger.Commit(ledger.Salt{1}, "product.name", `"カメラ"`)}
	b, err := l.Encode()
	if err != nil {
		t.Fatal(err)
	}
	want := `{"at":"2026-11-23T00:00:00Z","commitments":{"product.name":"` + l.Commitments["product.name"] + `"},` +
		`"expires":"2028-11-22","id":"grant-000007","issued":"2026-11-23","scheme":"sample",` +
		`"subject":{"edition":"e1","label":"LABEL0000007","level":"star1","registration":"R-00007","serial":7},"type":"label-granted","v":1}`
	if string(b) != want {
		t.Errorf("Encode:\n%s\nwant\n%s", b, want)
	}
	back, err := ledger.DecodeLeaf(b)
	if err != nil {
		t.Fatal(err)
	}
	if again, _ := back.Encode(); !bytes.Equal(again, b) {
		t.Errorf("comes back as %s", again)
	}

	for name, change := range map[string]func(*ledger.Leaf){
		"version":      func(l *ledger.Leaf) { l.V = 2 },
		"type":         func(l *ledger.Leaf) { l.Type = "label-loved" },
		"id":           func(l *ledger.Leaf) { l.ID = "a b" },
		"no id":        func(l *ledger.Leaf) { l.ID = "" },
		"time zone":    func(l *ledger.Leaf) { l.At = "2026-11-23T00:00:00+09:00" },
		"fraction":     func(l *ledger.Leaf) { l.At = "2026-11-23T00:00:00.5Z" },
		"no label":     func(l *ledger.Leaf) { l.Subject.Label = "" },
		"no serial":    func(l *ledger.Leaf) { l.Subject.Serial = nil },
		"serial":       func(l *ledger.Leaf) { n := int64(-1); l.Subject.Serial = &n },
		"day":          func(l *ledger.Leaf) { l.Issued = "2026-02-30" },
		"days swapped": func(l *ledger.Leaf) { l.Expires = "2026-11-22" },
		"hash":         func(l *ledger.Leaf) { l.Hash = strings.Repeat("a", 64) },
		"commitment":   func(l *ledger.Leaf) { l.Commitments = map[string]string{"x": "y"} },
		"key":          func(l *ledger.Leaf) { l.Subject.Key = "k" },
		"reason":       func(l *ledger.Leaf) { l.Reason = "because I say so" },
	} {
		l := ledgertest.Event(7)
		change(&l)
		if b, err := l.Encode(); !fault.Is(err, fault.Invalid) {
			t.Errorf("%s: Encode = %s, %v; want invalid", name, b, err)
		}
	}
	big := ledgertest.Event(1)
	big.Commitments = map[string]string{}
	for i := range 1200 {
		f := fmt.Sprintf("field-%04d", i)
		big.Commitments[f] = ledger.Commit(ledger.Salt{}, f, "1")
	}
	if _, err := big.Encode(); !fault.Is(err, fault.TooLarge) {
		t.Errorf("a leaf over 65,535 bytes: %v, want too-large", err)
	}
	for _, ty := range ledger.Types() {
		if _, err := (ledger.Leaf{V: 1, Type: ty, ID: "a", At: "2026-11-23T00:00:00Z", Scheme: "s"}).Encode(); err == nil && ty != ledger.ActSealed {
			t.Errorf("%s needs nothing at all", ty)
		}
	}
}

// Field and value cannot run into each other, and the salt matters.
func TestCommit(t *testing.T) {
	seen := map[string]string{}
	for _, salt := range []ledger.Salt{{}, {1}} {
		for _, c := range [][2]string{{"ab", "c"}, {"a", "bc"}, {"", "abc"}, {"abc", ""}} {
			h := ledger.Commit(salt, c[0], c[1])
			if other, ok := seen[h]; ok {
				t.Errorf("%v and %s commit to the same", c, other)
			}
			seen[h] = fmt.Sprint(c)
		}
	}
	s := ledger.Salt{1, 2, 3}
	if got, err := ledger.ParseSalt(s.String()); err != nil || got != s {
		t.Errorf("salt comes back as %v, %v", got, err)
	}
}

// The paths and counts of the C2SP tlog-tiles text.
func TestTilePaths(t *testing.T) {
	for _, c := range []struct {
		tile tlog.Tile
		want string
	}{
		{tlog.Tile{H: 8, L: 0, N: 1234067, W: 256}, "tile/0/x001/x234/067"},
		{tlog.Tile{H: 8, L: 0, N: 0, W: 1}, "tile/0/000.p/1"},
		{tlog.Tile{H: 8, L: 2, N: 1067, W: 8}, "tile/2/x001/067.p/8"},
		{tlog.Tile{H: 8, L: 63, N: 999, W: 255}, "tile/63/999.p/255"},
		{tlog.Tile{H: 8, L: -1, N: 1000, W: 256}, "tile/entries/x001/000"},
		{tlog.Tile{H: 8, L: -1, N: 7, W: 3}, "tile/entries/007.p/3"},
	} {
		got := ledger.TilePath(c.tile)
		if c.tile.L < 0 {
			got = ledger.EntriesPath(c.tile.N, c.tile.W)
		}
		if got != c.want {
			t.Errorf("path of %+v = %s, want %s", c.tile, got, c.want)
		}
		if back, err := ledger.ParseTilePath(c.want); err != nil || back != c.tile {
			t.Errorf("%s comes back as %+v, %v", c.want, back, err)
		}
	}
	for _, bad := range []string{"", "tile/", "tile/0/0", "tile/00/000", "tile/64/000", "tile/0/001/000", "tile/0/x001", "tile/0/x000/001",
		"tile/0/000.p/0", "tile/0/000.p/256", "tile/0/000.p/01", "tile/entries/000/", "tile/8/0/000", "tile/0/+01", "tile/0/" + strings.Repeat("x999/", 8) + "999"} {
		if tl, err := ledger.ParseTilePath(bad); err == nil {
			t.Errorf("%q was read as %+v", bad, tl)
		}
	}
	count := map[string]int{}
	for _, tl := range tlog.NewTiles(ledger.TileHeight, 0, 70_000) {
		count[fmt.Sprintf("%d full=%v", tl.L, tl.W == 256)]++
		if tl.W < 256 {
			count[fmt.Sprintf("%d width", tl.L)] = tl.W
		}
	}
	want := map[string]int{"0 full=true": 273, "0 full=false": 1, "0 width": 112, "1 full=true": 1, "1 full=false": 1, "1 width": 17, "2 full=false": 1, "2 width": 1}
	if fmt.Sprint(count) != fmt.Sprint(want) {
		t.Errorf("tiles of 70,000 leaves: %v, want %v", count, want)
	}
}

// The example of the C2SP signed-note text.
func TestSignedNoteVector(t *testing.T) {
	const vkey = "example.com/foo+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k"
	const msg = "This is an example message.\n\n— example.com/foo Uw2QOkn8srV1yJGh2VYRlL1Tnagv1YEq6TfXppzi2ONncAlTgK7Ztg1ERYNZXsYjOBH3mFXmRKuwHjG1Yu72IneyaQM=\n"
	v, err := ledger.LogVerifier(vkey)
	if err != nil {
		t.Fatal(err)
	}
	n, err := ledger.OpenNote([]byte(msg), v)
	if err != nil || n.Text != "This is an example message.\n" {
		t.Errorf("OpenNote = %+v, %v", n, err)
	}
	// The last character before "=" has two unused bits: note.Open takes the second
	// spelling, OpenNote does not.
	twin := strings.Replace(msg, "aQM=", "aQN=", 1)
	if _, err := note.Open([]byte(twin), note.VerifierList(v)); err != nil {
		t.Fatalf("the second spelling is not one: %v", err)
	}
	if _, err := ledger.OpenNote([]byte(twin), v); err == nil {
		t.Error("OpenNote accepts a second spelling of a signature")
	}
	for _, bad := range []string{"", vkey[:40], vkey + "=", strings.Replace(vkey, "530d", "530e", 1), strings.Replace(vkey, "foo", "bar", 1), strings.ToUpper(vkey[:24]) + vkey[24:]} {
		if _, err := ledger.LogVerifier(bad); err == nil {
			t.Errorf("LogVerifier(%q) gave no error", bad)
		}
		if _, err := ledger.CosignerVerifier(bad); err == nil {
			t.Errorf("CosignerVerifier(%q) gave no error", bad)
		}
	}
	if _, err := ledger.CosignerVerifier(vkey); err == nil {
		t.Error("a log key was taken for a witness key")
	}
}

// The checkpoint of the C2SP texts.
func TestCheckpointVector(t *testing.T) {
	const text = "example.com/behind-the-sofa\n20852163\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n"
	c, err := ledger.ParseCheckpoint(text)
	if err != nil || c.Origin != "example.com/behind-the-sofa" || c.Size != 20852163 || c.Text() != text {
		t.Errorf("ParseCheckpoint = %+v, %v", c, err)
	}
	for _, bad := range []string{"", "a\n1\n", text + "\n", strings.Replace(text, "2085", "02085", 1), strings.Replace(text, "2I=", "2J=", 1),
		strings.Replace(text, "20852163", "-1", 1), text[:len(text)-1], "\n" + text} {
		if c, err := ledger.ParseCheckpoint(bad); err == nil {
			t.Errorf("%q was read as %+v", bad, c)
		}
	}
	if c, err := ledger.ParseCheckpoint(text + "more\n"); err != nil || c.Text() != text+"more\n" {
		t.Errorf("extension lines: %+v, %v", c, err)
	}
}

func TestCosignature(t *testing.T) {
	at := time.Unix(1679315147, 0)
	s, err := ledger.NewCosigner("w.example/1", ledgertest.Key("witness"), func() time.Time { return at })
	if err != nil {
		t.Fatal(err)
	}
	text := "example.com/behind-the-sofa\n20852163\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n"
	msg, err := note.Sign(&note.Note{Text: text}, s)
	if err != nil {
		t.Fatal(err)
	}
	v, err := ledger.CosignerVerifier(ledger.CosignerVKey("w.example/1", publicKey("witness")))
	if err != nil {
		t.Fatal(err)
	}
	n, err := ledger.OpenNote(msg, v)
	if err != nil {
		t.Fatal(err)
	}
	if got := ledger.Cosignatures(n, []*ledger.Cosigner{v}); len(got) != 1 || !got[0].At.Equal(at) {
		t.Errorf("Cosignatures = %v, want one at %v", got, at)
	}
}

// Any two sizes of any tree are consistent, any leaf is in it, and no proof fits
// another leaf, size or root.
func TestTreeProofs(t *testing.T) {
	rapid.Check(t, func(r *rapid.T) {
		n := rapid.Int64Range(1, 600).Draw(r, "size")
		var h ledger.Hashes
		for i := range n {
			if err := h.Append(i, fmt.Appendf(nil, "leaf %d", i)); err != nil {
				r.Fatal(err)
			}
		}
		root := func(size int64) ledger.Tree {
			th, err := tlog.TreeHash(size, h)
			if err != nil {
				r.Fatal(err)
			}
			return ledger.Tree{Size: size, Root: th}
		}
		old, next := root(rapid.Int64Range(0, n).Draw(r, "old")), root(n)
		p, err := ledger.ProveConsistency(old.Size, next.Size, h)
		if err != nil {
			r.Fatal(err)
		}
		if err := ledger.CheckConsistency(p, old, next); err != nil {
			r.Errorf("%d → %d: %v", old.Size, next.Size, err)
		}
		bad := old
		bad.Root[rapid.IntRange(0, 31).Draw(r, "byte")] ^= 1 << rapid.IntRange(0, 7).Draw(r, "bit")
		if err := ledger.CheckConsistency(p, bad, next); err == nil {
			r.Errorf("another root at %d is consistent with %d", old.Size, next.Size)
		}
		i := rapid.Int64Range(0, n-1).Draw(r, "leaf")
		pr, err := ledger.Prove(i, next, []byte("note\n"), h)
		if err != nil {
			r.Fatal(err)
		}
		back, err := ledger.ParseProof(pr.Encode())
		if err != nil {
			r.Fatal(err)
		}
		leaf := ledger.RecordHash(fmt.Appendf(nil, "leaf %d", i))
		if err := tlog.CheckRecord(back.Hashes, n, next.Root, i, leaf); err != nil {
			r.Errorf("leaf %d of %d: %v", i, n, err)
		}
		if j := (i + 1) % n; j != i && tlog.CheckRecord(back.Hashes, n, next.Root, j, leaf) == nil {
			r.Errorf("the proof of leaf %d fits place %d", i, j)
		}
	})
}

// The figures of the design: about 20 KB with 1 % of a million labels not valid,
// 65 KB with 5 %, when compressed.
func TestStatusListSize(t *testing.T) {
	for _, c := range []struct {
		every, max int
	}{{1000, 4_500}, {100, 24_000}, {20, 82_000}} {
		l, err := ledger.NewStatusList(1_000_000)
		if err != nil {
			t.Fatal(err)
		}
		r := rand.New(rand.NewSource(1))
		for i := range l.Len() {
			s := ledger.Valid
			if r.Intn(c.every) == 0 {
				s = []ledger.Status{ledger.Revoked, ledger.Withdrawn, ledger.Lapsed, ledger.Superseded}[r.Intn(4)]
			}
			if err := l.Set(i, s); err != nil {
				t.Fatal(err)
			}
		}
		l.Scheme, l.Origin, l.AsOf, l.Expires = "s", "o", ledgertest.Now(), ledgertest.Now()
		p, err := l.Payload()
		if err != nil {
			t.Fatal(err)
		}
		compressed := len(p) * 3 / 4
		t.Logf("one in %d not valid: %d bytes compressed", c.every, compressed)
		if compressed > c.max {
			t.Errorf("one in %d not valid: %d bytes, want at most %d", c.every, compressed, c.max)
		}
		back, err := ledger.DecodeStatusPayload(p)
		if err != nil {
			t.Fatal(err)
		}
		for i := range l.Len() {
			if back.Get(i) != l.Get(i) {
				t.Fatalf("label %d comes back as %s", i, back.Get(i))
			}
		}
	}
}

func TestStatusList(t *testing.T) {
	l, err := ledger.NewStatusList(5)
	if err != nil {
		t.Fatal(err)
	}
	all := []ledger.Status{ledger.Valid, ledger.Suspended, ledger.Revoked, ledger.Investigation}
	for i, s := range all {
		if err := l.Set(int64(i), s); err != nil {
			t.Fatal(err)
		}
	}
	for i, s := range append(all, ledger.NeverIssued, ledger.NeverIssued) {
		if got := l.Get(int64(i)); got != s {
			t.Errorf("label %d is %s, want %s", i, got, s)
		}
	}
	if l.Get(-1) != ledger.NeverIssued || l.Set(5, ledger.Valid) == nil || l.Set(0, 9) == nil {
		t.Error("places and values out of range are accepted")
	}
}
