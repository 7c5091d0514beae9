package daemon

import (
	"fmt"
	"testing"
)

// RTSP starts GStreamer's server with one stream at /live; with a sign-in
// ("viewer", "long-value-of-this-unit") when closed.
func RTSP(t testing.TB, closed bool) int {
	t.Helper()
	return Start(t, func(dir string, port int) []string {
		args := []string{"/usr/bin/python3", Write(t, dir, "server.py", rtspServer, 0o600), fmt.Sprint(port)}
		if closed {
			args = append(args, "closed")
		}
		return args
	})
}

const rtspServer = `
import sys, gi
gi.require_version("Gst", "1.0"); gi.require_version("GstRtspServer", "1.0")
from gi.repository import Gst, GstRtspServer, GLib
Gst.init(None)
s = GstRtspServer.RTSPServer()
s.set_address("127.0.0.1"); s.set_service(sys.argv[1])
f = GstRtspServer.RTSPMediaFactory()
f.set_launch("( videotestsrc is-live=true ! video/x-raw,width=32,height=32 ! rtpvrawpay name=pay0 pt=96 )")
s.get_mount_points().add_factory("/live", f)
if len(sys.argv) > 2:
    a, t, p = GstRtspServer.RTSPAuth(), GstRtspServer.RTSPToken(), GstRtspServer.RTSPPermissions()
    t.set_string("media.factory.role", "viewer")
    a.add_basic(GstRtspServer.RTSPAuth.make_basic("viewer", "long-value-of-this-unit"), t)
    s.set_auth(a)
    p.add_permission_for_role("viewer", "media.factory.access", True)
    p.add_permission_for_role("viewer", "media.factory.construct", True)
    f.set_permissions(p)
s.attach(None)
GLib.MainLoop().run()
`
