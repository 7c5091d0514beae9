package practice

import (
	"bufio"
	"bytes"
	"encoding/xml"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
)

const upnpID = "uuid:7072616b-7469-6365-0000-000000000001"

// ssdp answers a search (UPnP Device Architecture 1.1) with the one device.
func (d *Device) ssdp(b []byte) []byte {
	r, err := http.ReadRequest(bufio.NewReader(bytes.NewReader(b)))
	if err != nil || r.Method != "M-SEARCH" || r.Header.Get("MAN") != `"ssdp:discover"` {
		return nil
	}
	st := r.Header.Get("ST")
	switch st {
	case "ssdp:all", "upnp:rootdevice":
		st = "upnp:rootdevice"
	case "urn:schemas-upnp-org:device:InternetGatewayDevice:1":
	default:
		return nil
	}
	location := fmt.Sprintf("http://%s:%d/device.xml", d.o.Addr, d.Ports.Number("upnp"))
	return fmt.Appendf(nil, "HTTP/1.1 200 OK\r\nCACHE-CONTROL: max-age=120\r\nEXT:\r\nLOCATION: %s\r\nSERVER: practice UPnP/1.1\r\nST: %s\r\nUSN: %s::%s\r\n\r\n", location, st, upnpID, st)
}

const upnpService = "urn:schemas-upnp-org:service:WANIPConnection:1"

const upnpDevice = `<?xml version="1.0"?>
<root xmlns="urn:schemas-upnp-org:device-1-0"><specVersion><major>1</major><minor>1</minor></specVersion>
<device><deviceType>urn:schemas-upnp-org:device:InternetGatewayDevice:1</deviceType><friendlyName>Practice gateway</friendlyName><manufacturer>Practice Maker</manufacturer><modelName>` + ModelGateway + `</modelName><UDN>` + upnpID + `</UDN>
<deviceList><device><deviceType>urn:schemas-upnp-org:device:WANDevice:1</deviceType><friendlyName>WAN</friendlyName><manufacturer>Practice Maker</manufacturer><modelName>` + ModelGateway + `</modelName><UDN>` + upnpID + `2</UDN>
<deviceList><device><deviceType>urn:schemas-upnp-org:device:WANConnectionDevice:1</deviceType><friendlyName>Connection</friendlyName><manufacturer>Practice Maker</manufacturer><modelName>` + ModelGateway + `</modelName><UDN>` + upnpID + `3</UDN>
<serviceList><service><serviceType>` + upnpService + `</serviceType><serviceId>urn:upnp-org:serviceId:WANIPConn1</serviceId><SCPDURL>/wan.xml</SCPDURL><controlURL>/control/wan</controlURL><eventSubURL>/event/wan</eventSubURL></service></serviceList>
</device></deviceList></device></deviceList></device></root>
`

var mappingArgs = []string{"NewRemoteHost", "NewExternalPort", "NewProtocol", "NewInternalPort", "NewInternalClient", "NewEnabled", "NewPortMappingDescription", "NewLeaseDuration"}

// upnpActions are the actions of the service with their arguments.
var upnpActions = []struct {
	name    string
	in, out []string
}{
	{"GetStatusInfo", nil, []string{"NewConnectionStatus", "NewLastConnectionError", "NewUptime"}},
	{"GetExternalIPAddress", nil, []string{"NewExternalIPAddress"}},
	{"GetSpecificPortMappingEntry", []string{"NewRemoteHost", "NewExternalPort", "NewProtocol"}, []string{"NewInternalPort", "NewInternalClient", "NewEnabled", "NewPortMappingDescription", "NewLeaseDuration"}},
	{"GetGenericPortMappingEntry", []string{"NewPortMappingIndex"}, mappingArgs},
	{"AddPortMapping", mappingArgs, nil},
	{"DeletePortMapping", []string{"NewRemoteHost", "NewExternalPort", "NewProtocol"}, nil},
}

// mappings is the table of ways in from outside.
type mappings struct {
	mu   sync.Mutex
	list []map[string]string
}

// upnp serves the gateway device: anybody may read whether the line is up;
// mappings are for the settings page alone, unless flawed.
func (d *Device) upnp() http.Handler {
	var table mappings
	send := func(w http.ResponseWriter, status int, body string) {
		w.Header().Set("Content-Type", `text/xml; charset="utf-8"`)
		w.WriteHeader(status)
		_, _ = io.WriteString(w, body)
	}
	m := http.NewServeMux()
	m.HandleFunc("GET /device.xml", func(w http.ResponseWriter, _ *http.Request) { send(w, 200, upnpDevice) })
	m.HandleFunc("GET /wan.xml", func(w http.ResponseWriter, _ *http.Request) { send(w, 200, upnpDescription()) })
	m.HandleFunc("POST /control/wan", func(w http.ResponseWriter, r *http.Request) {
		action, args, ok := parseSOAP(http.MaxBytesReader(w, r.Body, 16<<10))
		code, out := 401, [][2]string(nil)
		if ok {
			code, out = d.upnpDo(&table, action, args)
		}
		if code != 0 {
			send(w, http.StatusInternalServerError, fmt.Sprintf(`<?xml version="1.0"?><s:Envelope xmlns:s="http://schemas.xmlsoap.org/soap/envelope/" s:encodingStyle="http://schemas.xmlsoap.org/soap/encoding/"><s:Body><s:Fault><faultcode>s:Client</faultcode><faultstring>UPnPError</faultstring><detail><UPnPError xmlns="urn:schemas-upnp-org:control-1-0"><errorCode>%d</errorCode><errorDescription>%s</errorDescription></UPnPError></detail></s:Fault></s:Body></s:Envelope>`, code, upnpErrors[code]))
			return
		}
		var b strings.Builder
		for _, x := range out {
			b.WriteString("<" + x[0] + ">")
			_ = xml.EscapeText(&b, []byte(x[1]))
			b.WriteString("</" + x[0] + ">")
		}
		send(w, 200, fmt.Sprintf(`<?xml version="1.0"?><s:Envelope xmlns:s="http://schemas.xmlsoap.org/soap/envelope/" s:encodingStyle="http://schemas.xmlsoap.org/soap/encoding/"><s:Body><u:%sResponse xmlns:u="%s">%s</u:%sResponse></s:Body></s:Envelope>`, action, upnpService, b.String(), action))
	})
	return m
}

