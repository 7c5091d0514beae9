package practice

import (
	"crypto/tls"
	"fmt"
	"net"
	"net/http"
	"slices"
)

// gateway is a home router: settings behind a JSON sign-in, names for its own
// network, UPnP that tells no more than whether the line is up, SNMP version 3.
func (d *Device) gateway() error {
	if d.has("common-password") {
		d.Password = "password"
	}
	d.guard.change("admin", d.Password)
	d.guard.unlimited["api"] = d.has("unlimited-api")
	d.guard.unlimited["snmp"] = d.has("unlimited-snmp")
	conf, err := d.tlsConfig()
	if err != nil {
		return err
	}
	agent, err := d.snmp()
	if err != nil {
		return err
	}
	plain := http.Handler(http.HandlerFunc(d.redirect))
	if d.has("plain-http") {
		plain = d.api()
	}
	err = first(
		func() error {
			return d.tcp("https", func(l net.Listener) { d.web(tls.NewListener(l, conf), d.api()) })
		},
		func() error { return d.tcp("http", func(l net.Listener) { d.web(l, plain) }) },
		func() error { return d.tcp("dns", d.each(d.dnsStream)) },
		func() error { return d.udp("dns-udp", func(b []byte) []byte { return d.dns(b, false) }) },
		func() error { return d.tcp("upnp", func(l net.Listener) { d.web(l, d.upnp()) }) },
		func() error { return d.udp("ssdp", d.ssdp) },
		func() error { return d.udpFrom("snmp", agent.answer) },
	)
	if err == nil && d.has("telnet") {
		err = d.tcp("telnet", d.each(d.telnet))
	}
	if err == nil && d.has("nat-pmp") {
		err = d.udp("nat-pmp", natPMP)
	}
	if err == nil && d.has("udp-high") {
		err = d.udp("udp-high", slices.Clone[[]byte])
	}
	if err == nil && d.has("udp-silent") {
		err = d.udp("udp-silent", func([]byte) []byte { return nil })
	}
	return err
}

func gatewayYAML(p Ports, flaws []string) []byte {
	initial, changeable := "unique-per-device", true
	if slices.Contains(flaws, "shared-password") {
		initial = "shared"
	}
	if slices.Contains(flaws, "fixed-password") {
		changeable = false
	}
	return fmt.Appendf(nil, `format: hoshi-product/1
product:
  name: {ja: 練習用ホームルーター, en: Practice home router}
  vendor: {ja: 練習用製造者, en: Practice Maker}
  models: [%[1]s]
  firmware: "1.0.0"
accounts:
  - {user: admin, port: %[2]s, initial: %[8]s, changeable: %[9]v, secret: {env: %[10]s}}
  - {user: admin, port: %[11]s, initial: %[8]s, changeable: %[9]v, secret: {env: %[10]s}, snmp: {auth: sha256, privacy: aes}}
ports:
  - {port: %[2]s, service: https, reason: 設定画面を利用者に見せる}
  - {port: %[3]s, service: http, reason: https へ案内するだけで、設定は送らない}
  - {port: %[4]s, service: dns, reason: 家庭内の機器の名前解決に答える（長い答え用）}
  - {port: %[5]s, service: dns, reason: 家庭内の機器の名前解決に答える}
  - {port: %[6]s, service: upnp, reason: 家庭内の機器に回線がつながっているかを知らせる}
  - {port: %[7]s, service: ssdp, reason: 家庭内の機器が UPnP の窓口を見つける}
  - {port: %[11]s, service: snmp, reason: 販売店の保守員が SNMP バージョン 3 で状態を見る}
assets:
  - {id: wan, kind: communication-settings, name: 回線と無線 LAN の設定, stored: 本体のフラッシュメモリ, paths: [settings]}
  - {id: administrator, kind: security-settings, name: 管理者アカウントの設定, stored: 本体のフラッシュメモリ, paths: [settings]}
paths:
  - {id: settings, port: %[2]s, url: /api/settings, protection: tls}
  - {id: line, port: %[6]s, public: true, protection: なし（守るべき情報を含まない）}
updates:
  - {id: online, network: true, integrity: ファームウェアの電子署名を更新前に検証する}
interfaces: []
`, ModelGateway, p["https"], p["http"], p["dns"], p["dns-udp"], p["upnp"], p["ssdp"], initial, changeable, SecretEnv, p["snmp"])
}
