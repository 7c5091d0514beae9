package registry

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"time"

	"hoshi/internal/criteria"
	"hoshi/internal/fault"
	"hoshi/internal/i18n"
	"hoshi/internal/label"
	"hoshi/internal/ledger"
	"hoshi/internal/ledger/sequence"
	"hoshi/internal/scheme"
	"hoshi/internal/store"
)

// StatusSigner signs status lists; the signer process does.
type StatusSigner interface {
	SignStatus(ctx context.Context, payload []byte) ([]byte, error)
}

// Publisher turns committed public acts into public files. One process at a time
// runs it (see package app); a second one would do the same work over.
type Publisher struct {
	DB        *store.DB
	Settings  *scheme.Settings
	Editions  func(id string) (*criteria.Edition, error)
	Sequencer *sequence.Sequencer
	Files     sequence.Files // the log's files, below Dir
	Keys      ledger.Keys
	Signer    StatusSigner
	Site      string // where labels are read: "https://label.example"; stands in the QR code
	Dir       string // the public folder
	Now       func() time.Time
	Rand      io.Reader
	Log       *slog.Logger
	// Pause bounds how long one run writes pages before the log may move again; 0 = no bound.
	Pause time.Duration

	verify *ledger.Verifiers
	replay *ledger.Replay
	day    scheme.Day // for which all pages are written or due
	ready  bool
	redraw bool              // the pictures in the folder are of another design
	due    map[string]string // labels whose files are to be written, with what stood in the way last
	first  []string          // those of them about which a leaf has just come
	listed time.Time         // when the newest status list was made
	ended  bool              // a label has ended since the newest status list
	fresh  bool              // a label was granted or changed since then
}

// Limits of how often a status list is made.
const (
	listEvery = time.Hour       // at least
	listPause = 2 * time.Second // between two lists that only tell of new labels
)

// Round is what one run did.
type Round struct {
	Size  int64 // leaves that are public
	Pages int   // labels whose files were written
	List  bool  // a new status list was published
}

// Run takes everything that was committed before it to the public: places in the
// log, a signed and witnessed checkpoint, then the pages of the labels concerned,
// then a status list when one is due. A page is written only after the checkpoint
// that includes its leaf is public, and only when it verifies as a stranger would.
//
// Killed anywhere, the next Run goes on: what is public follows from the log.
func (p *Publisher) Run(ctx context.Context) (Round, error) {
	var r Round
	if err := p.start(); err != nil {
		return r, err
	}
	now := p.Now()
	published, err := p.sequence(ctx)
	if err != nil || published == nil {
		return r, err
	}
	if err := p.catchUp(ctx, published.Size); err != nil {
		return r, err
	}
	r.Size = published.Size
	if today := scheme.DayIn(now, p.Settings.Location()); today != p.day {
		for id := range p.replay.Labels() {
			p.touch(id)
		}
		p.day = today
	}
	if r.Pages, err = p.writeLabels(ctx, published, now); err != nil {
		return r, err
	}
	if len(p.due) == 0 && !p.ready {
		if err := p.drawn(); err != nil {
			return r, err
		}
	}
	r.List, err = p.statusList(ctx, now)
	return r, err
}

// Ready reports whether a first run has written every page of the day.
func (p *Publisher) Ready() bool { return p.ready }

// start prepares what does not change: the key manifest, styles, the empty replay.
func (p *Publisher) start() error {
	if p.replay != nil {
		return nil
	}
	v, err := p.Keys.Open()
	if err != nil {
		return err
	}
	keys, err := p.Keys.Encode()
	if err != nil {
		return err
	}
	if err := writeFile(p.Dir, "keys.json", keys); err != nil {
		return err
	}
	names, err := static.ReadDir("static")
	if err != nil {
		return err
	}
	for _, n := range names {
		b, err := static.ReadFile("static/" + n.Name())
		if err != nil {
			return err
		}
		if err := writeFile(p.Dir, filepath.Join("assets", n.Name()), b); err != nil {
			return err
		}
	}
	d, err := p.design()
	if err != nil {
		return err
	}
	have, err := os.ReadFile(filepath.Join(p.Dir, design))
	p.redraw = err != nil || !bytes.Equal(have, d)
	p.verify, p.replay, p.due = v, ledger.NewReplay(), make(map[string]string)
	return nil
}

// sequence runs the sequencer until nothing waits and returns the published
// checkpoint, nil before the first leaf.
func (p *Publisher) sequence(ctx context.Context) (*ledger.Seen, error) {
	for {
		res, err := p.Sequencer.Run(ctx)
		if errors.Is(err, sequence.ErrMoved) {
			continue
		}
		if err != nil {
			return nil, err
		}
		if !res.More {
			break
		}
	}
	st, err := p.DB.Log().State(ctx)
	if err != nil || st.Published == nil {
		return nil, err
	}
	c, err := p.verify.OpenCheckpoint(st.Published)
	if err != nil {
		return nil, fault.Wrap(fault.Internal, "registry.Run", err, "ledger.state.bad")
	}
	return &c, nil
}

