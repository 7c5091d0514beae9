package bench

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"database/sql"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"slices"
	"sync"
	"testing"
	"time"

	"hoshi/internal/casework"
	"hoshi/internal/casework/caseworktest"
	"hoshi/internal/criteria"
	"hoshi/internal/ledger"
	"hoshi/internal/policy"
	"hoshi/internal/registry"
	"hoshi/internal/scheme"
	"hoshi/internal/store"
	"hoshi/internal/testkit"
)

// clientEnv marks a process that is one client of a measurement.
const clientEnv = "HOSHI_BENCH_CLIENT"

// editionID is the edition that grants are made under: all 16 criteria.
const editionID = "star1-2024r1-reconstructed"

// service is what hoshi serve uses to grant, on one database.
func service(db *store.DB) (*casework.Service, error) {
	settings, err := scheme.LoadSettings("scheme.yaml", []byte(caseworktest.SettingsYAML))
	if err != nil {
		return nil, err
	}
	settings.Levels[0].Editions = append(settings.Levels[0].Editions, editionID)
	return &casework.Service{DB: db, Settings: settings, Editions: criteria.Builtin, Fold: registry.Fold,
		StatusListURL: "https://star.example/status-list", Rand: rand.Reader}, nil
}

// proposed is an application that waits for its grant.
type proposed struct {
	ID      string
	Version int64
}

// proposals fills a database with n applications that another officer may grant;
// each is a copy of one that went the whole way.
func proposals(b *testing.B, db *store.DB, n int) (policy.Actor, []proposed) {
	b.Helper()
	ctx := b.Context()
	w := caseworktest.New(b, db, testkit.NewClock(time.Now()), uint64(time.Now().UnixNano()))
	model := w.In(b, w.Vendor, scheme.ApplicationProposed)
	view, err := w.Application(ctx, w.Officer, model.ID)
	if err != nil {
		b.Fatal(err)
	}
	if model, err = caseworktest.Application(db, model.ID); err != nil {
		b.Fatal(err)
	}
	ed, err := criteria.Builtin(editionID)
	if err != nil {
		b.Fatal(err)
	}
	snap := *view.Snapshot
	snap.Edition, snap.EditionHash, snap.Evaluation.EditionID = ed.ID, ed.Digest(), ed.ID
	snap.Evaluation.Answers = nil
	for _, c := range ed.Criteria {
		snap.Evaluation.Answers = append(snap.Evaluation.Answers, scheme.Answer{Criterion: c.ID, Result: scheme.ResultConforms,
			Justification: "設計書のとおりです", Evidence: []string{"設計書 1.0"}})
	}
	out := make([]proposed, n)
	err = db.Update(ctx, func(tx *store.Tx) error {
		for i := range out {
			a, s := model, snap
			p := *model.Proposal
			a.ID, a.ProductID, a.EvaluationID, a.EditionID = fmt.Sprintf("a-%06d", i), fmt.Sprintf("p-%06d", i), fmt.Sprintf("e-%06d", i), ed.ID
			a.Number, a.Acceptance = fmt.Sprintf("A-%06d", i), fmt.Sprintf("R-%06d", i)
			s.Application, s.Product.ID, s.Evaluation.ID, s.Evaluation.ProductID = a.ID, a.ProductID, a.EvaluationID, a.ProductID
			body, err := ledger.Canonical(s)
			if err != nil {
				return err
			}
			sum := sha256.Sum256(body)
			a.Snapshot = "sha256:" + hex.EncodeToString(sum[:])
			p.Snapshot, a.Proposal = a.Snapshot, &p
			for _, err := range []error{
				store.InsertProduct(ctx, tx, s.Product),
				store.InsertEvaluation(ctx, tx, s.Evaluation),
				store.InsertApplication(ctx, tx, a),
				store.InsertSnapshot(ctx, tx, store.Snapshot{Digest: a.Snapshot, ApplicationID: a.ID, Round: a.Round, Taken: tx.At, Body: body}),
			} {
				if err != nil {
					return err
				}
			}
			out[i] = proposed{a.ID, a.Version}
		}
		return nil
	})
	if err != nil {
		b.Fatal(err)
	}
	return w.Second, out
}

