package assess

import (
	"context"
	"net"
	"net/netip"
	"net/url"
	"regexp"
	"slices"
	"strings"

	"hoshi/internal/assess/link"
	"hoshi/internal/fault"
	"hoshi/internal/probe"
)

// Lookup resolves a name, as net.Resolver.LookupNetIP does with network "ip".
type Lookup func(ctx context.Context, name string) ([]netip.Addr, error)

var rangeLike = regexp.MustCompile(`^[0-9.]+-[0-9.]+$`)

// Resolve turns what a person typed into the one address of a run. Ranges, names
// with several addresses, addresses that are no single device, and public
// addresses without leave are refused. lookup nil means the system's resolver.
func Resolve(ctx context.Context, text string, lookup Lookup, public bool) (netip.Addr, error) {
	refuse := func(key string, args ...any) (netip.Addr, error) {
		return netip.Addr{}, fault.New(fault.Invalid, "assess.Resolve", key, append([]any{"address", text}, args...)...)
	}
	text = strings.TrimSpace(text)
	if u, err := url.Parse(text); err == nil && u.Host != "" { // as copied from a browser
		text = u.Hostname()
	}
	if text == "" || strings.ContainsAny(text, " \t\r\n") {
		return refuse("assess.address")
	}
	if strings.ContainsAny(text, "/*,") || rangeLike.MatchString(text) {
		return refuse("assess.range")
	}
	a, err := netip.ParseAddr(strings.Trim(text, "[]"))
	if err != nil {
		if strings.Contains(text, ":") {
			return refuse("assess.address")
		}
		if lookup == nil {
			lookup = func(ctx context.Context, name string) ([]netip.Addr, error) {
				return net.DefaultResolver.LookupNetIP(ctx, "ip", name)
			}
		}
		all, err := lookup(ctx, text)
		for i := range all {
			all[i] = all[i].Unmap()
		}
		slices.SortFunc(all, netip.Addr.Compare)
		all = slices.Compact(all)
		switch {
		case err != nil || len(all) == 0:
			return netip.Addr{}, fault.Wrap(fault.NotFound, "assess.Resolve", err, "assess.unknown", "address", text)
		case len(all) > 1:
			var names []string
			for _, x := range all {
				names = append(names, x.String())
			}
			return refuse("assess.several", "all", strings.Join(names, ", "))
		}
		a = all[0]
	}
	a = a.Unmap()
	switch {
	case a.IsUnspecified(), a.IsMulticast(), a == netip.MustParseAddr("255.255.255.255"):
		return refuse("assess.kind")
	case !local(a) && !public:
		return refuse("assess.public")
	}
	return a, nil
}

// notPublic are ranges beside loopback, private and link-local ones that never
// lead out to the internet: shared address space and benchmarking.
var notPublic = []netip.Prefix{netip.MustParsePrefix("100.64.0.0/10"), netip.MustParsePrefix("198.18.0.0/15")}

func local(a netip.Addr) bool {
	return a.IsLoopback() || a.IsPrivate() || a.IsLinkLocalUnicast() ||
		slices.ContainsFunc(notPublic, func(p netip.Prefix) bool { return p.Contains(a) })
}

// Present refuses an address that nobody on the link of this host has: the device is
// off, unplugged or elsewhere, and minutes of asking would tell no more.
func Present(ctx context.Context, a netip.Addr) error {
	if mode(a, false) == probe.ModeRemote && !link.Somebody(ctx, a) {
		return fault.New(fault.Unavailable, "assess.Present", "assess.nobody", "address", a.String())
	}
	return nil
}

// mode tells where the address stands as seen from this host.
func mode(a netip.Addr, ownNamespace bool) string {
	mine := a.IsLoopback()
	if addrs, err := net.InterfaceAddrs(); err == nil {
		for _, x := range addrs {
			if p, err := netip.ParsePrefix(x.String()); err == nil && p.Addr().Unmap() == a.WithZone("") {
				mine = true
			}
		}
	}
	switch {
	case !mine:
		return probe.ModeRemote
	case ownNamespace:
		return probe.ModeNamespace
	}
	return probe.ModeShared
}
