package bed

import (
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"net"
	"sync"
	"sync/atomic"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

const (
	frameSize  = 2048
	frameCount = 4096
	blockSize  = 1 << 16
	kept       = 1 << 20 // frames of the capture
)

// ring is one end of the cable: an interface read through a ring of the kernel
// (which, unlike a socket's buffer, needs no privilege to be large).
type ring struct {
	fd   int
	mem  []byte
	next int

	mu     sync.Mutex // of fd against close
	closed bool
	ended  chan struct{} // the pump has left mem
}

func newRing(name string) (*ring, error) {
	ifi, err := net.InterfaceByName(name)
	if err != nil {
		return nil, err
	}
	fd, err := unix.Socket(unix.AF_PACKET, unix.SOCK_RAW|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return nil, fmt.Errorf("packet socket: %w", err)
	}
	r := &ring{fd: fd, ended: make(chan struct{})}
	for _, set := range []func() error{
		func() error { return unix.SetsockoptInt(fd, unix.SOL_PACKET, unix.PACKET_VERSION, unix.TPACKET_V2) },
		func() error { return unix.SetsockoptInt(fd, unix.SOL_PACKET, unix.PACKET_IGNORE_OUTGOING, 1) },
		func() error {
			return unix.SetsockoptTpacketReq(fd, unix.SOL_PACKET, unix.PACKET_RX_RING, &unix.TpacketReq{
				Block_size: blockSize, Block_nr: frameSize * frameCount / blockSize, Frame_size: frameSize, Frame_nr: frameCount})
		},
		func() (err error) {
			r.mem, err = unix.Mmap(fd, 0, frameSize*frameCount, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED)
			return err
		},
		func() error {
			all := binary.NativeEndian.Uint16([]byte{0, unix.ETH_P_ALL}) // network byte order
			return unix.Bind(fd, &unix.SockaddrLinklayer{Protocol: all, Ifindex: ifi.Index})
		},
	} {
		if err := set(); err != nil {
			_ = unix.Close(fd)
			return nil, fmt.Errorf("packet ring on %s: %w", name, err)
		}
	}
	return r, nil
}

// read calls each for every frame, until the ring is closed. The time is the
// kernel's of when the frame came: how late this process gets to read it counts
// for nothing.
func (r *ring) read(each func(time.Time, []byte)) {
	defer close(r.ended)
	for {
		at := r.next * frameSize
		status := (*uint32)(unsafe.Pointer(&r.mem[at]))
		if atomic.LoadUint32(status)&unix.TP_STATUS_USER == 0 {
			r.mu.Lock()
			closed := r.closed
			r.mu.Unlock()
			if closed {
				return
			}
			_, _ = unix.Poll([]unix.PollFd{{Fd: int32(r.fd), Events: unix.POLLIN}}, 50)
			continue
		}
		h := (*unix.Tpacket2Hdr)(unsafe.Pointer(&r.mem[at]))
		from := at + int(h.Mac)
		each(time.Unix(int64(h.Sec), int64(h.Nsec)), r.mem[from:from+int(h.Snaplen)])
		atomic.StoreUint32(status, unix.TP_STATUS_KERNEL)
		r.next = (r.next + 1) % frameCount
	}
}

func (r *ring) write(b []byte) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.closed {
		return false
	}
	_, err := unix.Write(r.fd, b)
	return err == nil
}

func (r *ring) close() {
	r.mu.Lock()
	was := r.closed
	r.closed = true
	r.mu.Unlock()
	if was {
		return
	}
	<-r.ended
	r.mu.Lock()
	defer r.mu.Unlock()
	_ = unix.Munmap(r.mem)
	_ = unix.Close(r.fd)
}

// cable carries frames between the two ends as the profile says.
type cable struct {
	p      Profile
	only   map[[2]int]bool
	tester *ring
	cut    atomic.Bool

	mu       sync.Mutex
	device   *ring  // nil = switched off
	ticks    uint32 // the kernel's TCP clock when the device was started
	frames   []Frame
	down, up Counters
	second   [2]time.Time // begin of the second being counted, per direction
	inSecond [2]int
	tokens   float64
	filled   time.Time
	hung     time.Time // until then
}

func only(ports []string) map[[2]int]bool {
	if ports == nil {
		return nil
	}
	out := map[[2]int]bool{}
	for _, p := range ports {
		var n int
		if _, err := fmt.Sscanf(p, "tcp/%d", &n); err == nil {
			out[[2]int{6, n}] = true
		} else if _, err := fmt.Sscanf(p, "udp/%d", &n); err == nil {
			out[[2]int{17, n}] = true
		}
	}
	return out
}

func (c *cable) attach(r *ring) {
	c.mu.Lock()
	c.device = r
	c.tokens, c.filled, c.hung = c.burst(), time.Now(), time.Time{}
	c.mu.Unlock()
	c.pump(r, false)
}

func (c *cable) detach() {
	c.mu.Lock()
	r := c.device
	c.device = nil
	c.mu.Unlock()
	if r != nil {
		r.close()
	}
}

