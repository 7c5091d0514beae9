package daemon

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// Service is a real service of a Debian package, and what it is.
type Service struct {
	Name     string // of the program
	Protocol string // as fact service.protocol should name it
	TLS      bool
	Software string // what it should be seen to call itself begins so
	Start    func(t testing.TB) int
}

// Services are many kinds of services as devices have them, and some programs
// more than once where they speak differently.
var Services = []Service{
	{"dropbear", "ssh", false, "dropbear", dropbear},
	{"TinySSH", "ssh", false, "tinyssh", tinyssh},
	{"vsftpd", "ftp", false, "(vsFTPd", vsftpd},
	{"pyftpdlib", "ftp", false, "pyftpdlib", pyftpd},
	{"BusyBox telnetd", "telnet", false, "", telnetd},
	{"lighttpd", "http", false, "lighttpd/", func(t testing.TB) int { return lighttpd(t, false) }},
	{"lighttpd in TLS", "http", true, "lighttpd/", func(t testing.TB) int { return lighttpd(t, true) }},
	{"nginx", "http", false, "nginx", func(t testing.TB) int { return nginx(t, false) }},
	{"nginx in TLS", "http", true, "nginx", func(t testing.TB) int { return nginx(t, true) }},
	{"BusyBox httpd", "http", false, "", busyboxHTTP},
	{"mini_httpd", "http", false, "mini_httpd", miniHTTP},
	{"micro-httpd", "http", false, "micro_httpd", microHTTP},
	{"tinyproxy", "http", false, "tinyproxy", tinyproxy},
	{"Mosquitto", "mqtt", false, "", func(t testing.TB) int { return Mosquitto(t, "allow_anonymous true") }},
	{"Mosquitto with passwords", "mqtt", false, "", func(t testing.TB) int { return Mosquitto(t, "allow_anonymous false") }},
	{"Mosquitto in TLS", "mqtt", true, "", mosquittoTLS},
	{"dnsmasq", "dns", false, "", func(t testing.TB) int { return Dnsmasq(t, "") }},
	{"PyModbus", "modbus", false, "Boxmaker Pump 3", Modbus},
	{"CUPS", "ipp", false, "CUPS/", func(t testing.TB) int { return CUPS(t, "") }},
	{"GStreamer", "rtsp", false, "GStreamer", func(t testing.TB) int { return RTSP(t, false) }},
	{"Redis", "redis", false, "", redis},
	{"memcached", "memcached", false, "", memcached},
	{"rsync", "rsync", false, "3", rsync},
	{"ngIRCd", "irc", false, "", ngircd},
	{"TigerVNC", "vnc", false, "RFB 003.008", vnc},
	{"Dovecot IMAP", "imap", false, "", func(t testing.TB) int { return dovecot(t, "imap") }},
	{"Dovecot POP3", "pop3", false, "", func(t testing.TB) int { return dovecot(t, "pop3") }},
	{"aiosmtpd", "smtp", false, "", smtpd},
	{"xrdp", "rdp", false, "", xrdp},
	{"Dropbear for one client at a time", "ssh", false, "dropbear", oneSSH},
	{"micro-httpd for one client at a time", "http", false, "micro_httpd", oneHTTP},
	{"BusyBox telnetd for one client at a time", "telnet", false, "", oneTelnet},
	{"OpenSSL for one client at a time", "http", true, "", oneTLS},
}

func dropbear(t testing.TB) int {
	return Start(t, func(dir string, port int) []string {
		key := filepath.Join(dir, "key")
		Command(t, "dropbearkey", "-t", "ed25519", "-f", key)
		return []string{"/usr/sbin/dropbear", "-F", "-E", "-m", "-r", key, "-p", fmt.Sprintf("%s:%d", Addr, port), "-P", filepath.Join(dir, "pid")}
	})
}

// each runs a program for each connection, as inetd does.
func each(port int, command string) []string {
	return []string{"socat", fmt.Sprintf("TCP-LISTEN:%d,bind=%s,fork,reuseaddr", port, Addr), "EXEC:" + command}
}

