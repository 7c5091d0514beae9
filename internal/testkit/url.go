package testkit

import (
	"net/url"
	"testing"
)

// replaceDatabase points a PostgreSQL URL at another database of its server.
func replaceDatabase(t testing.TB, u, database string) string {
	t.Helper()
	p, err := url.Parse(u)
	if err != nil {
		t.Fatal(err)
	}
	p.Path = "/" + database
	return p.String()
}