// timed is one way of doing something n times: how long it took and each time.
type timed struct {
	all  time.Duration
	each []time.Duration
}

func (t timed) rate() float64 { return float64(len(t.each)) / t.all.Seconds() }

// together runs do(0) … do(n-1) by several clients of one process.
func together(b *testing.B, clients, n int, do func(i int) error) timed {
	b.Helper()
	t := timed{each: make([]time.Duration, n)}
	var failed sync.Map
	jobs := make(chan int, n)
	for i := range n {
		jobs <- i
	}
	close(jobs)
	began := time.Now()
	var wg sync.WaitGroup
	for range clients {
		wg.Go(func() {
			for i := range jobs {
				from := time.Now()
				if err := do(i); err != nil {
					failed.Store(i, err)
				}
				t.each[i] = time.Since(from)
			}
		})
	}
	wg.Wait()
	t.all = time.Since(began)
	failed.Range(func(_, err any) bool { b.Fatal(err); return false })
	return t
}

// order is what a client process is told to do; the first one is not timed: with
// it the connection learns its statements.
type order struct {
	Engine engine
	Actor  policy.Actor
	Grants []proposed // or
	Rows   []int64    // single-row inserts
}

// client is a process with a database pool of its own that does one thing after
// the other, as soon as the next line comes in.
func client(in io.Reader, out io.Writer) error {
	ctx := context.Background()
	read := json.NewDecoder(in)
	var o order
	if err := read.Decode(&o); err != nil {
		return err
	}
	db, err := store.Open(ctx, o.Engine.open(), time.Now)
	if err != nil {
		return err
	}
	defer db.Close()
	s, err := service(db)
	if err != nil {
		return err
	}
	if _, err := criteria.Builtin(editionID); err != nil {
		return err
	}
	raw, readers, err := o.Engine.open().Open(ctx)
	if err != nil {
		return err
	}
	defer readers.Close()
	defer raw.Close()
	var each []time.Duration
	do := func(work func() error) error {
		from := time.Now()
		if err := work(); err != nil {
			return err
		}
		if each = append(each, time.Since(from)); len(each) > 1 {
			return nil
		}
		fmt.Fprintln(out, `"ready"`)
		var start string
		return read.Decode(&start)
	}
	for _, a := range o.Grants {
		err := do(func() error {
			_, err := s.Grant(ctx, o.Actor, a.ID, a.Version, casework.Once(a.ID))
			return err
		})
		if err != nil {
			return err
		}
	}
	for _, n := range o.Rows {
		if err := do(func() error { return insertRow(ctx, raw, n) }); err != nil {
			return err
		}
	}
	return json.NewEncoder(out).Encode(each[1:])
}

// apart runs one order for each client process; all start at once.
func apart(b *testing.B, orders []order) timed {
	b.Helper()
	type running struct {
		cmd *exec.Cmd
		in  io.WriteCloser
		out *json.Decoder
	}
	var all []running
	for _, o := range orders {
		cmd := exec.Command(os.Args[0])
		cmd.Env = append(os.Environ(), clientEnv+"=1")
		cmd.Stderr = os.Stderr
		in, err := cmd.StdinPipe()
		if err != nil {
			b.Fatal(err)
		}
		stdout, err := cmd.StdoutPipe()
		if err != nil {
			b.Fatal(err)
		}
		if err := cmd.Start(); err != nil {
			b.Fatal(err)
		}
		if _, err := in.Write(append(mustJSON(b, o), '\n')); err != nil {
			b.Fatal(err)
		}
		all = append(all, running{cmd, in, json.NewDecoder(stdout)})
	}
	for _, r := range all {
		var ready string
		if err := r.out.Decode(&ready); err != nil {
			b.Fatal("a client did not start: ", err)
		}
	}
	began := time.Now()
	for _, r := range all {
		fmt.Fprintln(r.in, `"go"`)
	}
	var t timed
	for _, r := range all {
		var each []time.Duration
		if err := r.out.Decode(&each); err != nil {
			b.Fatal("a client failed: ", err)
		}
		t.each = append(t.each, each...)
	}
	t.all = time.Since(began)
	for _, r := range all {
		_ = r.in.Close() // the client has all it waits for
		if err := r.cmd.Wait(); err != nil {
			b.Fatal(err)
		}
	}
	return t
}

