package imported

import (
	"encoding/json"
	"maps"
	"slices"
	"strconv"
	"strings"

	"hoshi/internal/probe"
)

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
