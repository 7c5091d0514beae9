// Package imported reads the output of other tools, nmap XML, testssl.sh JSON and
// sslyze JSON, as facts of stated origin.
//
// Such facts stand beside Hoshi's own and never in their place: rules read them
// only where the edition says so. A file is foreign input: its size is bounded, it
// must be about one address, and what is not understood is left out.
package imported

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"encoding/pem"
	"encoding/xml"
	"errors"
	"io"
	"maps"
	"net/netip"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"hoshi/internal/fact"
	"hoshi/internal/probe"
	"hoshi/internal/probe/tls"
)

// MaxFile is the largest file that is taken in, in bytes.
const MaxFile = 8 << 20

// most bounds how many facts one file gives.
const most = 4096

// Errors that say why a file is refused.
var (
	ErrForeign = errors.New("imported: not the output of a tool that is known")
	ErrMany    = errors.New("imported: the file is about more than one address")
	ErrLarge   = errors.New("imported: the file is too large")
)

// File is the output of a tool as read.
type File struct {
	Tool    string // "nmap", "testssl.sh", "sslyze"
	Version string // "" = the file does not say
	Made    string // when, as a day in UTC; "" = the file does not say
	Target  string // the address that was looked at
	Facts   fact.Set
}

// Ext is the file name's ending that fits the tool.
func (f File) Ext() string {
	if f.Tool == "nmap" {
		return "xml"
	}
	return "json"
}

// Parse reads a file of any known tool. name stands as the source of its facts.
// The facts are sorted; the first fact of every file is import.file.
func Parse(name string, b []byte) (File, error) {
	if len(b) > MaxFile {
		return File{}, ErrLarge
	}
	var f File
	var err error
	switch t := bytes.TrimLeft(b, "\ufeff \t\r\n"); {
	case bytes.HasPrefix(t, []byte("<")):
		f, err = nmap(b)
	case bytes.HasPrefix(t, []byte("[")):
		f, err = testssl(b)
	case bytes.HasPrefix(t, []byte("{")):
		if f, err = sslyze(b); errors.Is(err, ErrForeign) {
			f, err = testsslPretty(b)
		}
	default:
		err = ErrForeign
	}
	if err != nil {
		return File{}, err
	}
	sum := sha256.Sum256(b)
	f.Facts = append(f.Facts, stated("import.file", name, map[string]any{"tool": f.Tool, "version": f.Version, "made": f.Made, "target": f.Target, "sha256": hex.EncodeToString(sum[:])}))
	for i := range f.Facts {
		f.Facts[i].Source = []string{name}
	}
	f.Facts.Sort()
	return f, nil
}

func stated(name, subject string, v any) fact.Fact {
	f := probe.Observed(name, subject, v)
	f.Origin = fact.Imported
	return f
}

// address takes one address for the whole file.
func (f *File) address(s string) error {
	a, err := netip.ParseAddr(s)
	if err != nil {
		return ErrForeign
	}
	a = a.Unmap()
	if f.Target != "" && f.Target != a.String() {
		return ErrMany
	}
	f.Target = a.String()
	return nil
}

func (f *File) add(x ...fact.Fact) {
	for _, y := range x {
		if len(f.Facts) < most && !slices.ContainsFunc(f.Facts, func(o fact.Fact) bool { return o.Name == y.Name && o.Subject == y.Subject }) {
			f.Facts = append(f.Facts, y)
		}
	}
}

type nmapRun struct {
	Scanner string `xml:"scanner,attr"`
	Version string `xml:"version,attr"`
	Start   int64  `xml:"start,attr"`
	Info    []struct {
		Protocol string `xml:"protocol,attr"`
		Number   int    `xml:"numservices,attr"`
	} `xml:"scaninfo"`
	Hosts []struct {
		Addresses []struct {
			Addr string `xml:"addr,attr"`
			Type string `xml:"addrtype,attr"`
		} `xml:"address"`
		Extra []struct {
			State  string `xml:"state,attr"`
			Count  int    `xml:"count,attr"`
			Reason []struct {
				Proto string `xml:"proto,attr"`
				Count int    `xml:"count,attr"`
			} `xml:"extrareasons"`
		} `xml:"ports>extraports"`
		Ports []struct {
			Protocol string `xml:"protocol,attr"`
			ID       int    `xml:"portid,attr"`
			State    struct {
				State string `xml:"state,attr"`
			} `xml:"state"`
			Service struct {
				Name    string `xml:"name,attr"`
				Product string `xml:"product,attr"`
				Version string `xml:"version,attr"`
				Tunnel  string `xml:"tunnel,attr"`
				Method  string `xml:"method,attr"`
			} `xml:"service"`
		} `xml:"ports>port"`
	} `xml:"host"`
}

