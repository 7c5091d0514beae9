package practice

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"strings"
)

// telnet is a sign-in without encryption, to the same account.
func (d *Device) telnet(n net.Conn) {
	r := bufio.NewReader(io.LimitReader(n, 4096))
	ask := func(prompt string) (string, bool) {
		_, _ = io.WriteString(n, prompt)
		line, err := r.ReadString('\n')
		// Refusals of the options below come in front of the first line.
		for strings.HasPrefix(line, "\xff") && len(line) >= 3 {
			line = line[3:]
		}
		return strings.TrimRight(line, "\r\n"), err == nil
	}
	_, _ = io.WriteString(n, "\xff\xfd\x1f\xff\xfb\x01practice "+d.Make+"\r\n")
	user, ok := ask("login: ")
	if !ok {
		return
	}
	pass, ok := ask("Password: ")
	if !ok {
		return
	}
	switch ok, wait := d.guard.try("telnet", n.RemoteAddr().String(), user, same(pass)); {
	case wait > 0:
		_, _ = fmt.Fprintf(n, "\r\nToo many attempts, try again in %d seconds\r\n", int(wait.Seconds())+1)
	case ok:
		_, _ = io.WriteString(n, "\r\n# ")
	default:
		_, _ = io.WriteString(n, "\r\nLogin incorrect\r\n")
	}
}

// debug is a console for developers that somebody forgot.
func debug(n net.Conn) {
	_, _ = io.WriteString(n, "READY\r\n")
	_, _ = io.CopyN(io.Discard, n, 1024)
}
