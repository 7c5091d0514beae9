// Package web is the portal in the browser: pages for vendors, evaluators and
// officers, and the public scope check. Handlers read a form, call one use case
// of package casework and show its outcome; they decide nothing and know no SQL.
//
// Start at routes.go, the map of every address. A page is one handler file, one
// template of the same name in templates/, and its sentences under "web." in
// i18n. Every page works without JavaScript; what is in static/ only adds to it.
package web

import (
	"context"
	"embed"
	"io"
	"log/slog"
	"net/http"
	"time"

	"hoshi/internal/auth"
	"hoshi/internal/casework"
	"hoshi/internal/i18n"
	"hoshi/internal/scheme"
)

// Options is what the portal needs.
type Options struct {
	Casework *casework.Service
	Auth     *auth.Service
	Settings *scheme.Settings
	Now      func() time.Time
	Rand     io.Reader // for the tokens of forms
	Log      *slog.Logger
	// Demo lists the people of the demo; shown only when Auth was made by [auth.NewDemo].
	Demo []DemoPerson
	// Public serves what this package has no route for: label pages, the list,
	// the log. nil = nothing.
	Public http.Handler
}

// DemoPerson is one button of the demo's sign-in.
type DemoPerson struct {
	Login string
	Name  i18n.Text
	What  i18n.Text // what to try as this person
}

//go:embed templates/*.html static
var files embed.FS

// site is the portal in service.
type site struct {
	Options
	routes []route
	pages  pageSet
	assets assets
}

// New makes the portal.
func New(o Options) (http.Handler, error) {
	s, err := newSite(o)
	if err != nil {
		return nil, err
	}
	return s.handler(), nil
}

func newSite(o Options) (*site, error) {
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	s := &site{Options: o}
	var err error
	if s.assets, err = loadAssets(files); err != nil {
		return nil, err
	}
	if s.pages, err = parsePages(files); err != nil {
		return nil, err
	}
	s.routes = s.routeList()
	return s, nil
}

func (s *site) handler() http.Handler {
	mux := http.NewServeMux()
	for _, rt := range s.routes {
		mux.Handle(rt.pattern, s.serve(rt))
	}
	portal := s.Auth.Middleware(http.NewCrossOriginProtection().Handler(mux))
	lost := s.Auth.Middleware(s.serve(route{pattern: "GET /", access: open, do: notFound}))
	top := http.NewServeMux()
	top.Handle("GET /static/", s.assets)
	top.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		if _, pattern := mux.Handler(r); pattern != "" {
			portal.ServeHTTP(w, r)
			return
		}
		if s.Public != nil && !portalPath(r.URL.Path) {
			s.Public.ServeHTTP(w, r)
			return
		}
		lost.ServeHTTP(w, r)
	})
	return secure(top)
}

// once returns a new token of a form.
func (s *site) once() string {
	var b [16]byte
	if _, err := io.ReadFull(s.Rand, b[:]); err != nil {
		s.Log.LogAttrs(context.Background(), slog.LevelError, "no randomness for a form token", slog.Any("err", err))
		return ""
	}
	return hexString(b[:])
}