// one runs a program for one client at a time, and refuses others meanwhile.
func one(port int, command string) []string {
	return []string{"sh", "-c", fmt.Sprintf("while :; do socat TCP-LISTEN:%d,bind=%s,reuseaddr EXEC:'%s'; done", port, Addr, command)}
}

func oneSSH(t testing.TB) int {
	return Start(t, func(dir string, port int) []string {
		key := filepath.Join(dir, "key")
		Command(t, "dropbearkey", "-t", "ed25519", "-f", key)
		return one(port, "/usr/sbin/dropbear -i -m -r "+key)
	})
}

func oneHTTP(t testing.TB) int {
	return Start(t, func(dir string, port int) []string { return one(port, "micro-httpd "+dir) })
}

func oneTelnet(t testing.TB) int {
	return Start(t, func(dir string, port int) []string { return one(port, "busybox telnetd -i -l "+login(t, dir)) })
}

// oneTLS is a server in which other clients wait until the first one has gone.
func oneTLS(t testing.TB) int {
	return Start(t, func(dir string, port int) []string {
		cert, key := Certificate(t, dir)
		return []string{"openssl", "s_server", "-www", "-accept", fmt.Sprintf("%s:%d", Addr, port), "-cert", cert, "-key", key}
	})
}

func tinyssh(t testing.TB) int {
	return Start(t, func(dir string, port int) []string {
		keys := filepath.Join(dir, "keys")
		Command(t, "tinysshd-makekey", "-q", keys)
		return each(port, "tinysshd -v "+keys)
	})
}

func vsftpd(t testing.TB) int {
	return Start(t, func(dir string, port int) []string {
		conf := fmt.Sprintf("listen=YES\nlisten_address=%s\nlisten_port=%d\nbackground=NO\nanonymous_enable=YES\nlocal_enable=NO\nseccomp_sandbox=NO\nsecure_chroot_dir=%s\nanon_root=%s\nxferlog_enable=NO\n", Addr, port, dir, dir)
		if err := os.Chmod(dir, 0o555); err != nil {
			t.Fatal(err)
		}
		return []string{"/usr/sbin/vsftpd", Write(t, t.TempDir(), "vsftpd.conf", conf, 0o600)}
	})
}

func telnetd(t testing.TB) int {
	return Start(t, func(dir string, port int) []string {
		return []string{"busybox", "telnetd", "-F", "-b", Addr, "-p", fmt.Sprint(port), "-l", login(t, dir)}
	})
}

// login is a program that lets nobody in.
func login(t testing.TB, dir string) string {
	return Write(t, dir, "login", "#!/bin/sh\nprintf 'box login: '\nread user\nprintf 'Password: '\nread pass\necho 'Login incorrect'\n", 0o755)
}

func lighttpd(t testing.TB, secure bool) int {
	return Start(t, func(dir string, port int) []string {
		Write(t, dir, "index.html", "<title>box</title>", 0o644)
		conf := fmt.Sprintf("server.bind=\"%s\"\nserver.port=%d\nserver.document-root=\"%s\"\nindex-file.names=(\"index.html\")\nserver.modules=(\"mod_openssl\")\nmimetype.assign=(\".html\"=>\"text/html\")\n", Addr, port, dir)
		if secure {
			cert, key := Certificate(t, dir)
			conf += fmt.Sprintf("ssl.engine=\"enable\"\nssl.privkey=\"%s\"\nssl.pemfile=\"%s\"\n", key, cert)
		}
		return []string{"/usr/sbin/lighttpd", "-D", "-f", Write(t, dir, "lighttpd.conf", conf, 0o600)}
	})
}