// touch says that the files of a label are out of date.
func (p *Publisher) touch(id string) { p.due[id] = "" }

// queue is the order in which due labels are written: what has just happened before
// what is only rewritten for a new day.
func (p *Publisher) queue() []string {
	out, seen := p.first, make(map[string]bool, len(p.first))
	p.first = nil
	for _, id := range out {
		seen[id] = true
	}
	for _, id := range slices.Sorted(maps.Keys(p.due)) {
		if !seen[id] {
			out = append(out, id)
		}
	}
	return out
}

// catchUp replays the leaves that became public and touches the labels concerned.
func (p *Publisher) catchUp(ctx context.Context, size int64) error {
	for from := p.replay.Size(); from < size; from = p.replay.Size() {
		leaves, err := p.DB.Log().Leaves(ctx, from, min(size, from+1024))
		if err != nil {
			return err
		}
		for _, b := range leaves {
			if err := p.replay.Add(b); err != nil {
				return err
			}
			l, err := ledger.DecodeLeaf(b)
			if err != nil {
				return err
			}
			if l.Subject.Label == "" {
				continue
			}
			p.touch(l.Subject.Label)
			if p.ready && !slices.Contains(p.first, l.Subject.Label) {
				p.first = append(p.first, l.Subject.Label)
			}
			switch l.Type {
			case ledger.LabelGranted, ledger.LabelUpdated, ledger.LabelRenewed, ledger.LabelExpired:
				p.fresh = true
			default:
				p.ended = true
			}
		}
	}
	return nil
}

// writeLabels writes the files of the labels that are due. One that cannot be
// written now stays due and does not hold up the others.
func (p *Publisher) writeLabels(ctx context.Context, at *ledger.Seen, now time.Time) (int, error) {
	if len(p.due) == 0 {
		return 0, nil
	}
	st, err := p.DB.Log().State(ctx)
	if err != nil {
		return 0, err
	}
	n := 0
	began := time.Now()
	for _, id := range p.queue() {
		if p.Pause > 0 && time.Since(began) > p.Pause {
			break
		}
		err := p.writeLabel(ctx, id, at, st.Published, now)
		if ctx.Err() != nil {
			return n, ctx.Err()
		}
		if err == nil {
			delete(p.due, id)
			n++
		} else if err.Error() != p.due[id] {
			p.due[id] = err.Error()
			p.Log.LogAttrs(ctx, slog.LevelError, "label not published", slog.String("label", id), slog.Any("err", err))
		}
	}
	return n, nil
}

// errBehind says that the row is newer than the public log; the next run has it.
var errBehind = errors.New("the statement's leaf is not public yet")

func (p *Publisher) writeLabel(ctx context.Context, id string, at *ledger.Seen, checkpoint []byte, now time.Time) error {
	state := p.replay.Labels()[id]
	if state == nil {
		return fmt.Errorf("label %s is in no leaf", id)
	}
	var row store.PublicLabel
	err := p.DB.View(ctx, func(tx *store.Tx) (err error) {
		row, err = store.PublicLabelOf(ctx, tx, id)
		return err
	})
	if err != nil {
		return err
	}
	s, err := label.Decode(row.Doc)
	if err != nil {
		return err
	}
	proof, err := p.prove(ctx, s, state.Public, at, checkpoint)
	if err != nil {
		return err
	}
	if err := p.check(row.Doc, proof, now); err != nil {
		return err
	}
	standing := standingOf(state, scheme.DayIn(now, p.Settings.Location()), p.Settings.Location())
	if !standing.Holds() && standing.Status == scheme.Status(row.State) {
		if standing.Reason, err = p.reason(ctx, row, state.Last); err != nil {
			return err
		}
	}
	return p.writeForms(s, row.Doc, proof, standing, now)
}

// reason returns the public words of a label's end when they are the ones that the
// leaf stands for.
func (p *Publisher) reason(ctx context.Context, row store.PublicLabel, last int64) (string, error) {
	body, err := p.DB.Log().Leaves(ctx, last, last+1)
	if err != nil {
		return "", err
	}
	leaf, err := ledger.DecodeLeaf(body[0])
	if err != nil {
		return "", err
	}
	if leaf.ID != row.LastLeafID {
		return "", errBehind
	}
	if !reasonFits(row, leaf) {
		return "", errors.New("the public reason is not the one that the log recorded")
	}
	return row.Reason, nil
}

// prove makes the proof of the leaf that the statement stands on.
func (p *Publisher) prove(ctx context.Context, s label.Statement, index int64, at *ledger.Seen, checkpoint []byte) ([]byte, error) {
	leaf, err := s.Leaf.Encode()
	if err != nil {
		return nil, err
	}
	have, err := p.DB.Log().Leaves(ctx, index, index+1)
	if err != nil {
		return nil, err
	}
	if !bytes.Equal(have[0], leaf) {
		return nil, errBehind
	}
	r := ledger.TileReader(at.Tree, func(path string) ([]byte, error) { return p.Files.Get(ctx, path) })
	proof, err := ledger.Prove(index, at.Tree, checkpoint, r)
	if err != nil {
		return nil, err
	}
	return proof.Encode(), nil
}

