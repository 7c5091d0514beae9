package ssdp

import (
	"bytes"
	"encoding/xml"
	"io"
	"net"
	"net/url"
	"strconv"
	"strings"
)

// Bounds of what is read out of one description.
const (
	maxServices = 16
	maxActions  = 64
	maxText     = 256
)

// device is a description of a device (UPnP Device Architecture 1.1, section 2.3).
type device struct {
	told     map[string]string // of the root device: friendlyName, …
	services []service
}

// service is one service of a device, with references as the device wrote them.
type service struct {
	kind    string // serviceType
	actions string // SCPDURL
	control string // controlURL
}

// action is something that a service does when asked.
type action struct {
	name   string
	inputs int
}

// reads reports that the action only reads, by its name; anything else may change
// something.
func (a action) reads() bool {
	for _, p := range []string{"Get", "List", "Browse", "Search", "Query", "Is", "X_Get"} {
		if strings.HasPrefix(a.name, p) {
			return true
		}
	}
	return false
}

// elements calls end at the end of each element, with its name, that of its parent
// and its text. Input that is cut or not well-formed is read as far as it goes.
func elements(b []byte, end func(parent, name, text string)) {
	d := xml.NewDecoder(bytes.NewReader(b))
	d.Strict = false
	d.CharsetReader = func(_ string, r io.Reader) (io.Reader, error) { return r, nil }
	var path []string
	text := ""
	for range 20000 {
		t, err := d.Token()
		if err != nil {
			return
		}
		switch t := t.(type) {
		case xml.StartElement:
			if len(path) > 32 {
				return
			}
			path, text = append(path, t.Name.Local), ""
		case xml.CharData:
			if len(text) < maxText {
				text += string(t)
			}
		case xml.EndElement:
			if len(path) == 0 {
				return
			}
			parent := ""
			if len(path) > 1 {
				parent = path[len(path)-2]
			}
			text = strings.TrimSpace(text)
			end(parent, path[len(path)-1], strings.ToValidUTF8(text[:min(len(text), maxText)], ""))
			path, text = path[:len(path)-1], ""
		}
	}
}

// parseDevice reads a description; false when it describes no device.
func parseDevice(b []byte) (device, bool) {
	d := device{told: map[string]string{}}
	var s service
	found := false
	elements(b, func(parent, name, text string) {
		switch parent + "/" + name {
		case "device/friendlyName", "device/manufacturer", "device/modelName", "device/modelNumber", "device/modelDescription", "device/serialNumber":
			if _, ok := d.told[name]; !ok && text != "" { // the root device stands first
				d.told[name] = text
			}
			found = true
		case "service/serviceType":
			s.kind = text
		case "service/SCPDURL":
			s.actions = text
		case "service/controlURL":
			s.control = text
		case "serviceList/service":
			if len(d.services) < maxServices && s.kind != "" {
				d.services = append(d.services, s)
			}
			s, found = service{}, true
		}
	})
	return d, found
}

// parseActions reads the list of a service's actions; false when it is none.
func parseActions(b []byte) ([]action, bool) {
	var out []action
	var a action
	found := false
	elements(b, func(parent, name, text string) {
		switch parent + "/" + name {
		case "action/name":
			a.name = text
		case "argument/direction":
			if strings.EqualFold(text, "in") {
				a.inputs++
			}
		case "actionList/action":
			if len(out) < maxActions && word(a.name) {
				out = append(out, a)
			}
			a, found = action{}, true
		case "/scpd":
			found = true
		}
	})
	return out, found
}

// word keeps what a device calls an action or a type from breaking out of a request.
func word(s string) bool {
	return s != "" && len(s) <= 100 && !strings.ContainsFunc(s, func(c rune) bool {
		return (c < '0' || c > '9') && (c < 'A' || c > 'Z') && (c < 'a' || c > 'z') && !strings.ContainsRune(":._-", c)
	})
}

// place is where something lies: a port and a path. host is "" for a reference
// that names none.
type place struct {
	host string
	port int
	path string
}

// locate reads a URL, or a reference beside the place of a description.
func locate(base place, ref string) (place, bool) {
	u, err := url.Parse(ref)
	if err != nil || ref == "" || u.User != nil || len(ref) > maxText {
		return place{}, false
	}
	if u.Host == "" {
		b, err := url.Parse(base.path)
		if err != nil || u.Scheme != "" {
			return place{}, false
		}
		return place{base.host, base.port, b.ResolveReference(u).RequestURI()}, true
	}
	if u.Scheme != "http" && u.Scheme != "" {
		return place{}, false
	}
	host, port := u.Host, "80"
	if h, p, err := net.SplitHostPort(u.Host); err == nil {
		host, port = h, p
	}
	n, err := strconv.Atoi(port)
	if err != nil || n < 1 || n > 65535 {
		return place{}, false
	}
	return place{strings.Trim(host, "[]"), n, u.RequestURI()}, true
}
