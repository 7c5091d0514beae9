package sweep

import (
	"math"
	"time"
)

// uptime follows the device's clock as TCP timestamps show it, on one open port.
type uptime struct {
	port      uint16
	n, wild   int
	at        time.Duration
	ts        uint32
	perSecond float64
	jumped    bool // since restart
	judged    bool
}

func (u *uptime) sample(now time.Duration, port uint16, ts uint32) {
	if u.n == 0 {
		*u = uptime{port: port, n: 1, at: now, ts: ts, wild: u.wild}
		return
	}
	if port != u.port || now-u.at < 300*time.Millisecond {
		return
	}
	passed := (now - u.at).Seconds()
	moved := float64(int32(ts - u.ts))
	switch {
	case u.n == 1:
		if rate := moved / passed; rate >= 0.5 && rate <= 1100 {
			u.perSecond = rate
		} else {
			u.wild++
		}
	case u.perSecond > 0 && math.Abs(moved-u.perSecond*passed) > 3*u.perSecond+0.02*u.perSecond*passed:
		u.jumped = true
		u.wild++
	}
	u.judged = u.n > 1
	u.n, u.at, u.ts = u.n+1, now, ts
}

// verdict names what happened since restart: the clock began anew or ran on.
func (u *uptime) verdict() string {
	switch {
	case u.n < 2 || !u.judged || u.perSecond == 0 || u.wild > 1:
		return "unknown"
	case u.jumped:
		return "reboot"
	}
	return "hang"
}

// restart begins to watch for the next jump.
func (u *uptime) restart() {
	wild := u.wild
	if u.jumped {
		wild--
	}
	*u = uptime{port: u.port, n: 0, wild: wild}
}