var upnpErrors = map[int]string{401: "Invalid Action", 402: "Invalid Args", 606: "Action not authorized", 713: "SpecifiedArrayIndexInvalid", 714: "NoSuchEntryInArray"}

func (d *Device) upnpDo(t *mappings, action string, a map[string]string) (code int, out [][2]string) {
	if action == "GetStatusInfo" {
		return 0, [][2]string{{"NewConnectionStatus", "Disconnected"}, {"NewLastConnectionError", "ERROR_NONE"}, {"NewUptime", "0"}}
	}
	if action == "GetExternalIPAddress" {
		return 0, [][2]string{{"NewExternalIPAddress", "0.0.0.0"}} // the line is down
	}
	if !d.has("upnp-mapping") {
		return 606, nil
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	at := func() int {
		for i, x := range t.list {
			if x["NewExternalPort"] == a["NewExternalPort"] && x["NewProtocol"] == a["NewProtocol"] && x["NewRemoteHost"] == a["NewRemoteHost"] {
				return i
			}
		}
		return -1
	}
	switch action {
	case "GetSpecificPortMappingEntry":
		i := at()
		if i < 0 {
			return 714, nil
		}
		for _, k := range mappingArgs[3:] {
			out = append(out, [2]string{k, t.list[i][k]})
		}
		return 0, out
	case "GetGenericPortMappingEntry":
		for i, x := range t.list {
			if fmt.Sprint(i) == a["NewPortMappingIndex"] {
				for _, k := range mappingArgs {
					out = append(out, [2]string{k, x[k]})
				}
				return 0, out
			}
		}
		return 713, nil
	case "AddPortMapping":
		if a["NewExternalPort"] == "" || a["NewProtocol"] == "" || len(t.list) >= 32 {
			return 402, nil
		}
		if i := at(); i >= 0 {
			t.list[i] = a
		} else {
			t.list = append(t.list, a)
		}
		return 0, nil
	case "DeletePortMapping":
		i := at()
		if i < 0 {
			return 714, nil
		}
		t.list = append(t.list[:i], t.list[i+1:]...)
		return 0, nil
	}
	return 401, nil
}

// parseSOAP reads the action and its arguments.
func parseSOAP(r io.Reader) (action string, args map[string]string, ok bool) {
	var e struct {
		Body struct {
			Action struct {
				XMLName xml.Name
				Args    []struct {
					XMLName xml.Name
					Value   string `xml:",chardata"`
				} `xml:",any"`
			} `xml:",any"`
		} `xml:"Body"`
	}
	if err := xml.NewDecoder(r).Decode(&e); err != nil {
		return "", nil, false
	}
	args = map[string]string{}
	for _, a := range e.Body.Action.Args {
		args[a.XMLName.Local] = strings.TrimSpace(a.Value)
	}
	action = e.Body.Action.XMLName.Local
	for _, known := range upnpActions {
		if known.name == action {
			return action, args, true
		}
	}
	return "", nil, false
}

// upnpDescription lists the actions (SCPD).
func upnpDescription() string {
	var b strings.Builder
	b.WriteString(`<?xml version="1.0"?><scpd xmlns="urn:schemas-upnp-org:service-1-0"><specVersion><major>1</major><minor>1</minor></specVersion><actionList>`)
	vars := map[string]bool{}
	var order []string
	for _, a := range upnpActions {
		b.WriteString("<action><name>" + a.name + "</name><argumentList>")
		for i, list := range [][]string{a.in, a.out} {
			for _, x := range list {
				v := strings.TrimPrefix(x, "New")
				if !vars[v] {
					vars[v] = true
					order = append(order, v)
				}
				b.WriteString("<argument><name>" + x + "</name><direction>" + []string{"in", "out"}[i] + "</direction><relatedStateVariable>" + v + "</relatedStateVariable></argument>")
			}
		}
		b.WriteString("</argumentList></action>")
	}
	b.WriteString("</actionList><serviceStateTable>")
	for _, v := range order {
		b.WriteString(`<stateVariable sendEvents="no"><name>` + v + "</name><dataType>string</dataType></stateVariable>")
	}
	b.WriteString("</serviceStateTable></scpd>")
	return b.String()
}

// natPMP answers RFC 6886 and refuses everything: no outside address, no mapping.
func natPMP(b []byte) []byte {
	switch {
	case len(b) == 2 && b[0] == 0 && b[1] == 0:
		return []byte{0, 128, 0, 2, 0, 0, 0, 1, 0, 0, 0, 0}
	case len(b) == 12 && b[0] == 0 && (b[1] == 1 || b[1] == 2):
		return append([]byte{0, 128 + b[1], 0, 2, 0, 0, 0, 1}, append(append([]byte{}, b[4:8]...), 0, 0, 0, 0)...)
	case len(b) >= 2 && b[0] != 0:
		return []byte{0, 128 | b[1], 0, 1, 0, 0, 0, 1}
	}
	return nil
}
