package sequence_test

import (
	"context"
	"log/slog"
	"net/http/httptest"
	"path/filepath"
	"testing"
	"time"

	"hoshi/internal/fault"
	"hoshi/internal/ledger"
	"hoshi/internal/ledger/ledgertest"
	"hoshi/internal/ledger/sequence"
	"hoshi/internal/ledger/signer"
	"hoshi/internal/ledger/witness"
)

// The same log with the signer behind its socket and the witness behind HTTP; the
// witness forgets nothing when the sequencer does.
func TestOverTheWires(t *testing.T) {
	store := ledgertest.NewStore()
	log := ledgertest.NewLog(t, store, nil)
	quiet := slog.New(slog.DiscardHandler)

	socket := filepath.Join(t.TempDir(), "s")
	l, err := signer.Listen(socket, signer.OwnerOnly)
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	served := make(chan error, 1)
	go func() { served <- signer.Serve(ctx, l, signer.Handler(log.Signer, quiet)) }()
	t.Cleanup(func() {
		stop()
		if err := <-served; err != nil {
			t.Errorf("Serve: %v", err)
		}
	})
	w := httptest.NewServer(witness.Handler(log.Witness, quiet))
	t.Cleanup(w.Close)

	fresh := func() *sequence.Sequencer {
		opt := log.Seq.Options
		opt.Signer = signer.Dial(socket)
		opt.Witnesses = []sequence.Witness{witness.NewClient(log.Witness.Name(), w.URL, w.Client())}
		s, err := sequence.New(opt)
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
	have := 0
	for _, to := range []int{1, 2, 300} {
		fill(t, store, have, to)
		have = to
		// A new sequencer each time knows nothing of what the witness saw.
		if res, err := fresh().Run(t.Context()); err != nil || !res.Published || res.Cosignatures != 1 || res.Tree.Size != int64(to) {
			t.Fatalf("Run to %d = %+v, %v", to, res, err)
		}
		if err := ledgertest.Audit(log.Keys, log.Files, int64(to)); err != nil {
			t.Fatal(err)
		}
	}
	if res, err := fresh().Run(t.Context()); err != nil || res.Published || res.Signed || res.Tree.Size != 300 {
		t.Errorf("a run with nothing to do = %+v, %v", res, err)
	}

	// The witness goes away: places and signature stay, publication waits.
	w.Close()
	fill(t, store, 300, 301)
	if _, err := fresh().Run(t.Context()); !fault.Is(err, fault.Unavailable) {
		t.Errorf("without the witness: %v, want unavailable", err)
	}
	if st := mustState(t, store); st.Indexed != 301 {
		t.Errorf("%d places given, want 301", st.Indexed)
	}
	log.Run(t, 301)
}

// The whole log is rebuilt from its leaves to the root that was signed.
func TestRebuild(t *testing.T) {
	store := ledgertest.NewStore()
	log := ledgertest.NewLog(t, store, nil)
	fill(t, store, 0, 20)
	res := log.Run(t, 20)
	leaves, err := store.Leaves(t.Context(), 0, 20)
	if err != nil {
		t.Fatal(err)
	}
	each := func(yield func([]byte, error) bool) {
		for _, l := range leaves {
			if !yield(l, nil) {
				return
			}
		}
	}
	replay, tree, err := ledger.Rebuild(each)
	if err != nil || tree != res.Tree || len(replay.Labels()) != 20 {
		t.Errorf("Rebuild = %d labels, %v, %v; want %v", len(replay.Labels()), tree, err, res.Tree)
	}
	list, err := replay.StatusList()
	if err != nil {
		t.Fatal(err)
	}
	list.Scheme, list.Origin, list.AsOf, list.Expires = "sample", ledgertest.Origin, ledgertest.Now(), ledgertest.Now().Add(24*time.Hour)
	payload, err := list.Payload()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := log.Signer.SignStatus(t.Context(), payload); err != nil {
		t.Errorf("the list of the rebuilt labels is not signed: %v", err)
	}
}