// nmap reads the XML of nmap -oX.
func nmap(b []byte) (File, error) {
	d := xml.NewDecoder(bytes.NewReader(b))
	d.Strict = true
	d.Entity = map[string]string{}
	d.CharsetReader = func(charset string, r io.Reader) (io.Reader, error) {
		if strings.EqualFold(charset, "utf-8") || strings.EqualFold(charset, "us-ascii") {
			return r, nil
		}
		return nil, ErrForeign
	}
	var run nmapRun
	if err := d.Decode(&run); err != nil || run.Scanner != "nmap" || !ends(d) {
		return File{}, ErrForeign
	}
	f := File{Tool: "nmap", Version: probe.Clip(run.Version), Made: day(run.Start)}
	counts := map[string]map[string]int{}
	for _, h := range run.Hosts {
		whose := false
		for _, a := range h.Addresses {
			if a.Type == "ipv4" || a.Type == "ipv6" {
				whose = true
				if err := f.address(a.Addr); err != nil {
					return File{}, err
				}
			}
		}
		if !whose && len(h.Ports)+len(h.Extra) > 0 {
			return File{}, ErrForeign
		}
		count := func(proto, state string, n int) {
			if counts[proto] == nil {
				counts[proto] = map[string]int{}
			}
			counts[proto][state] += n
		}
		for _, x := range h.Extra {
			for _, r := range x.Reason {
				if r.Proto != "" && r.Count >= 0 && r.Count <= 65535 {
					count(r.Proto, x.State, r.Count)
				}
			}
			if len(run.Info) == 1 && !slices.ContainsFunc(x.Reason, func(r struct {
				Proto string `xml:"proto,attr"`
				Count int    `xml:"count,attr"`
			}) bool {
				return r.Proto != ""
			}) && x.Count >= 0 && x.Count <= 65535 { // older versions do not name the protocol
				count(run.Info[0].Protocol, x.State, x.Count)
			}
		}
		for _, p := range h.Ports {
			if p.ID < 1 || p.ID > 65535 || p.Protocol != "tcp" && p.Protocol != "udp" {
				continue
			}
			count(p.Protocol, p.State.State, 1)
			if p.State.State != "open" {
				continue
			}
			port := p.Protocol + "/" + strconv.Itoa(p.ID)
			if p.Protocol == "udp" {
				f.add(stated("udp.open", port, map[string]any{"service": probe.Clip(p.Service.Name), "answered": true}))
				continue
			}
			f.add(stated("tcp.open", port, true))
			if p.Service.Method == "probed" {
				name := probe.Clip(p.Service.Name)
				secure := p.Service.Tunnel == "ssl"
				if name == "https" {
					name, secure = "http", true
				}
				f.add(stated("service.protocol", port, map[string]any{"protocol": name, "over": "", "tls": secure, "understood": false,
					"software": probe.Clip(strings.TrimSpace(p.Service.Product + " " + p.Service.Version)), "excerpt": ""}))
			}
		}
	}
	if f.Target == "" {
		return File{}, ErrForeign
	}
	for _, i := range run.Info {
		c := counts[i.Protocol]
		if c == nil || i.Number < 1 || i.Number > 65536 {
			continue
		}
		open, closed, filtered := c["open"], c["closed"], c["filtered"]
		v := map[string]any{"asked": min(i.Number, 65535), "open": open, "closed": closed, "filtered": filtered, "undecided": max(0, min(i.Number, 65535)-open-closed-filtered)}
		switch i.Protocol {
		case "tcp":
			f.add(stated("tcp.coverage", "", v))
		case "udp":
			v["answered"], v["method"] = open, "questions"
			f.add(stated("udp.coverage", "", v))
		}
	}
	return f, nil
}

// ends reports that only blanks and comments follow.
func ends(d *xml.Decoder) bool {
	for {
		switch t, err := d.Token(); t := t.(type) {
		case xml.CharData:
			if len(bytes.TrimSpace(t)) > 0 {
				return false
			}
		case xml.Comment, xml.ProcInst:
		default:
			return errors.Is(err, io.EOF)
		}
	}
}

func day(unix int64) string {
	if unix <= 0 || unix > 1<<36 {
		return ""
	}
	return time.Unix(unix, 0).UTC().Format(time.DateOnly)
}

// seen is what a TLS tool says of one port.
type seen struct {
	versions, suites, asked []string
	certs                   []map[string]any
	whole                   bool // suites were asked for one by one
	broken                  bool // the tool was stopped
}

func (s *seen) put(list *[]string, x string) {
	if x = probe.Clip(x); x != "" && !slices.Contains(*list, x) && len(*list) < 512 {
		*list = append(*list, x)
	}
}