// check verifies what is about to be published with public keys alone.
func (p *Publisher) check(statement, proof []byte, now time.Time) error {
	_, rep, err := label.Verify(label.VerifyInput{Keys: p.Keys, Statement: statement, Proof: proof, Now: now})
	if err != nil {
		return err
	}
	if !rep.Authentic {
		var why []string
		for _, l := range rep.Lines {
			if l.Mark == ledger.Refuted {
				why = append(why, i18n.EN.Format(l.Key, l.Args))
			}
		}
		return fmt.Errorf("what the row says does not verify against the log: %q", why)
	}
	return nil
}

// writeForms writes all forms of one label; each file is whole at any time.
func (p *Publisher) writeForms(s label.Statement, statement, proof []byte, st Standing, now time.Time) error {
	edition, err := p.Editions(s.Label.Edition)
	if err != nil && !fault.Is(err, fault.NotFound) {
		return err
	}
	c := Copy{AsOf: now, Expires: scheme.DayIn(now, p.Settings.Location()).End(p.Settings.Location())}
	files := map[string][]byte{".json": statement, ".proof": proof}
	for _, lang := range i18n.Langs {
		page, err := renderLabel(lang, p.Settings, edition, s, st, c)
		if err != nil {
			return err
		}
		files[pageSuffix(lang)] = page
	}
	if err := p.draw(s, files); err != nil {
		return err
	}
	for _, suffix := range slices.Sorted(maps.Keys(files)) {
		if err := writeFile(p.Dir, filepath.Join("L", string(s.Label.ID)+suffix), files[suffix]); err != nil {
			return err
		}
	}
	return nil
}

// draw adds the artwork unless it is there already: it holds nothing that goes
// stale, and drawing takes longer than all the rest.
func (p *Publisher) draw(s label.Statement, files map[string][]byte) error {
	at := filepath.Join(p.Dir, "L", string(s.Label.ID))
	if !p.redraw && exists(at+".svg") && exists(at+".png") {
		return nil
	}
	art, err := p.artwork(s)
	if err != nil {
		return err
	}
	if files[".svg"], err = art.SVG(i18n.JA); err != nil {
		return err
	}
	files[".png"], err = art.PNG(artScale)
	return err
}

// design is a file in the public folder that says for which scheme and address the
// pictures were drawn; when it differs, all are drawn again.
const design = "L/design.json"

// drawn notes that every file of the folder is of this day and this design.
func (p *Publisher) drawn() error {
	d, err := p.design()
	if err != nil {
		return err
	}
	if err := writeFile(p.Dir, design, d); err != nil {
		return err
	}
	p.ready, p.redraw = true, false
	return nil
}

func (p *Publisher) design() ([]byte, error) {
	type level struct {
		Name  i18n.Text `json:"name"`
		Stars int       `json:"stars"`
	}
	d := struct {
		Version int       `json:"version"` // of the drawing
		Site    string    `json:"site"`
		Scheme  i18n.Text `json:"scheme"`
		Levels  []level   `json:"levels"`
	}{Version: 1, Site: p.Site, Scheme: p.Settings.Name}
	for _, l := range p.Settings.Levels {
		d.Levels = append(d.Levels, level{l.Name, l.Stars})
	}
	return json.Marshal(d)
}

// artScale is how many pixels a unit of the artwork has in the PNG.
const artScale = 3

func (p *Publisher) artwork(s label.Statement) (label.Artwork, error) {
	level, _ := p.Settings.Level(s.Label.Level)
	level.Name = s.Label.LevelName
	return artwork(p.Settings, s.Scheme.Name, level, p.Site, s.Label.ID)
}

func artwork(set *scheme.Settings, name i18n.Text, level scheme.Level, site string, id label.ID) (label.Artwork, error) {
	most := 0
	for _, l := range set.Levels {
		most = max(most, l.Stars)
	}
	u, err := label.URL(site, id)
	return label.Artwork{Scheme: name, Level: level.Name, Stars: level.Stars, MaxStars: most, ID: id, URL: u}, err
}

// CheckArtwork refuses a scheme whose labels could not be drawn: a name that the
// font of the picture lacks, an address too long for the design.
func CheckArtwork(set *scheme.Settings, site string) error {
	id, err := label.NewID(bytes.NewReader(make([]byte, label.IDLen)))
	if err != nil {
		return err
	}
	for _, l := range set.Levels {
		a, err := artwork(set, set.Name, l, site, id)
		if err == nil {
			_, err = a.PNG(1)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func pageSuffix(lang i18n.Lang) string {
	if lang == i18n.EN {
		return ".en.html"
	}
	return ".html"
}
