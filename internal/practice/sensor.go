package practice

import (
	"crypto/tls"
	"fmt"
	"net"
	"strings"
)

// sensor is a small device: a set-up page behind HTTP Basic whose first value has
// to be changed, readings over MQTT in TLS, and CoAP and mDNS that help to find it.
func (d *Device) sensor() error {
	if d.has("mqtt-password") {
		d.Password = "app"
	}
	d.guard.change("admin", "admin") // the set-up page asks for another at once
	d.guard.change("app", d.Password)
	d.guard.unlimited["basic"] = d.has("unlimited-basic")
	d.guard.unlimited["mqtt"] = d.has("unlimited-mqtt")
	conf, err := d.tlsConfig()
	if err != nil {
		return err
	}
	other := conf.Clone() // for what is not HTTP
	other.NextProtos = nil
	list := `</settings>;if="setup"`
	if d.has("coap-amplification") {
		for i := range 40 {
			list += fmt.Sprintf(`,</history/%d>;rt="temperature"`, i)
		}
	}
	find := coap{list: list, read: d.has("coap-settings") || d.has("coap-write"), write: d.has("coap-write"), kept: &coapSettings{value: []byte(`{"ssid":"practice","interval":60}`)}}
	broker := d.mqtt()
	err = first(
		func() error {
			return d.tcp("https", func(l net.Listener) { d.web(tls.NewListener(l, conf), d.setUp()) })
		},
		func() error {
			return d.tcp("mqtt", d.each(func(n net.Conn) {
				if !d.has("plain-mqtt") {
					n = tls.Server(n, other)
				}
				broker.serve(n)
			}))
		},
		func() error { return d.udp("coap", find.answer) },
		func() error { return d.udp("mdns", d.mdns) },
	)
	if err == nil && d.has("ssdp") {
		err = d.udp("ssdp", func(b []byte) []byte {
			if !strings.HasPrefix(string(b), "M-SEARCH ") {
				return nil
			}
			return []byte("HTTP/1.1 200 OK\r\nST: upnp:rootdevice\r\nUSN: " + upnpID + "::upnp:rootdevice\r\n\r\n")
		})
	}
	return err
}

func sensorYAML(p Ports) []byte {
	return fmt.Appendf(nil, `format: hoshi-product/1
product:
  name: {ja: 練習用温度センサー, en: Practice temperature sensor}
  vendor: {ja: 練習用製造者, en: Practice Maker}
  models: [%[1]s]
  firmware: "1.0.0"
accounts:
  - {user: admin, port: %[2]s, initial: set-at-first-use, changeable: true}
  - {user: app, port: %[3]s, initial: unique-per-device, changeable: true, secret: {env: %[6]s}}
ports:
  - {port: %[2]s, service: https, reason: 利用者が最初の設定をする}
  - {port: %[3]s, service: mqtts, reason: 利用者のアプリが測定値を受け取る}
  - {port: %[4]s, service: coap, reason: アプリが機種を見分ける（設定は読めない）}
  - {port: %[5]s, service: mdns, reason: 同じネットワークのアプリが機器を見つける}
assets:
  - {id: wifi, kind: communication-settings, name: 無線 LAN の設定, stored: 本体のフラッシュメモリ, paths: [settings]}
  - {id: administrator, kind: security-settings, name: 管理者アカウントの設定, stored: 本体のフラッシュメモリ, paths: [settings]}
  - {id: reading, kind: confidential, name: 在宅が分かる室温の記録, stored: "", paths: [reading]}
paths:
  - {id: settings, port: %[2]s, url: /settings.json, protection: tls}
  - {id: reading, port: %[3]s, protection: tls}
updates:
  - {id: online, network: true, integrity: ファームウェアの電子署名を更新前に検証する}
interfaces:
  - {kind: bluetooth, use: なし, reason: 部品を載せていない}
`, ModelSensor, p["https"], p["mqtt"], p["coap"], p["mdns"], SecretEnv)
}
