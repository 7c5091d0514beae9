package practice

import (
	"bufio"
	"bytes"
	"context"
	"crypto/rand"
	"crypto/tls"
	"fmt"
	"net"
	"net/netip"
	"net/textproto"
	"os/exec"
	"slices"
	"strings"
	"testing"
	"time"
)

// started starts a device on high ports of loopback.
func started(t *testing.T, device string, flaws ...string) *Device {
	t.Helper()
	d, err := Start(Options{Make: device, Flaws: flaws, Addr: netip.MustParseAddr("127.0.0.1"), Now: time.Now, Rand: rand.Reader})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(d.Close)
	return d
}

// client runs a program of the system against a device and returns all it says.
func client(t *testing.T, name string, args ...string) string {
	t.Helper()
	exe, err := exec.LookPath(name)
	if err != nil {
		t.Fatal(name, "is needed:", err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	out, _ := exec.CommandContext(ctx, exe, args...).CombinedOutput() // refusals end with an error, and the text says which
	return string(out)
}

func has(t *testing.T, what, out string, want ...string) {
	t.Helper()
	for _, w := range want {
		if no, negated := strings.CutPrefix(w, "!"); strings.Contains(out, strings.TrimPrefix(w, "!")) == negated {
			t.Errorf("%s: %q (not wanted: %v) in\n%s", what, no, negated, out)
		}
	}
}

// The clients of Debian talk to the devices, sound and flawed.

func TestMQTTClients(t *testing.T) {
	t.Parallel()
	good, open, plain := started(t, MakeSensor), started(t, MakeSensor, "mqtt-anonymous"), started(t, MakeSensor, "plain-mqtt")
	sub := func(d *Device, more ...string) string {
		return client(t, "mosquitto_sub", append([]string{"-h", "127.0.0.1", "-p", fmt.Sprint(d.Ports.Number("mqtt")), "-t", "practice/#", "-C", "1", "-W", "3", "-v"}, more...)...)
	}
	pem := pemFile(t, good)
	for _, version := range []string{"mqttv311", "mqttv5"} {
		v := []string{"-V", version}
		has(t, version, sub(good, append(v, "--cafile", pem, "--insecure", "-u", "app", "-P", good.Password)...), "practice/temperature 21.5")
		has(t, version+" wrong", sub(good, append(v, "--cafile", pem, "--insecure", "-u", "app", "-P", "wrong")...), "!21.5", "assword")
		has(t, version+" anonymous", sub(open, append(v, "--cafile", pemFile(t, open), "--insecure")...), "practice/temperature 21.5")
	}
	has(t, "not in TLS", sub(plain, "-u", "app", "-P", plain.Password), "practice/temperature 21.5")
	// A message goes from one client to another.
	port := fmt.Sprint(plain.Ports.Number("mqtt"))
	client(t, "mosquitto_pub", "-h", "127.0.0.1", "-p", port, "-u", "app", "-P", plain.Password, "-q", "1", "-t", "home/x", "-m", "hello")
	has(t, "published", client(t, "mosquitto_sub", "-h", "127.0.0.1", "-p", port, "-u", "app", "-P", plain.Password, "-t", "home/+", "-C", "1", "-W", "3"), "hello")
}

func TestCoAPClient(t *testing.T) {
	t.Parallel()
	good, open := started(t, MakeSensor), started(t, MakeSensor, "coap-write")
	ask := func(d *Device, method, path string, more ...string) string {
		return client(t, "coap-client-openssl", append(append([]string{"-v", "6", "-B", "3", "-m", method}, more...), fmt.Sprintf("coap://127.0.0.1:%d/%s", d.Ports.Number("coap"), path))...)
	}
	has(t, "list", ask(good, "get", ".well-known/core"), `</settings>;if="setup"`)
	has(t, "settings", ask(good, "get", "settings"), "4.01", "!ssid")
	has(t, "put", ask(good, "put", "settings", "-e", "x"), "4.01")
	has(t, "missing", ask(good, "get", "nothing"), "4.04")
	has(t, "open settings", ask(open, "get", "settings"), "ssid")
	has(t, "open put", ask(open, "put", "settings", "-e", "changed"), "2.04")
	has(t, "changed settings", ask(open, "get", "settings"), "changed")
}

func TestSNMPClients(t *testing.T) {
	t.Parallel()
	good, open, read := started(t, MakeGateway), started(t, MakeGateway, "snmp-write"), started(t, MakeGateway, "snmp-read")
	at := func(d *Device) string { return fmt.Sprintf("127.0.0.1:%d", d.Ports.Number("snmp")) }
	v3 := func(hash string, pass string, more ...string) []string {
		return append([]string{"-v3", "-r", "0", "-t", "2", "-On", "-u", "admin", "-l", "authPriv", "-a", hash, "-x", "AES", "-A", pass, "-X", pass}, more...)
	}
	for _, hash := range []string{"SHA", "SHA-256"} {
		has(t, hash, client(t, "snmpget", v3(hash, good.Password, at(good), ".1.3.6.1.2.1.1.1.0", ".1.3.6.1.2.1.1.3.0")...), "Practice gateway", "Timeticks")
		has(t, hash+" wrong", client(t, "snmpget", v3(hash, "wrong-password", at(good), ".1.3.6.1.2.1.1.1.0")...), "!Practice", "uthentication failure")
	}
	has(t, "walk", client(t, "snmpwalk", v3("SHA-256", good.Password, at(good), ".1.3.6.1.2.1.1")...), "Practice gateway", ".1.3.6.1.2.1.1.6.0")
	has(t, "set", client(t, "snmpset", v3("SHA-256", good.Password, at(good), ".1.3.6.1.2.1.1.6.0", "s", "cellar")...), "cellar")
	has(t, "no encryption", client(t, "snmpget", "-v3", "-r", "0", "-t", "2", "-u", "admin", "-l", "authNoPriv", "-a", "SHA", "-A", good.Password, at(good), ".1.3.6.1.2.1.1.1.0"), "!Practice")
	v2 := []string{"-v2c", "-r", "0", "-t", "1", "-On"}
	has(t, "public on a good one", client(t, "snmpget", append(v2, "-c", "public", at(good), ".1.3.6.1.2.1.1.1.0")...), "!Practice", "Timeout")
	has(t, "public", client(t, "snmpbulkwalk", append(v2, "-c", "anything", at(read), ".1.3.6.1.2.1.1")...), "Practice gateway", ".1.3.6.1.2.1.1.6.0")
	has(t, "public writes", client(t, "snmpset", append(v2, "-c", "public", at(read), ".1.3.6.1.2.1.1.6.0", "s", "x")...), "notWritable")
	has(t, "private writes", client(t, "snmpset", append(v2, "-c", "private", at(open), ".1.3.6.1.2.1.1.6.0", "s", "attic")...), "attic")
}

func TestNameClients(t *testing.T) {
	t.Parallel()
	good, flawed, s := started(t, MakeGateway), started(t, MakeGateway, "dns-amplification"), started(t, MakeSensor)
	dig := func(d *Device, service string, more ...string) string {
		return client(t, "dig", append([]string{"@127.0.0.1", "-p", fmt.Sprint(d.Ports.Number(service)), "+tries=1", "+time=2"}, more...)...)
	}
	has(t, "own name", dig(good, "dns-udp", "gateway.practice", "A"), "127.0.0.1", "NOERROR")
	has(t, "over TCP", dig(good, "dns", "+tcp", "gateway.practice", "A"), "NOERROR")
	has(t, "other names", dig(good, "dns-udp", "example.com", "A"), "SERVFAIL", "ra;")
	has(t, "any", dig(good, "dns-udp", ".", "ANY", "+notcp"), "REFUSED")
	has(t, "large", dig(flawed, "dns-udp", ".", "ANY", "+notcp", "+bufsize=4096"), "practice practice", "ANSWER: 8")
	has(t, "mDNS types", dig(s, "mdns", "_services._dns-sd._udp.local", "PTR"), "_https._tcp.local")
	has(t, "mDNS service", dig(s, "mdns", "_https._tcp.local", "PTR"), `Practice\032sensor`)
}

// The router's services for other machines: UPnP and NAT-PMP.
func TestUPnP(t *testing.T) {
	t.Parallel()
	good, open := started(t, MakeGateway), started(t, MakeGateway, "upnp-mapping", "nat-pmp")
	url := func(d *Device) string { return fmt.Sprintf("http://127.0.0.1:%d/device.xml", d.Ports.Number("upnp")) }
	has(t, "status", client(t, "upnpc", "-u", url(good), "-s"), "Found", "Disconnected")
	add := []string{"-a", "127.0.0.1", "8080", "18080", "TCP"}
	has(t, "refused", client(t, "upnpc", append([]string{"-i", "-u", url(good)}, add...)...), "606")
	has(t, "mapping", client(t, "upnpc", append([]string{"-i", "-u", url(open)}, add...)...), "is redirected to internal 127.0.0.1:8080")
	has(t, "list", client(t, "upnpc", "-i", "-u", url(open), "-l"), "18080->127.0.0.1:8080")

	c, err := net.Dial("udp", fmt.Sprintf("127.0.0.1:%d", good.Ports.Number("ssdp")))
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	_ = c.SetDeadline(time.Now().Add(5 * time.Second))
	ask := "M-SEARCH * HTTP/1.1\r\nHOST: 239.255.255.250:1900\r\nMAN: \"ssdp:discover\"\r\nMX: 1\r\nST: ssdp:all\r\n\r\n"
	if _, err := c.Write([]byte(ask)); err != nil {
		t.Fatal(err)
	}
	b := make([]byte, 2048)
	n, err := c.Read(b)
	if err != nil {
		t.Fatal(err)
	}
	has(t, "ssdp", string(b[:n]), url(good), "upnp:rootdevice")
	if n > 3*len(ask) {
		t.Errorf("the answer has %d bytes, the question %d", n, len(ask))
	}
	if got := natPMP([]byte{0, 1, 0, 0, 0, 1, 0, 2, 0, 0, 0, 9}); !bytes.Equal(got[:8], []byte{0, 129, 0, 2, 0, 0, 0, 1}) || len(got) != 16 {
		t.Errorf("nat-pmp mapping: % x", got)
	}
}

func TestWebClients(t *testing.T) {
	t.Parallel()
	g, s := started(t, MakeGateway), started(t, MakeSensor)
	curl := func(d *Device, path string, more ...string) string {
		return client(t, "curl", append([]string{"-ksSi", "--max-time", "10", fmt.Sprintf("https://127.0.0.1:%d%s", d.Ports.Number("https"), path)}, more...)...)
	}
	has(t, "redirect", client(t, "curl", "-si", fmt.Sprintf("http://127.0.0.1:%d/", g.Ports.Number("http"))), "301", fmt.Sprintf("Location: https://127.0.0.1:%d/", g.Ports.Number("https")))
	has(t, "settings", curl(g, "/api/settings"), "401")
	login := func(pass string) string {
		return curl(g, "/api/login", "--json", `{"username":"admin","password":"`+pass+`"}`)
	}
	has(t, "wrong", login("wrong"), "401")
	_, token, _ := strings.Cut(login(g.Password), `"token":"`)
	token, _, _ = strings.Cut(token, `"`)
	has(t, "settings signed in", curl(g, "/api/settings", "-H", "Authorization: Bearer "+token), "ssid")
	for range allowed {
		login("wrong")
	}
	has(t, "limit", login(g.Password), "429", "Retry-After: ")

	has(t, "nobody", curl(s, "/settings.json"), "401", "Basic realm")
	has(t, "first value", curl(s, "/settings.json", "-u", "admin:admin", "-L"), "303", "!ssid", "name=again")
	has(t, "set", curl(s, "/password", "-u", "admin:admin", "-d", "old=admin&new=a-new-value&again=a-new-value"), "303")
	has(t, "old", curl(s, "/settings.json", "-u", "admin:admin"), "401")
	has(t, "new", curl(s, "/settings.json", "-u", "admin:a-new-value"), "200", "ssid")
}

// The stream is described to those who sign in with Digest.
func TestStream(t *testing.T) {
	t.Parallel()
	d := started(t, MakeCamera)
	at := fmt.Sprintf("127.0.0.1:%d", d.Ports.Number("rtsp"))
	c, err := tls.Dial("tcp", at, &tls.Config{InsecureSkipVerify: true})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	_ = c.SetDeadline(time.Now().Add(10 * time.Second))
	r := textproto.NewReader(bufio.NewReader(c))
	ask := func(method, more string) (string, textproto.MIMEHeader) {
		fmt.Fprintf(c, "%s rtsp://%s/stream RTSP/1.0\r\nCSeq: 7\r\n%s\r\n", method, at, more)
		line, err := r.ReadLine()
		if err != nil {
			t.Fatal(err)
		}
		h, err := r.ReadMIMEHeader()
		if err != nil || h.Get("CSeq") != "7" {
			t.Fatal(h, err)
		}
		return line, h
	}
	if line, h := ask("OPTIONS", ""); line != "RTSP/1.0 200 OK" || !strings.Contains(h.Get("Public"), "DESCRIBE") {
		t.Error(line, h)
	}
	line, h := ask("DESCRIBE", "")
	a, ok := parseDigest(h.Get("WWW-Authenticate"))
	if line != "RTSP/1.0 401 Unauthorized" || !ok || a["realm"] != "practice" {
		t.Fatal(line, h)
	}
	sign := func(pass string) string {
		// Written out as RFC 2617 3.2.2 has it, apart from the device's own code.
		out := client(t, "sh", "-c", `h() { printf %s "$1" | md5sum | cut -d" " -f1; }
h "$(h "admin:practice:$1"):$2:$(h "DESCRIBE:rtsp://$3/stream")"`, "sh", pass, a["nonce"], at)
		return fmt.Sprintf("Authorization: Digest username=\"admin\", realm=\"practice\", nonce=%q, uri=\"rtsp://%s/stream\", response=%q\r\n", a["nonce"], at, strings.TrimSpace(out))
	}
	if line, _ := ask("DESCRIBE", sign("wrong")); line != "RTSP/1.0 401 Unauthorized" {
		t.Error(line)
	}
	if line, h := ask("DESCRIBE", sign(d.Password)); line != "RTSP/1.0 200 OK" || h.Get("Content-Type") != "application/sdp" {
		t.Error(line, h)
	}
}

// With OpenSSL in the place of the tool: what TLS the devices take.
func TestTLSClient(t *testing.T) {
	t.Parallel()
	for flaw, want := range map[string][]string{
		"":           {"TLSv1.2", "ECDHE-ECDSA", "256 bit"},
		"small-key":  {"1024 bit"},
		"old-tls":    {"TLSv1.2"},
		"weak-suite": {"TLSv1.2"},
	} {
		d := started(t, MakeCamera, flaw)
		has(t, flaw, client(t, "sh", "-c", fmt.Sprintf("openssl s_client -tls1_2 -cipher ALL:@SECLEVEL=0 -connect 127.0.0.1:%d </dev/null", d.Ports.Number("https"))), want...)
	}
}

// Every flaw starts, alone and with all the others of its make.
func TestEveryFlawStarts(t *testing.T) {
	for _, device := range Makes {
		var all []string
		for _, f := range Flaws(device) {
			all = append(all, f.ID)
			d := started(t, device, f.ID)
			d.Close()
		}
		d := started(t, device, all...)
		if len(d.Ports.TCP()) < 2 {
			t.Errorf("%s: %v", device, d.Ports)
		}
		for service := range d.Ports {
			if realPorts[service] == "" {
				t.Errorf("%s: %s has no real port", device, service)
			}
		}
	}
	var seen []string
	for _, p := range realPorts {
		if slices.Contains(seen, p) {
			t.Error("twice:", p)
		}
		seen = append(seen, p)
	}
}

func FuzzServers(f *testing.F) {
	d, err := Start(Options{Make: MakeGateway, Flaws: []string{"snmp-write", "upnp-mapping"}, Addr: netip.MustParseAddr("127.0.0.1"), Now: time.Now, Rand: rand.Reader})
	if err != nil {
		f.Fatal(err)
	}
	f.Cleanup(d.Close)
	agent, err := d.snmp()
	if err != nil {
		f.Fatal(err)
	}
	f.Add([]byte("\x40\x01\x48\x53\xbb.well-known\x04core"))
	f.Add([]byte("\x30\x29\x02\x01\x01\x04\x06public\xa0\x1c\x02\x04\x48\x6f\x73\x68\x02\x01\x00\x02\x01\x00\x30\x0e\x30\x0c\x06\x08\x2b\x06\x01\x02\x01\x01\x01\x00\x05\x00"))
	f.Add([]byte("\x00\x04MQTT\x04\xc2\x00\x3c\x00\x01x\x00\x01u\x00\x01p"))
	f.Add([]byte(`Digest username="admin", nonce="x", response="y"`))
	f.Add([]byte("M-SEARCH * HTTP/1.1\r\nMAN: \"ssdp:discover\"\r\nST: ssdp:all\r\n\r\n"))
	f.Fuzz(func(_ *testing.T, b []byte) {
		c := coap{list: "x", read: true, write: true, kept: &coapSettings{}}
		c.answer(b)
		agent.answer(b, "")
		_, _ = parseConnect(b)
		_, _, _ = mqttPacket(bufio.NewReader(bytes.NewReader(b)))
		parseDigest(string(b))
		d.rtspAnswer(string(b), textproto.MIMEHeader{"Authorization": {string(b)}}, "n", "")
		d.ssdp(b)
		d.dns(b, false)
		d.mdns(b)
		natPMP(b)
		_, _, _ = parseSOAP(bytes.NewReader(b))
	})
}

// pemFile writes the certificate that a device shows to a file.
func pemFile(t *testing.T, d *Device) string {
	t.Helper()
	path := t.TempDir() + "/device.pem"
	client(t, "sh", "-c", fmt.Sprintf("openssl s_client -connect 127.0.0.1:%d </dev/null 2>/dev/null | openssl x509 >%s", d.Ports.Number("https"), path))
	return path
}