// ports states what was seen; complete is false where the file does not tell that
// everything was asked.
func (f *File) ports(m map[string]*seen) {
	for port, s := range m {
		slices.Sort(s.versions)
		slices.Sort(s.suites)
		slices.Sort(s.asked)
		if len(s.asked) > 0 {
			f.add(stated("tls.version", port, map[string]any{"versions": append([]string{}, s.versions...), "asked": append([]string{}, s.asked...), "complete": len(s.asked) == 6}))
		}
		if len(s.suites) > 0 {
			f.add(stated("tls.suite", port, map[string]any{"suites": s.suites, "asked": 0, "complete": s.whole && !s.broken && len(s.asked) == 6}))
		}
		if len(s.certs) > 0 {
			f.add(stated("tls.certificate", port, map[string]any{"certificates": s.certs, "complete": true}))
		}
	}
}

// block finds a certificate in text in which line ends have become blanks.
var block = regexp.MustCompile(`-----BEGIN CERTIFICATE-----([A-Za-z0-9+/=\s]+)-----END CERTIFICATE-----`)

// certificate takes in what stands in text; place counts from 0, the server's own.
func (s *seen) certificate(text string, place, days int) {
	for _, m := range block.FindAllStringSubmatch(text, 16) {
		body := strings.Join(strings.Fields(m[1]), "\n")
		p, _ := pem.Decode([]byte("-----BEGIN CERTIFICATE-----\n" + body + "\n-----END CERTIFICATE-----\n"))
		if p == nil || len(s.certs) >= 16 {
			continue
		}
		c, ok := tls.Certificate(p.Bytes, place, days)
		if ok && !slices.ContainsFunc(s.certs, func(o map[string]any) bool { return o["sha256"] == c["sha256"] }) {
			s.certs = append(s.certs, c)
		}
		place++
	}
}

var testsslVersions = map[string]string{"SSLv2": "SSL 2.0", "SSLv3": "SSL 3.0", "TLS1": "TLS 1.0", "TLS1_1": "TLS 1.1", "TLS1_2": "TLS 1.2", "TLS1_3": "TLS 1.3"}

type finding struct {
	ID      string `json:"id"`
	IP      string `json:"ip"`
	Port    string `json:"port"`
	Finding string `json:"finding"`
}

// testssl reads the list of findings of testssl.sh --jsonfile.
func testssl(b []byte) (File, error) {
	var list []finding
	if err := json.Unmarshal(b, &list); err != nil || !slices.ContainsFunc(list, func(x finding) bool { return testsslVersions[x.ID] != "" }) {
		return File{}, ErrForeign
	}
	f := File{Tool: "testssl.sh"}
	err := f.findings(list, 0)
	return f, err
}

// testsslPretty reads the file of testssl.sh --jsonfile-pretty: the same findings,
// by server and chapter.
func testsslPretty(b []byte) (File, error) {
	var run struct {
		Version string                       `json:"version"`
		Start   string                       `json:"startTime"`
		Took    json.RawMessage              `json:"scanTime"` // a number, or that it was interrupted
		Results []map[string]json.RawMessage `json:"scanResult"`
	}
	if err := json.Unmarshal(b, &run); err != nil {
		return File{}, ErrForeign
	}
	f := File{Tool: "testssl.sh"}
	if w := strings.Fields(run.Version); len(w) > 0 {
		f.Version = probe.Clip(w[0])
	}
	start, err := strconv.ParseInt(run.Start, 10, 64)
	if err == nil {
		f.Made = day(start)
	}
	var list []finding
	for _, r := range run.Results {
		var ip, port string
		if json.Unmarshal(r["ip"], &ip) != nil || json.Unmarshal(r["port"], &port) != nil {
			continue
		}
		for _, chapter := range slices.Sorted(maps.Keys(r)) {
			var part []finding
			if json.Unmarshal(r[chapter], &part) != nil {
				continue // not a list of findings
			}
			for _, x := range part {
				x.IP, x.Port = "/"+ip, port
				list = append(list, x)
			}
		}
		list = append(list, finding{ID: "scanTime", IP: "/" + ip, Port: port, Finding: string(run.Took)})
	}
	if !slices.ContainsFunc(list, func(x finding) bool { return testsslVersions[x.ID] != "" }) {
		return File{}, ErrForeign
	}
	days := 0
	if f.Made != "" {
		days = int(start / 86400)
	}
	err = f.findings(list, days)
	return f, err
}

