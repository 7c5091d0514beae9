package bed

import (
	"bufio"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"
)

// start is one service: it is started at each boot and hands back its end.
type start func() (stop func(), err error)

// Service runs a command on the device, now and after every reboot, until the
// device is switched off.
func (b *Bed) Service(name string, args ...string) {
	b.t.Helper()
	b.add(func() (func(), error) {
		logPath := filepath.Join(b.t.TempDir(), "log")
		log, err := os.Create(logPath)
		if err != nil {
			return nil, err
		}
		cmd := exec.Command(name, args...)
		if b.Isolated {
			// A process namespace, so that its own children end with it. A shell is its
			// first process and buries orphans, which not every service can: vsftpd dies of it.
			cmd = exec.Command("sh", append([]string{"-c", `"$@"; exit $?`, "sh", name}, args...)...)
		}
		cmd.Stdout, cmd.Stderr = log, log
		cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
		if b.Isolated {
			cmd.SysProcAttr.Cloneflags = syscall.CLONE_NEWPID
		}
		started, ended := make(chan error, 1), make(chan struct{})
		var killed sync.Once
		over := make(chan struct{})
		go func() {
			// The thread stays until the service ends, because the death signal is tied to it.
			_ = b.onDevice(func() error {
				runtime.LockOSThread()
				err := cmd.Start()
				started <- err
				if err == nil {
					err = cmd.Wait()
					select {
					case <-over:
					default:
						text, _ := os.ReadFile(logPath)
						fmt.Fprintf(os.Stderr, "%s on the device ended by itself: %v\n%s\n", name, err, text)
					}
				}
				close(ended)
				return nil
			})
		}()
		if err := <-started; err != nil {
			_ = log.Close()
			return nil, fmt.Errorf("%s is needed: %w", name, err)
		}
		return func() {
			killed.Do(func() { close(over) })
			_ = cmd.Process.Kill()
			<-ended
			_ = log.Close()
		}, nil
	})
}

// Go runs Go code on a thread of the device, now and after every reboot. Sockets
// that it opens on that thread belong to the device, whoever uses them later;
// goroutines that it starts do not stand in the device's namespace. stop, which
// may be nil, is called when the device is switched off.
func (b *Bed) Go(fn func() (stop func(), err error)) {
	b.t.Helper()
	b.add(func() (stop func(), err error) {
		err = b.onDevice(func() error {
			stop, err = fn()
			return err
		})
		if stop == nil {
			stop = func() {}
		}
		return stop, err
	})
}

func (b *Bed) add(s start) {
	b.t.Helper()
	stop, err := s()
	if err != nil {
		b.t.Fatal(err)
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if !b.Isolated {
		b.loopStop = append(b.loopStop, stop)
		return
	}
	b.starts, b.stops = append(b.starts, s), append(b.stops, stop)
}

// Await waits until something on the device is bound to all the ports, "tcp/22".
// On loopback it asks about this host.
func (b *Bed) Await(ports ...string) {
	b.t.Helper()
	end := time.Now().Add(20 * time.Second)
	for {
		have := b.Truth()
		missing := slices.DeleteFunc(slices.Clone(ports), func(p string) bool { return slices.Contains(have, p) })
		if len(missing) == 0 {
			return
		}
		if time.Now().After(end) || b.t.Context().Err() != nil {
			b.t.Fatalf("the device does not listen on %v, only on %v", missing, have)
		}
		b.pause(20 * time.Millisecond)
	}
}

// Truth lists what is bound on the device beyond its loopback, as its kernel
// says: "tcp/22", "udp/161", by protocol and number.
func (b *Bed) Truth() []string {
	var out []string
	err := b.onDevice(func() error {
		for _, file := range []string{"tcp", "tcp6", "udp", "udp6"} {
			f, err := os.Open("/proc/thread-self/net/" + file)
			if errors.Is(err, os.ErrNotExist) {
				continue
			}
			if err != nil {
				return err
			}
			s := bufio.NewScanner(f)
			for s.Scan() {
				w := strings.Fields(s.Text())
				if len(w) < 4 || !strings.Contains(w[1], ":") {
					continue
				}
				addr, port, _ := strings.Cut(w[1], ":")
				n, err := strconv.ParseUint(port, 16, 16)
				local := strings.HasSuffix(addr, "7F") && len(addr) == 8 || addr == "00000000000000000000000001000000"
				proto := file[:3]
				// 0A is a listening TCP socket, 07 a UDP socket without a peer.
				if err != nil || local && b.Isolated || proto == "tcp" && w[3] != "0A" || proto == "udp" && w[3] != "07" {
					continue
				}
				if p := fmt.Sprintf("%s/%d", proto, n); !slices.Contains(out, p) {
					out = append(out, p)
				}
			}
			_ = f.Close()
		}
		return nil
	})
	if err != nil {
		b.t.Fatal(err)
	}
	slices.SortFunc(out, func(x, y string) int {
		if x[:3] != y[:3] {
			return strings.Compare(x, y)
		}
		a, _ := strconv.Atoi(x[4:])
		c, _ := strconv.Atoi(y[4:])
		return a - c
	})
	return out
}
