package probe

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"sync"
	"time"
	"unicode"
	"unicode/utf8"
)

// Bounds of a transcript. What is longer is cut and marked.
const (
	MaxBytes   = 32 << 10 // of one direction of one exchange
	MaxRecords = 20000    // of one probe
	MaxText    = 512      // of a short text member
)

// Record is one exchange with the device, or one thing that happened: a line of
// a transcript. Which events a probe writes is documented beside its Parse.
type Record struct {
	At     int64  `json:"at"`             // start, ms since the run began
	Took   int64  `json:"took,omitempty"` // duration in ms
	Probe  string `json:"probe"`
	Port   string `json:"port,omitempty"` // "tcp/443"
	Event  string `json:"event"`
	Ports  string `json:"ports,omitempty"`  // many ports at once: "1-21,24,80-90"
	Item   string `json:"item,omitempty"`   // what it is about: a sign-in interface, a path id
	Number int    `json:"number,omitempty"` // the attempt's number, counted from 1, or a count
	User   string `json:"user,omitempty"`   // user name of a sign-in
	Detail string `json:"detail,omitempty"` // a word from the probe's own list
	Error  string `json:"error,omitempty"`  // how the exchange ended, see Word; "" = regularly
	Sent   []byte `json:"sent,omitempty"`   // base64; credentials are masked
	Recv   []byte `json:"recv,omitempty"`   // base64; credentials are masked
	Cut    bool   `json:"cut,omitempty"`    // Sent or Recv was longer than MaxBytes

	Line int `json:"-"` // line in its transcript, from 1; set where records are kept and where they are read
}

// Source names the record for a fact: "tcp.jsonl:12".
func (r Record) Source() string { return fmt.Sprintf("%s.jsonl:%d", r.Probe, r.Line) }

// Mask stands in a transcript where a credential stood.
const Mask = "[masked]"

// Recorder collects the records of one run. It masks credentials before a record
// is kept, so nothing downstream ever holds one. Safe for concurrent use.
type Recorder struct {
	now   func() time.Time
	start time.Time

	mu      sync.Mutex
	secrets [][]byte
	records map[string][]Record
	seen    func(Record)
}

// NewRecorder starts a transcript at the present time. seen, if not nil, is
// called with each record after masking, for progress.
func NewRecorder(now func() time.Time, seen func(Record)) *Recorder {
	return &Recorder{now: now, start: now(), records: map[string][]Record{}, seen: seen}
}

// Resume fills a fresh recorder with the records of a run that began earlier, in
// the order in which they were made. Its time goes on from that beginning and
// never behind the last record. A probe sees in Records how far it had come.
func (r *Recorder) Resume(began time.Time, past []Record) {
	r.mu.Lock()
	defer r.mu.Unlock()
	now := r.now()
	since := max(0, now.Sub(began))
	for _, rec := range past {
		since = max(since, time.Duration(rec.At+rec.Took)*time.Millisecond)
		rec.Line = len(r.records[rec.Probe]) + 1
		r.records[rec.Probe] = append(r.records[rec.Probe], rec)
	}
	r.start = now.Add(-since)
}

// Drop forgets what a probe has recorded, because it is run anew.
func (r *Recorder) Drop(probe string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.records, probe)
}

// Secret makes the recorder mask a value, in plain, percent-encoded, JSON and
// base64 form, wherever it turns up. Empty values are ignored.
func (r *Recorder) Secret(values ...string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, v := range values {
		if v == "" {
			continue
		}
		js, _ := json.Marshal(v)
		for _, f := range []string{v, url.QueryEscape(v), url.PathEscape(v), string(js[1 : len(js)-1]), base64.StdEncoding.EncodeToString([]byte(v))} {
			if !slices.ContainsFunc(r.secrets, func(b []byte) bool { return string(b) == f }) {
				r.secrets = append(r.secrets, []byte(f))
			}
		}
	}
	// Longest first, so that no part of a longer form is left over.
	slices.SortFunc(r.secrets, func(a, b []byte) int { return len(b) - len(a) })
}

// Since returns the milliseconds since the run began.
func (r *Recorder) Since() int64 { return r.now().Sub(r.start).Milliseconds() }

var (
	cookieSet   = regexp.MustCompile(`(?im)^(set-cookie:[ \t]*[^=;\r\n]{1,128}=)[^;\r\n]+`)
	cookiesSent = regexp.MustCompile(`(?im)^(cookie:[ \t]*)[^\r\n]+`)
	authHeader  = regexp.MustCompile(`(?im)^((?:proxy-)?authorization:[ \t]*[A-Za-z]+[ \t]+)[^\r\n]+`)
	// rspauth: the server's own proof in Digest, from which a weak value can be guessed.
	serverProof = regexp.MustCompile(`(?i)(rspauth="?)[0-9a-f]+`)
)

