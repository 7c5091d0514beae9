package ledger_test

import (
	"bytes"
	"testing"

	"hoshi/internal/ledger"
	"hoshi/internal/ledger/ledgertest"
)

func FuzzDecodeLeaf(f *testing.F) {
	b, _ := ledgertest.Event(1).Encode()
	f.Add(b)
	f.Add([]byte(`{"v":1}`))
	f.Fuzz(func(t *testing.T, b []byte) {
		l, err := ledger.DecodeLeaf(b)
		if err != nil {
			return
		}
		if again, err := l.Encode(); err != nil || !bytes.Equal(again, b) {
			t.Errorf("%q comes back as %q, %v", b, again, err)
		}
	})
}

func FuzzParseProof(f *testing.F) {
	f.Add([]byte("c2sp.org/tlog-proof@v1\nindex 0\n\nnote\n"))
	f.Add([]byte("c2sp.org/tlog-proof@v1\nextra YQ==\nindex 73894\ngSKyXoYZUgZ6jduWYrkDOARinOMGJveXjgMkBTcdPlQ=\n\nx\n"))
	f.Fuzz(func(t *testing.T, b []byte) {
		p, err := ledger.ParseProof(b)
		if err == nil && !bytes.Equal(p.Encode(), b) {
			t.Errorf("%q comes back as %q", b, p.Encode())
		}
	})
}

func FuzzParseCheckpoint(f *testing.F) {
	f.Add("example.com/behind-the-sofa\n20852163\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n")
	f.Fuzz(func(t *testing.T, s string) {
		c, err := ledger.ParseCheckpoint(s)
		if err == nil && c.Text() != s {
			t.Errorf("%q comes back as %q", s, c.Text())
		}
	})
}

func FuzzParseEntries(f *testing.F) {
	f.Add([]byte{0, 1, 'a', 0, 0})
	f.Fuzz(func(t *testing.T, b []byte) {
		entries, err := ledger.ParseEntries(b)
		if err != nil {
			return
		}
		var again []byte
		for _, e := range entries {
			if again, err = ledger.AppendEntry(again, e); err != nil {
				t.Fatal(err)
			}
		}
		if !bytes.Equal(again, b) {
			t.Errorf("%x comes back as %x", b, again)
		}
	})
}

func FuzzParseTilePath(f *testing.F) {
	f.Add("tile/0/x001/067.p/8")
	f.Add("tile/entries/000")
	f.Fuzz(func(t *testing.T, s string) {
		tl, err := ledger.ParseTilePath(s)
		if err != nil {
			return
		}
		again := ledger.EntriesPath(tl.N, tl.W)
		if tl.L >= 0 {
			again = ledger.TilePath(tl)
		}
		if again != s {
			t.Errorf("%q comes back as %q", s, again)
		}
	})
}

func FuzzDecodeStatusPayload(f *testing.F) {
	l, _ := ledger.NewStatusList(9)
	l.Scheme, l.Origin, l.AsOf, l.Expires = "s", "o", ledgertest.Now(), ledgertest.Now()
	p, err := l.Payload()
	if err != nil {
		f.Fatal(err)
	}
	f.Add(p)
	f.Fuzz(func(t *testing.T, b []byte) {
		l, err := ledger.DecodeStatusPayload(b)
		if err != nil {
			return
		}
		for i := range l.Len() {
			if !l.Get(i).Known() {
				t.Errorf("label %d has status %d", i, l.Get(i))
			}
		}
	})
}

func FuzzOpenStatus(f *testing.F) {
	l, _ := ledger.NewStatusList(9)
	keys := ledger.Keys{V: 1, Scheme: "sample", Origin: ledgertest.Origin, Log: ledger.LogVKey(ledgertest.Origin, publicKey("log")), Status: ledger.StatusKey(publicKey("status"))}
	v, err := keys.Open()
	if err != nil {
		f.Fatal(err)
	}
	l.Scheme, l.Origin, l.AsOf, l.Expires = "sample", ledgertest.Origin, ledgertest.Now(), ledgertest.Now()
	p, err := l.Payload()
	if err != nil {
		f.Fatal(err)
	}
	good, err := ledger.SignStatus(p, ledgertest.Key("status"))
	if err != nil {
		f.Fatal(err)
	}
	f.Add(good)
	f.Fuzz(func(t *testing.T, b []byte) {
		if _, _, err := v.OpenStatus(b); err == nil && !bytes.Equal(b, good) {
			t.Errorf("a list that was never signed is accepted: %q", b)
		}
	})
}

func FuzzDecodeKeys(f *testing.F) {
	keys := ledger.Keys{V: 1, Scheme: "sample", Origin: "o", Log: ledger.LogVKey("o", publicKey("log")), Status: ledger.StatusKey(publicKey("status")),
		Witnesses: []string{ledger.CosignerVKey("w", publicKey("witness"))}, Quorum: 1}
	b, err := keys.Encode()
	if err != nil {
		f.Fatal(err)
	}
	f.Add(b)
	f.Fuzz(func(t *testing.T, b []byte) {
		k, err := ledger.DecodeKeys(b)
		if err != nil {
			return
		}
		if _, err := k.Encode(); err != nil {
			t.Errorf("%q is read but not written: %v", b, err)
		}
	})
}
