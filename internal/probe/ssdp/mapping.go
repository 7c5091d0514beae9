package ssdp

import (
	"bytes"
	"context"
	"encoding/binary"
	"fmt"
	"net"
	"slices"

	"hoshi/internal/probe"
	probehttp "hoshi/internal/probe/http"
)

const (
	addMapping    = "AddPortMapping"
	deleteMapping = "DeletePortMapping"
)

// mapping tries, with consent to writing, whether anybody may open a way in from
// outside: it asks a gateway for one that leads to this host and lapses after a
// minute, and takes it back at once.
func mapping(ctx context.Context, t *probe.Target, rec *probe.Recorder, to place, kind string, list []action) {
	has := func(name string) bool {
		return slices.ContainsFunc(list, func(a action) bool { return a.name == name })
	}
	if !t.Agreed(probe.ConsentWrite) || !has(addMapping) || !has(deleteMapping) || ctx.Err() != nil {
		return
	}
	c, err := t.Net.TCP(ctx, to.port, t.Pace.Exchange)
	if err != nil {
		return
	}
	here, _, err := net.SplitHostPort(c.LocalAddr().String())
	_ = c.Close()
	if err != nil {
		return
	}
	port := 50000 + int(binary.BigEndian.Uint16(t.Random(2)))%10000 // rarely taken
	which := fmt.Sprintf("<NewRemoteHost></NewRemoteHost><NewExternalPort>%d</NewExternalPort><NewProtocol>UDP</NewProtocol>", port)
	call := func(event, action, args string) probe.Record {
		return fetch(ctx, t, rec, event, to, to.path+" "+action, request("POST", to, t, kind+"#"+action, envelope(action, kind, args)))
	}
	r := call("map", addMapping, which+fmt.Sprintf("<NewInternalPort>%d</NewInternalPort><NewInternalClient>%s</NewInternalClient>"+
		"<NewEnabled>1</NewEnabled><NewPortMappingDescription>hoshi-assess</NewPortMappingDescription><NewLeaseDuration>60</NewLeaseDuration>", port, here))
	if done(r, addMapping) {
		call("unmap", deleteMapping, which)
	}
}

// done reports that an action was carried out.
func done(r probe.Record, action string) bool {
	a := probehttp.ParseAnswer(r.Recv)
	return a.Status == 200 && bytes.Contains(a.Body, []byte(action+"Response"))
}

// envelope is the body of a call.
func envelope(action, kind, args string) []byte {
	return fmt.Appendf(nil, "<?xml version=\"1.0\"?>\r\n<s:Envelope xmlns:s=\"http://schemas.xmlsoap.org/soap/envelope/\" s:encodingStyle=\"http://schemas.xmlsoap.org/soap/encoding/\">"+
		"<s:Body><u:%s xmlns:u=\"%s\">%s</u:%s></s:Body></s:Envelope>\r\n", action, kind, args, action)
}