// Add keeps a record: masked, cut to the bounds, and with At set to the present
// minus Took when the caller left At at zero.
//
// also holds further values to mask in this record only. Add returns the record
// as kept: what a live run decides from it, a replay decides too.
func (r *Recorder) Add(rec Record, also ...string) Record {
	r.mu.Lock()
	defer r.mu.Unlock()
	if rec.At == 0 {
		rec.At = max(0, r.Since()-rec.Took)
	}
	rec.Sent, rec.Recv = r.mask(rec.Sent, also), r.mask(rec.Recv, also)
	if len(rec.Sent) > MaxBytes {
		rec.Sent, rec.Cut = rec.Sent[:MaxBytes], true
	}
	if len(rec.Recv) > MaxBytes {
		rec.Recv, rec.Cut = rec.Recv[:MaxBytes], true
	}
	rec.Detail = Clip(string(r.mask([]byte(rec.Detail), also)))
	rec.Item, rec.User = Clip(rec.Item), Clip(rec.User)
	if len(r.records[rec.Probe]) >= MaxRecords {
		return rec
	}
	rec.Line = len(r.records[rec.Probe]) + 1
	r.records[rec.Probe] = append(r.records[rec.Probe], rec)
	if r.seen != nil {
		r.seen(rec)
	}
	return rec
}

func (r *Recorder) mask(b []byte, also []string) []byte {
	if len(b) == 0 {
		return nil
	}
	b = bytes.Clone(b)
	for _, s := range r.secrets {
		b = bytes.ReplaceAll(b, s, []byte(Mask))
	}
	for _, s := range also {
		if s != "" {
			b = bytes.ReplaceAll(b, []byte(s), []byte(Mask))
		}
	}
	for _, x := range []*regexp.Regexp{cookieSet, cookiesSent, authHeader, serverProof} {
		b = x.ReplaceAll(b, []byte("${1}"+Mask))
	}
	return b
}

// Records returns a copy of what a probe has recorded.
func (r *Recorder) Records(probe string) []Record {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Clone(r.records[probe])
}

// Transcripts returns all records by probe.
func (r *Recorder) Transcripts() map[string][]Record {
	r.mu.Lock()
	defer r.mu.Unlock()
	out := make(map[string][]Record, len(r.records))
	for k, v := range r.records {
		out[k] = slices.Clone(v)
	}
	return out
}

// Clip shortens a text to MaxText bytes of valid UTF-8 without control characters.
func Clip(s string) string {
	s = strings.ToValidUTF8(s, "?")
	s = strings.Map(func(c rune) rune {
		if c < 0x20 || c == 0x7f {
			return ' '
		}
		return c
	}, s)
	if len(s) > MaxText {
		s = strings.ToValidUTF8(s[:MaxText], "")
	}
	return s
}

// Excerpt makes the beginning of foreign bytes readable: text as it is, other
// bytes as \xNN.
func Excerpt(b []byte) string {
	var out strings.Builder
	for len(b) > 0 && out.Len() < 120 {
		c, n := utf8.DecodeRune(b)
		switch {
		case c == '\r' || c == '\n' || c == '\t':
			out.WriteByte(' ')
		case c == utf8.RuneError || !unicode.IsPrint(c):
			for _, x := range b[:n] {
				fmt.Fprintf(&out, "\\x%02x", x)
			}
		default:
			out.WriteRune(c)
		}
		b = b[n:]
	}
	return strings.TrimSpace(out.String())
}

// WriteTranscript renders records as JSON lines.
func WriteTranscript(records []Record) ([]byte, error) {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	for _, r := range records {
		if err := e.Encode(r); err != nil {
			return nil, err
		}
	}
	return b.Bytes(), nil
}

// ReadTranscript reads JSON lines as WriteTranscript renders them. A line that is
// longer than the bounds allow, has an unknown member or belongs to another probe
// is refused with its number.
func ReadTranscript(probe string, b []byte) ([]Record, error) {
	var out []Record
	for line := 1; len(b) > 0; line++ {
		l, rest, ended := bytes.Cut(b, []byte("\n"))
		b = rest
		if !ended || len(l) > 4*MaxBytes || line > MaxRecords {
			return nil, fmt.Errorf("%s.jsonl:%d: the line is cut short or over the limit", probe, line)
		}
		var r Record
		d := json.NewDecoder(bytes.NewReader(l))
		d.DisallowUnknownFields()
		if err := d.Decode(&r); err != nil {
			return nil, fmt.Errorf("%s.jsonl:%d: %w", probe, line, err)
		}
		if r.Probe != probe || d.InputOffset() != int64(len(l)) {
			return nil, fmt.Errorf("%s.jsonl:%d: not a record of this probe", probe, line)
		}
		r.Line = line
		out = append(out, r)
	}
	return out, nil
}