func nginx(t testing.TB, secure bool) int {
	return Start(t, func(dir string, port int) []string {
		tls := ""
		if secure {
			cert, key := Certificate(t, dir)
			tls = fmt.Sprintf("ssl_certificate %s; ssl_certificate_key %s;", cert, key)
		}
		kind := map[bool]string{true: " ssl"}[secure]
		conf := fmt.Sprintf("daemon off; master_process off; pid DIR/pid; error_log DIR/error;\nevents {}\nhttp { access_log off; client_body_temp_path DIR/b; proxy_temp_path DIR/p; fastcgi_temp_path DIR/f; uwsgi_temp_path DIR/u; scgi_temp_path DIR/s;\nserver { listen %s:%d%s; %s return 200 ok; } }\n", Addr, port, kind, tls)
		return []string{"/usr/sbin/nginx", "-p", dir, "-e", filepath.Join(dir, "error"), "-c", Write(t, dir, "nginx.conf", strings.ReplaceAll(conf, "DIR", dir), 0o600)}
	})
}

func busyboxHTTP(t testing.TB) int {
	return Start(t, func(dir string, port int) []string {
		return []string{"busybox", "httpd", "-f", "-p", fmt.Sprintf("%s:%d", Addr, port), "-h", dir}
	})
}

func miniHTTP(t testing.TB) int {
	return Start(t, func(dir string, port int) []string {
		return []string{"mini_httpd", "-D", "-h", Addr, "-p", fmt.Sprint(port), "-d", dir, "-i", filepath.Join(dir, "pid")}
	})
}

func microHTTP(t testing.TB) int {
	return Start(t, func(dir string, port int) []string { return each(port, "micro-httpd "+dir) })
}

func tinyproxy(t testing.TB) int {
	return Start(t, func(dir string, port int) []string {
		return []string{"tinyproxy", "-d", "-c", Write(t, dir, "conf", fmt.Sprintf("Port %d\nListen %s\nMaxClients 10\nLogFile \"%s/log\"\nPidFile \"%s/pid\"\n", port, Addr, dir, dir), 0o644)}
	})
}

// Mosquitto starts a message broker with settings for its one listener.
func Mosquitto(t testing.TB, settings string) int {
	t.Helper()
	return Start(t, func(dir string, port int) []string {
		return []string{"/usr/sbin/mosquitto", "-c", Write(t, dir, "mosquitto.conf", fmt.Sprintf("listener %d %s\nuser root\n%s\n", port, Addr, settings), 0o600)}
	})
}

func mosquittoTLS(t testing.TB) int {
	cert, key := Certificate(t, t.TempDir())
	return Mosquitto(t, fmt.Sprintf("allow_anonymous true\ncertfile %s\nkeyfile %s", cert, key))
}

// Dnsmasq starts a name server, over UDP and TCP, that asks no other.
func Dnsmasq(t testing.TB, settings string) int {
	t.Helper()
	return Start(t, func(dir string, port int) []string {
		return []string{"/usr/sbin/dnsmasq", "-k", "-p", fmt.Sprint(port), "-u", "root", "--pid-file=", "-C",
			Write(t, dir, "conf", "listen-address="+Addr+"\nbind-interfaces\nno-resolv\nno-hosts\n"+settings, 0o600)}
	})
}

// Modbus starts a server that has ten values of each kind and an identification.
func Modbus(t testing.TB) int {
	t.Helper()
	return Start(t, func(dir string, port int) []string {
		return []string{"/usr/bin/python3", Write(t, dir, "server.py", `
import sys
from pymodbus.server import StartTcpServer
from pymodbus.device import ModbusDeviceIdentification
from pymodbus.datastore import ModbusSequentialDataBlock, ModbusSlaveContext, ModbusServerContext
s = ModbusSlaveContext(di=ModbusSequentialDataBlock(0, [1]*10), co=ModbusSequentialDataBlock(0, [1]*10), hr=ModbusSequentialDataBlock(0, [7]*10), ir=ModbusSequentialDataBlock(0, [9]*10))
i = ModbusDeviceIdentification()
i.VendorName, i.ProductCode, i.MajorMinorRevision = "Boxmaker", "Pump 3", "1.4"
StartTcpServer(context=ModbusServerContext(slaves=s, single=True), identity=i, address=("`+Addr+`", int(sys.argv[1])))
`, 0o600), fmt.Sprint(port)}
	})
}

