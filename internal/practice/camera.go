package practice

import (
	"crypto/ed25519"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"slices"

	"golang.org/x/crypto/ssh"
)

// camera is a network camera: settings and pictures behind a sign-in form, a
// stream behind Digest in TLS, SSH for the holders of the vendor's keys.
func (d *Device) camera() error {
	if d.has("common-password") {
		d.Password = "admin"
	}
	d.guard.change("admin", d.Password)
	d.guard.unlimited["form"] = d.has("unlimited-sign-in")
	d.guard.unlimited["rtsp"] = d.has("unlimited-stream")
	conf, err := d.tlsConfig()
	if err != nil {
		return err
	}
	other := conf.Clone() // for what is not HTTP
	other.NextProtos = nil
	host, err := d.sshConfig()
	if err != nil {
		return err
	}
	plain := http.Handler(http.HandlerFunc(d.redirect))
	if d.has("plain-http") {
		plain = d.pages(false)
	}
	err = first(
		func() error {
			return d.tcp("https", func(l net.Listener) { d.web(tls.NewListener(l, conf), d.pages(true)) })
		},
		func() error { return d.tcp("http", func(l net.Listener) { d.web(l, plain) }) },
		func() error {
			return d.tcp("rtsp", d.each(func(n net.Conn) {
				if !d.has("plain-stream") {
					n = tls.Server(n, other)
				}
				d.rtsp(n)
			}))
		},
		func() error {
			return d.tcp("ssh", d.each(func(n net.Conn) {
				if _, _, _, err := ssh.NewServerConn(n, host); err == nil {
					return // nobody has a key that is let in
				}
			}))
		},
	)
	if err == nil && d.has("telnet") {
		err = d.tcp("telnet", d.each(d.telnet))
	}
	if err == nil && d.has("debug-port") {
		err = d.tcp("debug", d.each(debug))
	}
	if err == nil && d.has("udp-service") {
		err = d.udp("coap", coap{list: `</status>;rt="practice"`}.answer)
	}
	return err
}

// sshConfig lets in the holders of the vendor's maintenance keys: nobody here.
func (d *Device) sshConfig() (*ssh.ServerConfig, error) {
	seed := make([]byte, ed25519.SeedSize)
	if _, err := io.ReadFull(d.o.Rand, seed); err != nil {
		return nil, err
	}
	signer, err := ssh.NewSignerFromKey(ed25519.NewKeyFromSeed(seed))
	if err != nil {
		return nil, err
	}
	conf := &ssh.ServerConfig{ServerVersion: "SSH-2.0-practice", PublicKeyCallback: func(ssh.ConnMetadata, ssh.PublicKey) (*ssh.Permissions, error) {
		return nil, errors.New("unknown key")
	}}
	conf.AddHostKey(signer)
	return conf, nil
}

func cameraYAML(p Ports, flaws []string) []byte {
	reason := "販売店の保守員が公開鍵で接続する（パスワードは受け付けない）"
	if slices.Contains(flaws, "no-reason") {
		reason = ""
	}
	return fmt.Appendf(nil, `format: hoshi-product/1
product:
  name: {ja: 練習用ネットワークカメラ, en: Practice network camera}
  vendor: {ja: 練習用製造者, en: Practice Maker}
  models: [%[1]s, %[1]s-W]
  firmware: "1.0.0"
accounts:
  - {user: admin, port: %[2]s, initial: unique-per-device, changeable: true, secret: {env: %[7]s}}
  - {user: admin, port: %[5]s, initial: unique-per-device, changeable: true, secret: {env: %[7]s}}
ports:
  - {port: %[2]s, service: https, reason: 設定画面と映像を利用者に見せる}
  - {port: %[3]s, service: http, reason: https へ案内するだけで、設定は送らない}
  - {port: %[4]s, service: ssh, reason: %[6]q}
  - {port: %[5]s, service: rtsps, reason: 録画機が映像を受け取る}
assets:
  - {id: wifi, kind: communication-settings, name: 無線 LAN の設定, stored: 本体のフラッシュメモリ, paths: [settings]}
  - {id: administrator, kind: security-settings, name: 管理者アカウントの設定, stored: 本体のフラッシュメモリ, paths: [settings]}
  - {id: picture, kind: confidential, name: 人が映り得る映像, stored: "", paths: [picture, stream]}
paths:
  - {id: settings, port: %[2]s, url: /settings.json, protection: tls}
  - {id: picture, port: %[2]s, url: /snapshot.svg, protection: tls}
  - {id: stream, port: %[5]s, protection: tls}
updates:
  - {id: online, network: true, integrity: ファームウェアの電子署名を更新前に検証する}
interfaces:
  - {kind: usb, use: 給電のみ, reason: データ線を接続していない}
`, Model, p["https"], p["http"], p["ssh"], p["rtsp"], reason, SecretEnv)
}