// boot sets the device's TCP timestamps to its uptime.
func (c *cable) boot(uptime time.Duration) {
	// The kernel counts them in milliseconds from its own start.
	var now unix.Timespec
	_ = unix.ClockGettime(unix.CLOCK_MONOTONIC, &now)
	c.mu.Lock()
	defer c.mu.Unlock()
	c.ticks = uint32(now.Nano()/1e6) - uint32(uptime.Milliseconds())
}

func (c *cable) burst() float64 {
	if c.p.Burst > 0 {
		return c.p.Burst
	}
	return 32
}

type parcel struct {
	due time.Time
	b   []byte
}

// pump starts to carry frames from one end to the other.
func (c *cable) pump(from *ring, toDevice bool) {
	q := make(chan parcel, 1<<16)
	go func() {
		for f := range q {
			if w := time.Until(f.due); w > 0 {
				time.Sleep(w)
			}
			c.deliver(f.b, toDevice)
		}
	}()
	go func() {
		defer close(q)
		from.read(func(at time.Time, b []byte) {
			if !c.admit(at, b, toDevice) {
				return
			}
			copied := append(make([]byte, 0, len(b)), b...)
			select {
			case q <- parcel{time.Now().Add(c.p.Delay), copied}:
			default:
				c.count(toDevice, func(n *Counters) { n.Lost++ })
			}
		})
	}()
}

func (c *cable) deliver(b []byte, toDevice bool) {
	c.mu.Lock()
	to := c.tester
	if toDevice {
		to = c.device
	}
	ticks := c.ticks
	c.mu.Unlock()
	if to == nil || c.cut.Load() {
		c.count(toDevice, func(n *Counters) { n.Hung++ })
		return
	}
	shiftTimestamps(b, ticks, !toDevice)
	if to.write(b) {
		c.count(toDevice, func(n *Counters) { n.Out++ })
	} else {
		c.count(toDevice, func(n *Counters) { n.Lost++ })
	}
}

func (c *cable) count(toDevice bool, f func(*Counters)) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if toDevice {
		f(&c.down)
	} else {
		f(&c.up)
	}
}

// admit counts a frame, keeps it if the tester sent it, and says whether it may pass.
func (c *cable) admit(now time.Time, b []byte, toDevice bool) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	n, i := &c.up, 0
	if toDevice {
		n, i = &c.down, 1
	}
	n.In++
	if now.Sub(c.second[i]) > time.Second {
		c.second[i], c.inSecond[i] = now, 0
	}
	c.inSecond[i]++
	n.Peak = max(n.Peak, c.inSecond[i])
	var f Frame
	if toDevice {
		f = parse(b)
		f.At = now
		if len(c.frames) < kept {
			c.frames = append(c.frames, f)
		}
	}
	if c.p.Loss > 0 && rand.Float64() < c.p.Loss {
		n.Lost++
		return false
	}
	if !toDevice {
		// A device that hangs says nothing either.
		if now.Before(c.hung) {
			n.Hung++
			return false
		}
		return true
	}
	if c.p.HangAbove > 0 && float64(c.inSecond[1]) > c.p.HangAbove && now.After(c.hung) {
		c.hung = now.Add(c.p.HangFor)
	}
	if now.Before(c.hung) {
		n.Hung++
		return false
	}
	if c.p.Rate > 0 {
		c.tokens = min(c.burst(), c.tokens+now.Sub(c.filled).Seconds()*c.p.Rate)
		c.filled = now
		if c.tokens < 1 {
			n.Over++
			if k := len(c.frames); k < kept {
				c.frames[k-1].Over = true
			}
			return false
		}
		c.tokens--
	}
	if c.only != nil && (f.Proto == 6 || f.Proto == 17) && !c.only[[2]int{f.Proto, f.DstPort}] {
		n.Barred++
		return false
	}
	return true
}

// counters are those of the way to the device.
func (c *cable) counters() Counters {
	if c == nil {
		return Counters{}
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.down
}

func (c *cable) sent() []Frame {
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.frames) >= kept {
		panic("bed: more frames than a capture keeps")
	}
	return append([]Frame(nil), c.frames...)
}

// noOffload makes an interface send frames as they would stand on a cable:
// complete checksums, no segments joined.
func noOffload(name string) error {
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return err
	}
	defer func() { _ = unix.Close(fd) }()
	for _, cmd := range []uint32{unix.ETHTOOL_STXCSUM, unix.ETHTOOL_STSO, unix.ETHTOOL_SGSO, unix.ETHTOOL_SGRO} {
		value := [2]uint32{cmd, 0}
		var req struct {
			name [unix.IFNAMSIZ]byte
			data unsafe.Pointer
			_    [16]byte
		}
		copy(req.name[:], name)
		req.data = unsafe.Pointer(&value)
		if _, _, e := unix.Syscall(unix.SYS_IOCTL, uintptr(fd), unix.SIOCETHTOOL, uintptr(unsafe.Pointer(&req))); e != 0 && e != unix.EOPNOTSUPP {
			return fmt.Errorf("offloads of %s: %w", name, e)
		}
	}
	return nil
}