func redis(t testing.TB) int {
	return Start(t, func(dir string, port int) []string {
		return []string{"redis-server", "--bind", Addr, "--port", fmt.Sprint(port), "--save", "", "--dir", dir}
	})
}

func memcached(t testing.TB) int {
	return Start(t, func(_ string, port int) []string {
		return []string{"memcached", "-l", Addr, "-p", fmt.Sprint(port), "-U", "0", "-m", "8", "-u", "nobody"}
	})
}

func rsync(t testing.TB) int {
	return Start(t, func(dir string, port int) []string {
		return []string{"rsync", "--daemon", "--no-detach", "--address", Addr, "--port", fmt.Sprint(port), "--config", Write(t, dir, "conf", "[files]\npath = "+dir+"\n", 0o644), "--log-file", filepath.Join(dir, "log")}
	})
}

func ngircd(t testing.TB) int {
	return Start(t, func(dir string, port int) []string {
		conf := fmt.Sprintf("[Global]\nName = irc.box.test\nInfo = box\nListen = %s\nPorts = %d\n[Options]\nDNS = no\nIdent = no\nPAM = no\nMorePrivacy = yes\n", Addr, port)
		return []string{"/usr/sbin/ngircd", "-n", "-f", Write(t, dir, "conf", conf, 0o644)}
	})
}

func vnc(t testing.TB) int {
	return Start(t, func(_ string, port int) []string {
		return []string{"Xtigervnc", fmt.Sprintf(":%d", 1000+port%50000), "-interface", Addr, "-rfbport", fmt.Sprint(port), "-SecurityTypes", "None", "-geometry", "64x64", "-nolisten", "tcp"}
	})
}

func dovecot(t testing.TB, protocol string) int {
	return Start(t, func(dir string, port int) []string {
		conf := fmt.Sprintf("base_dir = DIR/run\nlog_path = DIR/log\nssl = no\nprotocols = %s\nlisten = %s\ndefault_login_user = nobody\ndefault_internal_user = nobody\ndefault_internal_group = nogroup\nservice %s-login {\n  chroot =\n  inet_listener %s {\n    port = %d\n  }\n  inet_listener %ss {\n    port = 0\n  }\n}\nservice anvil {\n  chroot =\n}\npassdb {\n  driver = static\n  args = nopassword=y\n}\nuserdb {\n  driver = static\n  args = uid=nobody gid=nogroup home=DIR\n}\n",
			protocol, Addr, protocol, protocol, port, protocol)
		return []string{"/usr/sbin/dovecot", "-F", "-c", Write(t, dir, "conf", strings.ReplaceAll(conf, "DIR", dir), 0o644)}
	})
}

func xrdp(t testing.TB) int {
	return Start(t, func(dir string, port int) []string {
		cert, key := Certificate(t, dir)
		conf := fmt.Sprintf("[Globals]\nini_version=1\nfork=true\nport=tcp://%s:%d\ncertificate=%s\nkey_file=%s\nsecurity_layer=negotiate\n[Logging]\nLogFile=%s/log\nEnableSyslog=false\n[Xvnc]\nname=x\nlib=libvnc.so\nip=127.0.0.1\nport=-1\n", Addr, port, cert, key, dir)
		return []string{"/usr/sbin/xrdp", "-n", "-c", Write(t, dir, "xrdp.ini", conf, 0o644)}
	})
}

func pyftpd(t testing.TB) int {
	return Start(t, func(dir string, port int) []string {
		return []string{"/usr/bin/python3", "-m", "pyftpdlib", "-i", Addr, "-p", fmt.Sprint(port), "-d", dir}
	})
}

func smtpd(t testing.TB) int {
	return Start(t, func(_ string, port int) []string {
		return []string{"/usr/bin/python3", "-m", "aiosmtpd", "-n", "-l", fmt.Sprintf("%s:%d", Addr, port)}
	})
}

// Named starts the service of that name in Services.
func Named(t testing.TB, name string) int {
	t.Helper()
	for _, s := range Services {
		if s.Name == name {
			return s.Start(t)
		}
	}
	t.Fatalf("no service %q", name)
	return 0
}
