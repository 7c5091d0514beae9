package web

import (
	"bytes"
	"cmp"
	"log/slog"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"hoshi/internal/auth"
	"hoshi/internal/casework"
	"hoshi/internal/fault"
	"hoshi/internal/i18n"
	"hoshi/internal/policy"
	"hoshi/internal/scheme"
)

// access says who may ask for a route at all; the use case behind it decides on
// the thing itself.
type access string

const (
	open     access = "open"   // anybody: the public list of the portal
	self     access = "self"   // anybody signed in: about their own account only
	byPolicy access = "policy" // a role that the policy lets do one of the route's actions
)

// route is one address. A form's answer goes back to the page it came from when
// it cannot be accepted, with everything that was typed.
type route struct {
	pattern string // "POST /portal/products/{id}"
	access  access
	needs   []policy.Action
	do      func(*call) error
	page    func(*call) error // of a POST: shows the form again
	at      string            // of a POST: the form's own address, "/portal/products/{id}"
	file    int64             // bound of a file in the form, in bytes; 0 = no file
}

// bound is how much of a body is read: a form, and its file.
func (rt route) bound() int64 { return formBytes + rt.file }

// stated is the bound that people are told.
func (rt route) stated() int64 { return cmp.Or(rt.file, formBytes) }

// formBytes bounds a form without files.
const formBytes = 1 << 20

// call is one request on its way through the portal.
type call struct {
	*site
	w    http.ResponseWriter
	r    *http.Request
	lang i18n.Lang
	who  auth.Who
	rt   route

	typed    url.Values // what the person sent and what was not accepted yet; nil = show what is saved
	restored bool       // typed was kept over an expired sign-in
	problem  error      // why typed was not accepted
	status   int
}

func (c *call) actor() policy.Actor      { return c.who.Actor }
func (c *call) id() string               { return c.r.PathValue("id") }
func (c *call) once() casework.Once      { return casework.Once(c.r.PostFormValue("once")) }
func (c *call) value(name string) string { return strings.TrimSpace(c.r.PostFormValue(name)) }
func (c *call) ticked(name string) bool  { return c.r.PostFormValue(name) == "yes" }

// version is the version of the thing that the person saw when the form was made.
func (c *call) version() int64 {
	n, err := strconv.ParseInt(c.r.PostFormValue("version"), 10, 64)
	if err != nil {
		return -1 // no thing has it: a conflict
	}
	return n
}

// done sends the person on after a form was accepted; what is a key under "web.done.".
func (c *call) done(path, what string) error {
	if what != "" {
		path += "?done=" + url.QueryEscape(what)
	}
	http.Redirect(c.w, c.r, path, http.StatusSeeOther)
	return nil
}

// serve wraps a route: language, person, access, bounds, and one way for all errors.
func (s *site) serve(rt route) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		c := &call{site: s, w: w, r: r, rt: rt, lang: language(w, r), status: http.StatusOK}
		w.Header().Set("Cache-Control", "no-store")
		who, err := s.Auth.Who(r.Context())
		if err != nil {
			c.fail(err)
			return
		}
		c.who = who
		if r.Method == http.MethodPost {
			err = c.post()
		} else {
			err = c.get()
		}
		if err != nil {
			c.fail(err)
		}
	})
}

func (c *call) get() error {
	if err := c.permitted(); err != nil {
		return err
	}
	if c.who.SignedIn() {
		page, form, err := c.Auth.Parked(c.r)
		if err == nil && page == c.r.URL.Path {
			c.typed, c.restored = form, true
		} else if err != nil && !fault.Is(err, fault.NotFound) {
			return err
		}
	}
	return c.rt.do(c)
}