// findings takes in what testssl.sh found; days is the day of its run since 1970.
func (f *File) findings(list []finding, days int) error {
	m := map[string]*seen{}
	ended := map[string]bool{}
	for _, x := range list {
		n, err := strconv.Atoi(x.Port)
		_, addr, ok := strings.Cut(x.IP, "/")
		if err != nil || n < 1 || n > 65535 || !ok || addr == "" {
			continue
		}
		if err := f.address(strings.Trim(addr, "[]")); err != nil {
			return err
		}
		port := probe.TCP(n)
		s := m[port]
		if s == nil {
			if len(m) >= 64 {
				continue
			}
			s = &seen{}
			m[port] = s
		}
		switch v := testsslVersions[x.ID]; {
		case v != "":
			s.put(&s.asked, v)
			if strings.HasPrefix(x.Finding, "offered") {
				s.put(&s.versions, v)
			}
		case x.ID == "scanTime":
			_, err := strconv.Atoi(strings.TrimSpace(x.Finding))
			ended[port] = err == nil
		case strings.HasPrefix(x.ID, "cipher-") || strings.HasPrefix(x.ID, "cipher_x"):
			s.whole = true
			if w := strings.Fields(x.Finding); len(w) > 0 && (strings.HasPrefix(w[len(w)-1], "TLS_") || strings.HasPrefix(w[len(w)-1], "SSL_")) {
				s.put(&s.suites, w[len(w)-1])
			}
		case x.ID == "cert" || strings.HasPrefix(x.ID, "cert "):
			s.certificate(x.Finding, 0, days)
		case x.ID == "intermediate_cert" || strings.HasPrefix(x.ID, "intermediate_cert "):
			s.certificate(x.Finding, max(1, len(s.certs)), days)
		}
	}
	if f.Target == "" {
		return ErrForeign
	}
	for port, s := range m {
		s.broken = !ended[port]
	}
	f.ports(m)
	return nil
}

type sslyzeRun struct {
	Version string `json:"sslyze_version"`
	Started string `json:"date_scans_started"`
	Results []struct {
		Location struct {
			IP   string `json:"ip_address"`
			Port int    `json:"port"`
		} `json:"server_location"`
		Result map[string]json.RawMessage `json:"scan_result"`
	} `json:"server_scan_results"`
}

var sslyzeVersions = map[string]string{"ssl_2_0_cipher_suites": "SSL 2.0", "ssl_3_0_cipher_suites": "SSL 3.0", "tls_1_0_cipher_suites": "TLS 1.0",
	"tls_1_1_cipher_suites": "TLS 1.1", "tls_1_2_cipher_suites": "TLS 1.2", "tls_1_3_cipher_suites": "TLS 1.3"}

// sslyze reads the file of sslyze --json_out, versions 5 and 6.
func sslyze(b []byte) (File, error) {
	var run sslyzeRun
	if err := json.Unmarshal(b, &run); err != nil || run.Results == nil {
		return File{}, ErrForeign
	}
	f := File{Tool: "sslyze", Version: probe.Clip(run.Version)}
	days := 0
	if len(run.Started) >= 10 {
		if t, err := time.Parse(time.DateOnly, run.Started[:10]); err == nil {
			f.Made, days = t.Format(time.DateOnly), int(t.Unix()/86400)
		}
	}
	m := map[string]*seen{}
	for _, r := range run.Results {
		if r.Location.Port < 1 || r.Location.Port > 65535 || r.Result == nil || len(m) >= 64 {
			continue
		}
		if err := f.address(r.Location.IP); err != nil {
			return File{}, err
		}
		s := &seen{whole: true}
		m[probe.TCP(r.Location.Port)] = s
		for key, name := range sslyzeVersions {
			var part struct {
				Status string `json:"status"`
				Result *struct {
					Accepted []struct {
						Suite struct {
							Name string `json:"name"`
						} `json:"cipher_suite"`
					} `json:"accepted_cipher_suites"`
				} `json:"result"`
			}
			if raw, ok := r.Result[key]; !ok || json.Unmarshal(raw, &part) != nil || part.Result == nil || part.Status != "COMPLETED" {
				continue
			}
			s.put(&s.asked, name)
			for _, a := range part.Result.Accepted {
				s.put(&s.versions, name)
				s.put(&s.suites, a.Suite.Name)
			}
		}
		var info struct {
			Result *struct {
				Deployments []struct {
					Chain []struct {
						PEM string `json:"as_pem"`
					} `json:"received_certificate_chain"`
				} `json:"certificate_deployments"`
			} `json:"result"`
		}
		if raw, ok := r.Result["certificate_info"]; ok && json.Unmarshal(raw, &info) == nil && info.Result != nil {
			for _, d := range info.Result.Deployments {
				for i, c := range d.Chain {
					s.certificate(c.PEM, i, days)
				}
			}
		}
	}
	if f.Target == "" {
		return File{}, ErrForeign
	}
	f.ports(m)
	return f, nil
}
