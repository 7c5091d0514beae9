package imported

import (
	"bytes"
	"encoding/xml"
	"errors"
	"io"
	"slices"
	"strconv"
	"strings"
	"time"

	"hoshi/internal/probe"
)

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