func (c *call) post() error {
	limit := c.rt.bound()
	c.r.Body = http.MaxBytesReader(c.w, c.r.Body, limit)
	if !c.who.SignedIn() && c.rt.access != open {
		return c.late()
	}
	if err := c.permitted(); err != nil {
		return err
	}
	if c.r.ContentLength > limit {
		c.w.Header().Set("Connection", "close")
		return c.again(tooLarge(c.rt.stated()))
	}
	// The server would remove only what its own copy of the request names.
	defer func() {
		if c.r.MultipartForm != nil {
			_ = c.r.MultipartForm.RemoveAll() // temporary files; the system clears them too
		}
	}()
	if err := c.parse(); err != nil {
		return c.again(err)
	}
	err := c.rt.do(c)
	if err != nil {
		return c.again(err)
	}
	if page, _, perr := c.Auth.Parked(c.r); perr == nil && page == c.formPath() {
		// The answer is on its way already; what stays is offered again, no more.
		if err := c.Auth.DropParked(c.w, c.r); err != nil {
			c.Log.LogAttrs(c.r.Context(), slog.LevelError, "a kept form stays", slog.Any("err", err))
		}
	}
	return nil
}

// parse reads the form, files to temporary storage.
func (c *call) parse() error {
	var err error
	if strings.HasPrefix(c.r.Header.Get("Content-Type"), "multipart/") {
		err = c.r.ParseMultipartForm(1 << 20)
	} else {
		err = c.r.ParseForm()
	}
	if err == nil {
		return nil
	}
	if strings.Contains(err.Error(), "too large") {
		return tooLarge(c.rt.stated())
	}
	return fault.Wrap(fault.Invalid, "web.parse", err, "web.form-unreadable")
}

// late keeps the form of somebody whose sign-in has run out and asks for it anew.
// Forms about the person's own account are not kept: they hold passwords.
func (c *call) late() error {
	kept := false
	page := c.formPath()
	if c.rt.access == byPolicy && !strings.HasPrefix(c.r.Header.Get("Content-Type"), "multipart/") {
		if err := c.parse(); err != nil {
			return err
		}
		var err error
		if kept, err = c.Auth.Park(c.w, c.r, page, c.r.PostForm); err != nil {
			return err
		}
	}
	q := url.Values{"next": {page}, "late": {"1"}}
	if kept {
		q.Set("late", "kept")
	}
	http.Redirect(c.w, c.r, "/sign-in?"+q.Encode(), http.StatusSeeOther)
	return nil
}

// formPath is the address of the page that the form stands on.
func (c *call) formPath() string {
	if c.rt.at == "" {
		return c.r.URL.Path
	}
	parts := strings.Split(c.rt.at, "/")
	for i, p := range parts {
		if strings.HasPrefix(p, "{") {
			parts[i] = c.r.PathValue(strings.Trim(p, "{}"))
		}
	}
	return strings.Join(parts, "/")
}

// again shows the form once more with what was typed, when the person can do
// something about the refusal.
func (c *call) again(err error) error {
	switch fault.KindOf(err) {
	case fault.Invalid, fault.Conflict, fault.TooLarge, fault.Unavailable:
	default:
		return err
	}
	if c.rt.page == nil {
		return err
	}
	c.problem, c.status = err, statusOf(err)
	if len(c.r.PostForm) > 0 { // else nothing could be read, and what is saved shows
		c.typed = c.r.PostForm
	}
	return c.rt.page(c)
}

// permitted asks whether the person's role can do any of what the route is for.
func (c *call) permitted() error {
	switch c.rt.access {
	case open:
		return nil
	case self:
		if c.who.SignedIn() {
			return nil
		}
	case byPolicy:
		if slices.ContainsFunc(policy.Table, func(r policy.Rule) bool {
			return r.Role == c.who.Actor.Role && slices.Contains(c.rt.needs, r.Action)
		}) {
			return nil
		}
		if c.who.SignedIn() {
			return fault.New(fault.Denied, "web.permitted", "web.wrong-role")
		}
	}
	return fault.New(fault.Unauthenticated, "web.permitted", "fault.unauthenticated")
}

// language is what the address asks for, else the cookie, else the browser's
// English, else Japanese.
func language(w http.ResponseWriter, r *http.Request) i18n.Lang {
	if q := r.URL.Query().Get("lang"); q == "ja" || q == "en" {
		http.SetCookie(w, &http.Cookie{Name: "lang", Value: q, Path: "/", MaxAge: 365 * 24 * 3600, SameSite: http.SameSiteLaxMode, HttpOnly: true})
		return i18n.Parse(q)
	}
	if k, err := r.Cookie("lang"); err == nil {
		return i18n.Parse(k.Value)
	}
	return i18n.JA
}

