package auth

import (
	"context"
	"crypto/rand"
	"errors"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/url"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"hoshi/internal/fault"
	"hoshi/internal/scheme"
	"hoshi/internal/store"
	"hoshi/internal/store/storetest"
	"hoshi/internal/testkit"
)

func TestMain(m *testing.M) {
	code := m.Run()
	testkit.StopShared()
	os.Exit(code)
}

const password = "とても長くて覚えやすい合い言葉です"

// bench is a Service on a real database with one account.
type bench struct {
	*Service
	t       *testing.T
	db      *store.DB
	clock   *testkit.Clock
	account scheme.Account
	secret  string
}

func onBothEngines(t *testing.T, run func(t *testing.T, b *bench)) {
	storetest.Engines(t, func(t *testing.T, e store.Engine) {
		clock := testkit.NewClock(time.Date(2026, 11, 23, 0, 0, 0, 0, time.UTC))
		db := storetest.Open(t, e, clock.Now)
		b := &bench{Service: New(Options{DB: db, Now: clock.Now, Rand: rand.Reader, Issuer: "Hoshi"}), t: t, db: db, clock: clock, secret: "JBSWY3DPEHPK3PXP"}
		phc, err := b.hashPassword(t.Context(), password)
		if err != nil {
			t.Fatal(err)
		}
		b.account, err = b.AddAccount(t.Context(), scheme.Person{Name: "星野"}, "Hoshino@Example.jp", phc, b.secret)
		if err != nil {
			t.Fatal(err)
		}
		run(t, b)
	})
}

// browser carries a session's cookie from request to request.
type browser struct {
	b      *bench
	srv    *httptest.Server
	client *http.Client
	act    func(http.ResponseWriter, *http.Request)
}

func (b *bench) browser() *browser {
	b.t.Helper()
	jar, err := cookiejar.New(nil)
	if err != nil {
		b.t.Fatal(err)
	}
	br := &browser{b: b, client: &http.Client{Jar: jar}}
	br.srv = httptest.NewServer(b.Middleware(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { br.act(w, r) })))
	b.t.Cleanup(br.srv.Close)
	return br
}

// do runs fn within one request of the browser.
func (br *browser) do(fn func(ctx context.Context) error) error {
	br.b.t.Helper()
	return br.request(func(_ http.ResponseWriter, r *http.Request) error { return fn(r.Context()) })
}

func (br *browser) request(fn func(http.ResponseWriter, *http.Request) error) error {
	br.b.t.Helper()
	var err error
	br.act = func(w http.ResponseWriter, r *http.Request) { err = fn(w, r) }
	resp, rerr := br.client.Get(br.srv.URL)
	if rerr != nil {
		br.b.t.Fatal(rerr)
	}
	resp.Body.Close()
	return err
}

func (br *browser) signIn() {
	br.b.t.Helper()
	err := br.do(func(ctx context.Context) error {
		step, err := br.b.SignIn(ctx, "hoshino@example.jp", password)
		if err == nil && step != StepCode {
			return errors.New("no code is asked for: " + string(step))
		}
		return err
	})
	if err != nil {
		br.b.t.Fatal(err)
	}
	if err := br.code(br.b.now()); err != nil {
		br.b.t.Fatal(err)
	}
}

func (br *browser) code(at time.Time) error {
	br.b.t.Helper()
	code, err := TOTPCode(br.b.secret, at)
	if err != nil {
		br.b.t.Fatal(err)
	}
	return br.do(func(ctx context.Context) error { return br.b.Code(ctx, code) })
}

func (br *browser) signedIn() bool {
	br.b.t.Helper()
	var who Who
	if err := br.do(func(ctx context.Context) (err error) { who, err = br.b.Who(ctx); return err }); err != nil {
		br.b.t.Fatal(err)
	}
	return who.SignedIn()
}

func (br *browser) token() string {
	u, err := url.Parse(br.srv.URL)
	if err != nil {
		br.b.t.Fatal(err)
	}
	for _, k := range br.client.Jar.Cookies(u) {
		if k.Name == "hoshi" {
			return k.Value
		}
	}
	return ""
}

