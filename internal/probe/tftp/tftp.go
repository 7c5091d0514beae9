// Package tftp finds servers of the Trivial File Transfer Protocol (RFC 1350),
// which knows no sign-in, and sees whether files with common names can be read
// and, with consent, whether a file can be written.
//
// Of a file only the first block is taken; the transfer is then ended.
package tftp

import (
	"bytes"
	"context"
	"encoding/binary"
	"slices"

	"hoshi/internal/fact"
	"hoshi/internal/probe"
	"hoshi/internal/probe/datagram"
)

const (
	name   = "tftp"
	absent = "hoshi-probe-no-such-file"
	// written is the file that a write test leaves; a further test writes it again.
	written = "hoshi-write-test.txt"
)

// files are names under which devices commonly offer settings or firmware.
var files = []string{"config.bin", "config.txt", "config.xml", "running-config", "startup-config", "backup.cfg", "firmware.bin", "fw.bin", "system.bin"}

// Operations of a packet.
const (
	opRead  = 1
	opWrite = 2
	opData  = 3
	opAck   = 4
	opError = 5
)

// Probe is the registry entry.
//
// Events as in package datagram. Items: "read <file>", "write <file>".
var Probe = probe.Probe{Name: name, Stage: 3, Run: run, Parse: parse}

// Protocol is the registry entry.
var Protocol = probe.Protocol{Name: name, UDP: &probe.Talk{Ports: []int{69}, Roams: true, Match: match,
	Ask: func(string, []byte) []byte { return request(opRead, absent) }}, Probe: &Probe}

func request(op byte, file string) []byte {
	return append(append([]byte{0, op}, file...), "\x00octet\x00"...)
}

// packet reads the operation and number (block or error code) of a server's packet.
func packet(b []byte) (op byte, n int, rest []byte) {
	if len(b) < 4 || b[0] != 0 {
		return 0, 0, nil
	}
	op, n, rest = b[1], int(binary.BigEndian.Uint16(b[2:])), b[4:]
	switch {
	case op == opData && n == 1 && len(rest) <= 512:
	case op == opAck && len(rest) == 0:
	case op == opError && n <= 8 && bytes.IndexByte(rest, 0) == len(rest)-1 && len(rest) > 0 && printable(rest[:len(rest)-1]):
	default:
		return 0, 0, nil
	}
	return op, n, rest
}

func printable(b []byte) bool {
	return !slices.ContainsFunc(b, func(c byte) bool { return c < ' ' || c == 0x7f })
}

// match recognises the answer to a read request: an error, or a first block.
func match(answer []byte) (software string, ok bool) {
	op, _, _ := packet(answer)
	return "", op == opError || op == opData
}

// stop ends a transfer, so that the server does not send the block again.
var stop = []byte("\x00\x05\x00\x00enough\x00")

func run(ctx context.Context, t *probe.Target, rec *probe.Recorder) error {
	ctx, cancel := context.WithTimeout(ctx, t.Pace.Budget)
	defer cancel()
	for _, port := range datagram.Ports(t, name) {
		read := func(file string) {
			datagram.Ask(ctx, t, rec, name, datagram.Question{Port: port, Item: "read " + file, Send: request(opRead, file), Roams: true,
				Next: func(got []byte) ([]byte, bool) {
					if op, _, _ := packet(got); op == opData {
						return stop, false
					}
					return nil, false
				}})
		}
		for _, f := range append([]string{absent}, files...) {
			if ctx.Err() != nil {
				return nil
			}
			read(f)
		}
		if !t.Agreed(probe.ConsentWrite) || ctx.Err() != nil {
			continue
		}
		datagram.Ask(ctx, t, rec, name, datagram.Question{Port: port, Item: "write " + written, Send: request(opWrite, written), Roams: true,
			Next: func(got []byte) ([]byte, bool) {
				if op, n, _ := packet(got); op == opAck && n == 0 {
					return []byte("\x00\x03\x00\x01This file was left by a test of writing without a sign-in.\n"), true
				}
				return nil, false
			}})
	}
	return nil
}

// parse states access.open and amplification for each server.
func parse(records []probe.Record) fact.Set {
	type seen struct {
		read, write, asked bool
		what, source       []string
	}
	var servers probe.Ports[seen]
	answers := datagram.Answers(records)
	for _, a := range answers {
		s := servers.At(a.Port)
		s.source = append(s.source, a.Source())
		s.asked = s.asked || a.Item == "write "+written
		for _, b := range a.Recv {
			op, n, _ := packet(b)
			switch {
			case op == opData && a.Item != "read "+absent && a.Item != "write "+written:
				s.read = true
				s.what = append(s.what, a.Item)
			case op == opAck && n == 1 && a.Item == "write "+written:
				s.write = true
				s.what = append(s.what, a.Item)
			}
		}
	}
	var out fact.Set
	for port, s := range servers.All() {
		out = append(out, datagram.Open(port, name, s.read, s.write, s.asked, s.what, s.source...))
	}
	return append(out, datagram.Amplification(name, slices.DeleteFunc(answers, func(a datagram.Answer) bool { return a.Item == "write "+written }))...)
}