// fail answers a request that no page takes care of.
func (c *call) fail(err error) {
	if fault.Is(err, fault.Unauthenticated) && c.r.Method == http.MethodGet {
		http.Redirect(c.w, c.r, "/sign-in?"+url.Values{"next": {c.r.URL.RequestURI()}}.Encode(), http.StatusSeeOther)
		return
	}
	if fault.Is(err, fault.Internal) {
		c.Log.LogAttrs(c.r.Context(), slog.LevelError, "request failed",
			slog.String("method", c.r.Method), slog.String("path", c.r.URL.Path), slog.Any("err", err))
	}
	c.status = statusOf(err)
	kind := fault.KindOf(err)
	sentence, _ := c.lang.Error(err)
	f := c.frame("web.error." + string(kind))
	f.Problem = nil
	if rerr := c.render("error", errorPage{frame: f, Sentence: sentence, Kind: string(kind), Typed: c.typedPairs(f)}); rerr != nil {
		c.Log.LogAttrs(c.r.Context(), slog.LevelError, "the error page failed", slog.Any("err", rerr))
		http.Error(c.w, sentence, c.status)
	}
}

type errorPage struct {
	*frame
	Sentence string
	Kind     string
	Typed    []pair // what was sent with the refused form, for the person to copy
}

// typedPairs lists what the person wrote into a form that no page shows again.
func (c *call) typedPairs(f *frame) []pair {
	var out []pair
	for _, name := range slices.Sorted(maps.Keys(c.r.PostForm)) {
		v := normal(c.r.PostForm.Get(name))
		if label := f.Label(anchor(name)); v != "" && label != "" && !slices.Contains(secrets, name) {
			out = append(out, pair{label, v, ""})
		}
	}
	return out
}

// secrets are the fields that never come back to a page.
var secrets = []string{"password", "old", "code", "key.pem"}

func notFound(*call) error { return fault.New(fault.NotFound, "web", "fault.not-found") }

// render writes a page; nothing is sent when its template fails.
func (c *call) render(name string, page any) error {
	t, ok := c.pages[name]
	if !ok {
		return fault.New(fault.Internal, "web.render "+name, "fault.internal")
	}
	var b bytes.Buffer
	if err := t.ExecuteTemplate(&b, "layout", page); err != nil {
		return err
	}
	c.w.Header().Set("Content-Type", "text/html; charset=utf-8")
	c.w.WriteHeader(c.status)
	_, _ = c.w.Write(b.Bytes()) // the reader has gone
	return nil
}

// form returns what the page's form shows: the saved values, or what the person
// typed. In a conflict the differences are noted on the frame.
func (c *call) form(f *frame, saved url.Values) {
	f.form = saved
	if c.typed == nil {
		return
	}
	typed := maps.Clone(c.typed)
	if fault.Is(c.problem, fault.Conflict) || c.restored {
		for _, name := range differing(saved, typed) {
			f.Conflict = append(f.Conflict, conflictRow{
				Field: anchor(name), Label: f.Label(name),
				Saved: f.show(name, saved.Get(name)), Typed: f.show(name, typed.Get(name)),
			})
		}
	}
	for _, own := range []string{"once", "version", "do"} {
		typed.Del(own)
	}
	f.form = typed
}

// differing lists the names whose value differs, in order, the form's own aside.
func differing(saved, typed url.Values) []string {
	var out []string
	names := map[string]bool{}
	for n := range saved {
		names[n] = true
	}
	for n := range typed {
		names[n] = true
	}
	for n := range names {
		if n == "once" || n == "version" || n == "do" || n == "next" {
			continue
		}
		if normal(saved.Get(n)) != normal(typed.Get(n)) {
			out = append(out, n)
		}
	}
	slices.Sort(out)
	return out
}

// normal levels what browsers do to line ends.
func normal(s string) string { return strings.TrimSpace(strings.ReplaceAll(s, "\r\n", "\n")) }

// roleIs is for templates.
func (c *call) isOfficer() bool { return c.actor().Role == scheme.Officer }