func TestSignIn(t *testing.T) {
	onBothEngines(t, func(t *testing.T, b *bench) {
		br := b.browser()
		wrong := br.do(func(ctx context.Context) error { _, err := b.SignIn(ctx, "hoshino@example.jp", "wrong"); return err })
		unknown := br.do(func(ctx context.Context) error { _, err := b.SignIn(ctx, "nobody@example.jp", password); return err })
		if !fault.Is(wrong, fault.Invalid) || wrong.Error() != unknown.Error() {
			t.Errorf("a wrong password and an unknown login differ: %v / %v", wrong, unknown)
		}
		if err := br.code(b.now()); !fault.Is(err, fault.Unauthenticated) {
			t.Errorf("a code without a password: %v", err)
		}
		br.signIn()
		if !br.signedIn() {
			t.Fatal("not signed in")
		}
	})
}

// The token changes with the privilege, and only its hash is stored.
func TestTokenIsRenewedAndHashed(t *testing.T) {
	onBothEngines(t, func(t *testing.T, b *bench) {
		br := b.browser()
		err := br.do(func(ctx context.Context) error { _, err := b.SignIn(ctx, "hoshino@example.jp", password); return err })
		if err != nil {
			t.Fatal(err)
		}
		before := br.token()
		if err := br.code(b.now()); err != nil {
			t.Fatal(err)
		}
		after := br.token()
		if before == "" || after == "" || before == after {
			t.Errorf("tokens: %q, %q", before, after)
		}
		err = b.db.View(t.Context(), func(tx *store.Tx) error {
			row, err := store.Session(t.Context(), tx, hashToken(after))
			if err == nil && (strings.Contains(row.Doc, after) || row.AccountID != b.account.ID) {
				t.Errorf("row: %+v", row)
			}
			if _, err := store.Session(t.Context(), tx, after); !fault.Is(err, fault.NotFound) {
				t.Errorf("the token itself is a key: %v", err)
			}
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	})
}

func TestCodeIsGoodOnce(t *testing.T) {
	onBothEngines(t, func(t *testing.T, b *bench) {
		b.browser().signIn()
		br := b.browser()
		err := br.do(func(ctx context.Context) error { _, err := b.SignIn(ctx, "hoshino@example.jp", password); return err })
		if err != nil {
			t.Fatal(err)
		}
		if err := br.code(b.now()); !fault.Is(err, fault.Invalid) {
			t.Fatalf("the same code again: %v", err)
		}
		if err := br.code(b.now().Add(-30 * time.Second)); !fault.Is(err, fault.Invalid) {
			t.Fatalf("an older code: %v", err)
		}
		b.clock.Advance(30 * time.Second)
		if err := br.code(b.now()); err != nil {
			t.Fatalf("the next code: %v", err)
		}
	})
}

// Wrong tries lock an account for longer and longer, whether password or code.
func TestLockout(t *testing.T) {
	onBothEngines(t, func(t *testing.T, b *bench) {
		br := b.browser()
		try := func(pw string) error {
			return br.do(func(ctx context.Context) error { _, err := b.SignIn(ctx, "hoshino@example.jp", pw); return err })
		}
		for range freeTries {
			if err := try("wrong"); err == nil {
				t.Fatal("a wrong password is right")
			}
		}
		if try(password) == nil {
			t.Error("not locked after so many wrong tries")
		}
		b.clock.Advance(firstLock - time.Second)
		if try(password) == nil {
			t.Error("the lock ends early")
		}
		b.clock.Advance(2 * time.Second)
		if err := try("wrong"); err == nil {
			t.Fatal("a wrong password is right")
		}
		b.clock.Advance(firstLock + time.Second)
		if try(password) == nil {
			t.Error("the delay does not grow")
		}
		b.clock.Advance(firstLock)
		if err := try(password); err != nil {
			t.Errorf("after the delay: %v", err)
		}
	})
}

// Of many tries sent at the same instant no more are judged than of tries one
// after the other, password or code.
func TestTriesAtTheSameTime(t *testing.T) {
	onBothEngines(t, func(t *testing.T, b *bench) {
		known := make([]*browser, 12)
		for i := range known {
			known[i] = b.browser()
			err := known[i].do(func(ctx context.Context) error { _, err := b.SignIn(ctx, "hoshino@example.jp", password); return err })
			if err != nil {
				t.Fatal(err)
			}
		}
		var all sync.WaitGroup
		for i, br := range known {
			all.Go(func() {
				if i%2 == 0 {
					br = b.browser()
					_ = br.do(func(ctx context.Context) error { _, err := b.SignIn(ctx, "hoshino@example.jp", "wrong"); return err })
				} else {
					_ = br.request(func(_ http.ResponseWriter, r *http.Request) error { return b.Code(r.Context(), "000000") })
				}
			})
		}
		all.Wait()
		err := b.db.View(t.Context(), func(tx *store.Tx) error {
			c, err := store.CredentialsOf(t.Context(), tx, b.account.ID)
			if c.Failures != freeTries {
				t.Errorf("%d tries were judged", c.Failures)
			}
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	})
}

// Giving the right password again and again neither locks nor clears wrong codes.
func TestRightPasswordIsNoTry(t *testing.T) {
	onBothEngines(t, func(t *testing.T, b *bench) {
		br := b.browser()
		for range 2 * freeTries {
			if err := br.do(func(ctx context.Context) error { _, err := b.SignIn(ctx, "hoshino@example.jp", password); return err }); err != nil {
				t.Fatal(err)
			}
		}
		for range freeTries - 1 {
			if err := br.do(func(ctx context.Context) error { return b.Code(ctx, "000000") }); err == nil {
				t.Fatal("a wrong code is right")
			}
			if err := br.do(func(ctx context.Context) error { _, err := b.SignIn(ctx, "hoshino@example.jp", password); return err }); err != nil {
				t.Fatal(err)
			}
		}
		if err := br.do(func(ctx context.Context) error { return b.Code(ctx, "000000") }); err == nil {
			t.Fatal("a wrong code is right")
		}
		if err := br.code(b.now()); err == nil {
			t.Error("the right password between wrong codes clears them")
		}
	})
}

func TestLockFor(t *testing.T) {
	last := time.Duration(0)
	for n := range int64(40) {
		d := lockFor(n)
		if d < last || d > maxLock || (n < freeTries) != (d == 0) {
			t.Errorf("after %d wrong tries %v, before %v", n, d, last)
		}
		last = d
	}
	if last != maxLock {
		t.Errorf("the delay ends at %v", last)
	}
}

func TestSessionsExpire(t *testing.T) {
	onBothEngines(t, func(t *testing.T, b *bench) {
		br := b.browser()
		br.signIn()
		b.clock.Advance(31 * time.Minute)
		if br.signedIn() {
			t.Error("signed in after the idle time")
		}
		br = b.browser()
		br.signIn()
		for range 12 * 3 {
			b.clock.Advance(20 * time.Minute)
			if !br.signedIn() {
				t.Fatal("signed out while in use")
			}
		}
		b.clock.Advance(time.Minute)
		if br.signedIn() {
			t.Error("signed in after the longest time")
		}
	})
}

func TestChangingThePasswordEndsAllSessions(t *testing.T) {
	onBothEngines(t, func(t *testing.T, b *bench) {
		one, two := b.browser(), b.browser()
		one.signIn()
		b.clock.Advance(time.Minute)
		two.signIn()
		change := func(old, new string) error {
			return two.do(func(ctx context.Context) error { return b.ChangePassword(ctx, old, new) })
		}
		if err := change("wrong", "別の長い合い言葉です 2"); !fault.Is(err, fault.Invalid) {
			t.Errorf("with a wrong old password: %v", err)
		}
		if err := change(password, "short"); !fault.Is(err, fault.Invalid) {
			t.Errorf("to a short one: %v", err)
		}
		if err := change(password, "別の長い合い言葉です 2"); err != nil {
			t.Fatal(err)
		}
		if one.signedIn() || two.signedIn() {
			t.Error("a session goes on")
		}
		err := one.do(func(ctx context.Context) error { _, err := b.SignIn(ctx, "hoshino@example.jp", password); return err })
		if err == nil {
			t.Error("the old password is still right")
		}
	})
}

func TestSignInAsOnlyInTheDemo(t *testing.T) {
	onBothEngines(t, func(t *testing.T, b *bench) {
		br := b.browser()
		as := func(ctx context.Context) error { return b.SignInAs(ctx, "hoshino@example.jp") }
		if err := br.do(as); !fault.Is(err, fault.NotFound) || br.signedIn() || b.Demo() {
			t.Errorf("in production: %v", err)
		}
		b.Service = NewDemo(Options{DB: b.db, Now: b.clock.Now, Rand: rand.Reader, Issuer: "Hoshi"})
		br = b.browser()
		if err := br.do(as); err != nil || !br.signedIn() {
			t.Errorf("in the demo: %v", err)
		}
	})
}

// A kept form comes back to its account only, in bounds, and is forgotten in time.
func TestParkedForms(t *testing.T) {
	onBothEngines(t, func(t *testing.T, b *bench) {
		br := b.browser()
		form := url.Values{"text": {"長い文章"}}
		var kept bool
		park := func(v url.Values) {
			t.Helper()
			err := br.request(func(w http.ResponseWriter, r *http.Request) (err error) {
				kept, err = b.Park(w, r, "/page", v)
				return err
			})
			if err != nil {
				t.Fatal(err)
			}
		}
		if park(form); kept {
			t.Error("kept for somebody who was never signed in")
		}
		br.signIn()
		b.clock.Advance(time.Hour)
		if park(url.Values{"text": {strings.Repeat("x", MaxParked)}}); kept {
			t.Error("a form over the bound is kept")
		}
		for range ParkedEach + 2 {
			b.clock.Advance(time.Second)
			if park(form); !kept {
				t.Fatal("not kept")
			}
		}
		read := func() (page string, v url.Values, err error) {
			err = br.request(func(_ http.ResponseWriter, r *http.Request) (err error) { page, v, err = b.Parked(r); return err })
			return page, v, err
		}
		if _, _, err := read(); !fault.Is(err, fault.NotFound) {
			t.Errorf("read before signing in: %v", err)
		}
		br.signIn()
		page, v, err := read()
		if err != nil || page != "/page" || v.Get("text") != "長い文章" {
			t.Errorf("read: %q %v %v", page, v, err)
		}
		b.clock.Advance(keepEnded + time.Hour)
		if err := b.Sweep(t.Context()); err != nil {
			t.Fatal(err)
		}
		if _, _, err := read(); !fault.Is(err, fault.NotFound) {
			t.Errorf("after the sweep: %v", err)
		}
	})
}

func TestSignUp(t *testing.T) {
	onBothEngines(t, func(t *testing.T, b *bench) {
		places := func(err error) (out []string) {
			e, ok := errors.AsType[*fault.Error](err)
			if !ok {
				t.Fatalf("%v", err)
			}
			for _, p := range e.Places {
				out = append(out, p.Field)
			}
			return out
		}
		_, err := b.Service.SignUp(t.Context(), " ", "not an address", "short")
		if got := strings.Join(places(err), " "); got != "name login password" {
			t.Errorf("places: %s", got)
		}
		_, err = b.Service.SignUp(t.Context(), "\u202eonatgnihsoh", "betsu@example.jp", password)
		if got := strings.Join(places(err), " "); got != "name" {
			t.Errorf("a name that looks like another's: %s", got)
		}
		_, err = b.Service.SignUp(t.Context(), "別の人", "HOSHINO@example.jp", password)
		if got := strings.Join(places(err), " "); got != "login" {
			t.Errorf("a login that exists: %s", got)
		}
		a, err := b.Service.SignUp(t.Context(), "別の人", "betsu@example.jp", password)
		if err != nil || a.PersonID == b.account.PersonID {
			t.Errorf("%+v %v", a, err)
		}
	})
}

func FuzzParsePHC(f *testing.F) {
	f.Add("$argon2id$v=19$m=19456,t=2,p=1$AAAAAAAAAAAAAAAAAAAAAA$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA")
	f.Add("$argon2id$v=19$m=4294967295,t=2,p=1$AA$AA")
	f.Add("")
	f.Fuzz(func(t *testing.T, s string) {
		h, ok := parsePHC(s)
		if ok && (h.memory > 1<<20 || h.time > 64 || len(h.key) > 64) {
			t.Errorf("%q is out of bounds: %+v", s, h)
		}
	})
}
