package practice

import (
	"context"
	"encoding/base32"
	"errors"
	"fmt"
	"io"
	"log"
	"maps"
	"net"
	"net/http"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
)

// Options are what a device takes from outside.
type Options struct {
	Make  string     // one of Makes; "" = camera
	Flaws []string   // ids of flaws.yaml that are switched on
	Addr  netip.Addr // where it listens
	// RealPorts makes port 80 port 80, 443 443 and so on. Otherwise the system
	// chooses high ports.
	RealPorts bool
	Now       func() time.Time
	Rand      io.Reader
}

// Device is a running practice device.
type Device struct {
	Make     string
	Ports    Ports
	Password string // first right value of its declared account; unique to this device unless flawed

	o     Options
	guard *guard
	stop  []func()
	wg    sync.WaitGroup
	once  sync.Once
}

// Ports are the ports on which a device listens by the word of the service:
// "https" to "tcp/443". What is not there is not listened on.
type Ports map[string]string

// RealPorts are the ports of a device with a network of its own.
func RealPorts() Ports { return maps.Clone(realPorts) }

var realPorts = Ports{
	"https": "tcp/443", "http": "tcp/80", "ssh": "tcp/22", "telnet": "tcp/23", "debug": "tcp/48101",
	"rtsp": "tcp/322", "dns": "tcp/53", "upnp": "tcp/49000", "mqtt": "tcp/8883",
	"dns-udp": "udp/53", "snmp": "udp/161", "ssdp": "udp/1900", "nat-pmp": "udp/5351", "mdns": "udp/5353", "coap": "udp/5683",
	"udp-high": "udp/48102", "udp-silent": "udp/21103",
}

// Number is the port number of a service, 0 = not there.
func (p Ports) Number(service string) int {
	_, n, _ := strings.Cut(p[service], "/")
	i, _ := strconv.Atoi(n)
	return i
}

// String names the services and their ports, as a person reads them.
func (p Ports) String() string {
	var out []string
	for _, service := range slices.Sorted(maps.Keys(p)) {
		out = append(out, service+" "+p[service])
	}
	return strings.Join(out, ", ")
}

// TCP lists the open TCP ports, ascending.
func (p Ports) TCP() []int { return p.all("tcp/") }

// UDP lists the open UDP ports, ascending.
func (p Ports) UDP() []int { return p.all("udp/") }

func (p Ports) all(transport string) []int {
	var out []int
	for service, port := range p {
		if strings.HasPrefix(port, transport) {
			out = append(out, p.Number(service))
		}
	}
	slices.Sort(out)
	return out
}

// Start starts a device. Close stops it.
func Start(o Options) (*Device, error) {
	if o.Make == "" {
		o.Make = MakeCamera
	}
	d := &Device{Make: o.Make, Ports: Ports{}, o: o}
	d.guard = newGuard(o.Now)
	d.guard.keepOld, d.guard.perSource = d.has("old-password"), d.has("limit-per-source")
	b := make([]byte, 10)
	if _, err := io.ReadFull(o.Rand, b); err != nil {
		return nil, err
	}
	d.Password = strings.ToLower(base32.StdEncoding.EncodeToString(b))
	listen, ok := map[string]func() error{MakeCamera: d.camera, MakeGateway: d.gateway, MakeSensor: d.sensor}[o.Make]
	if !ok {
		return nil, fmt.Errorf("practice: no make %q", o.Make)
	}
	if err := listen(); err != nil {
		d.Close()
		return nil, err
	}
	return d, nil
}

func (d *Device) has(flaw string) bool { return slices.Contains(d.o.Flaws, flaw) }

// Close stops the device and waits until nothing of it runs.
func (d *Device) Close() {
	d.once.Do(func() {
		for _, f := range slices.Backward(d.stop) {
			f()
		}
		d.wg.Wait()
	})
}

// Change gives an account a new value, as its owner does on the settings page.
func (d *Device) Change(user, value string) { d.guard.change(user, value) }

// tcp listens on the port of a service and serves it until the device stops.
func (d *Device) tcp(service string, serve func(net.Listener)) error {
	port := 0
	if d.o.RealPorts {
		port = realPorts.Number(service)
	}
	l, err := net.Listen("tcp", netip.AddrPortFrom(d.o.Addr, uint16(port)).String())
	if err != nil {
		return err
	}
	d.Ports[service] = "tcp/" + strconv.Itoa(l.Addr().(*net.TCPAddr).Port)
	d.stop = append(d.stop, func() { _ = l.Close() })
	d.wg.Go(func() { serve(l) })
	return nil
}

// udp listens on the port of a service and answers each datagram; nil answers
// are not sent.
func (d *Device) udp(service string, answer func(b []byte) []byte) error {
	return d.udpFrom(service, func(b []byte, _ string) []byte { return answer(b) })
}

// udpFrom is udp for those that want to know who asks.
func (d *Device) udpFrom(service string, answer func(b []byte, from string) []byte) error {
	port := 0
	if d.o.RealPorts {
		port = realPorts.Number(service)
	}
	p, err := net.ListenPacket("udp", netip.AddrPortFrom(d.o.Addr, uint16(port)).String())
	if err != nil {
		return err
	}
	d.Ports[service] = "udp/" + strconv.Itoa(p.LocalAddr().(*net.UDPAddr).Port)
	d.stop = append(d.stop, func() { _ = p.Close() })
	d.wg.Go(func() {
		b := make([]byte, 4096)
		for {
			n, from, err := p.ReadFrom(b)
			if errors.Is(err, net.ErrClosed) {
				return
			}
			if err != nil {
				continue
			}
			if out := answer(b[:n], from.String()); out != nil {
				_, _ = p.WriteTo(out, from)
			}
		}
	})
	return nil
}

// each serves connections side by side, each within a time limit.
func (d *Device) each(serve func(net.Conn)) func(net.Listener) {
	ctx, cancel := context.WithCancel(context.Background())
	d.stop = append(d.stop, cancel)
	return func(l net.Listener) {
		for {
			n, err := l.Accept()
			if errors.Is(err, net.ErrClosed) {
				return
			}
			if err != nil {
				continue
			}
			d.wg.Go(func() {
				defer n.Close()
				defer context.AfterFunc(ctx, func() { _ = n.Close() })()
				_ = n.SetDeadline(time.Now().Add(30 * time.Second))
				serve(n)
			})
		}
	}
}

// web serves pages.
func (d *Device) web(l net.Listener, h http.Handler) {
	s := &http.Server{Handler: h, ReadTimeout: 20 * time.Second, ErrorLog: log.New(io.Discard, "", 0)}
	done := make(chan struct{})
	go func() { defer close(done); _ = s.Serve(l) }()
	<-done
	_ = s.Close()
}

// redirect leads from http to https and says nothing else.
func (d *Device) redirect(w http.ResponseWriter, r *http.Request) {
	host, _, err := net.SplitHostPort(r.Host)
	if err != nil {
		host = r.Host
	}
	if n := d.Ports.Number("https"); n != 443 {
		host = net.JoinHostPort(host, strconv.Itoa(n))
	}
	http.Redirect(w, r, "https://"+host+"/", http.StatusMovedPermanently)
}

// first runs steps until one fails.
func first(steps ...func() error) error {
	for _, f := range steps {
		if err := f(); err != nil {
			return err
		}
	}
	return nil
}