// insertRow is the peer of a grant: the least that is durable.
func insertRow(ctx context.Context, db *sql.DB, n int64) error {
	_, err := db.ExecContext(ctx, "INSERT INTO bench_row (n, body) VALUES ($1, $2)", n, "one row")
	return err
}

// BenchmarkGrant: durable grants with their leaf, audit rows, numbers and job, by
// people at one server and by client processes with a pool each, beside single-row
// inserts that are as durable. HOSHI_BENCH_GRANTS is the number for each turn,
// HOSHI_BENCH_ROUNDS that of turns.
func BenchmarkGrant(b *testing.B) {
	engines(b, func(b *testing.B, e engine) {
		ctx := b.Context()
		rounds, n := size(b, "ROUNDS", 5), size(b, "GRANTS", 320)
		clients := []int{1, 4, 16}
		db := openDB(b, e, time.Now)
		actor, apps := proposals(b, db, 2*len(clients)*rounds*(n+16)+1)
		s, err := service(db)
		if err != nil {
			b.Fatal(err)
		}
		write, read, err := e.open().Open(ctx)
		if err != nil {
			b.Fatal(err)
		}
		b.Cleanup(func() { _ = write.Close(); _ = read.Close() })
		if _, err := write.ExecContext(ctx, "CREATE TABLE bench_row (n BIGINT PRIMARY KEY, body TEXT NOT NULL)"); err != nil {
			b.Fatal(err)
		}
		rows := int64(0)
		take := func(k int) []proposed {
			out := apps[:k]
			apps = apps[k:]
			return out
		}
		numbers := func(k int) []int64 {
			out := make([]int64, k)
			for i := range out {
				out[i], rows = rows, rows+1
			}
			return out
		}
		if _, err := s.Grant(ctx, actor, apps[0].ID, apps[0].Version, ""); err != nil { // everything is compiled and cached
			b.Fatal(err)
		}
		apps = apps[1:]
		title("grants on %s, %d rounds of %d", e.Name, rounds, n)
		for _, processes := range []bool{false, true} {
			for _, c := range clients {
				var grants, inserts, ratios []float64
				var each []time.Duration
				var used time.Duration
				for range rounds {
					var g, i timed
					if processes {
						var gs, is []order
						for range c {
							gs = append(gs, order{Engine: e, Actor: actor, Grants: take(n/c + 1)})
							is = append(is, order{Engine: e, Rows: numbers(n/c + 1)})
						}
						g, i = apart(b, gs), apart(b, is)
					} else {
						todo, ids := take(n), numbers(n)
						before := cpu(b)
						g = together(b, c, n, func(i int) error {
							_, err := s.Grant(ctx, actor, todo[i].ID, todo[i].Version, casework.Once(todo[i].ID))
							return err
						})
						used += cpu(b) - before
						i = together(b, c, n, func(i int) error { return insertRow(ctx, write, ids[i]) })
					}
					grants, inserts = append(grants, g.rate()), append(inserts, i.rate())
					ratios = append(ratios, g.rate()/i.rate())
					each = append(each, g.each...)
				}
				what, cost := "clients of one server", fmt.Sprintf("; CPU %.2f ms a grant", ms(used)/float64(rounds*n))
				if processes {
					what, cost = "client processes", ""
				}
				line("%2d %-22s %6.0f grants/s (%.0f to %.0f), %6.0f inserts/s, ratio %.2f; a grant p50 %.1f ms, p99 %.1f ms%s", c, what, median(grants),
					slices.Min(grants), slices.Max(grants), median(inserts), median(ratios), ms(at(each, .5)), ms(at(each, .99)), cost)
			}
		}
	})
}
