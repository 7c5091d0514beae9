package practice

import (
	"fmt"
	"slices"
)

// SecretEnv is the environment variable from which the practice camera's
// declaration takes its password.
const SecretEnv = "HOSHI_PRACTICE_PASSWORD"

// Model is the model number of the practice camera.
const Model = "PC-100"

// ProductYAML is the camera's declaration. Flaws of the device change nothing in
// it: its vendor does not know of them, or does not say.
func ProductYAML(p Ports, flaws ...string) []byte {
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
  - user: admin
    port: tcp/%[2]d
    initial: unique-per-device
    changeable: true
    secret: {env: %[6]s}
ports:
  - {port: tcp/%[2]d, service: https, reason: 設定画面と映像を利用者に見せる}
  - {port: tcp/%[3]d, service: http, reason: https へ案内するだけで、設定は送らない}
  - {port: tcp/%[4]d, service: ssh, reason: %[5]q}
assets:
  - {id: wifi, kind: communication-settings, name: 無線 LAN の設定, stored: 本体のフラッシュメモリ, paths: [settings]}
  - {id: administrator, kind: security-settings, name: 管理者アカウントの設定, stored: 本体のフラッシュメモリ, paths: [settings]}
  - {id: picture, kind: confidential, name: 人が映り得る映像, stored: "", paths: [picture]}
paths:
  - {id: settings, port: tcp/%[2]d, url: /settings.json, protection: tls}
  - {id: picture, port: tcp/%[2]d, url: /snapshot.svg, protection: tls}
updates:
  - {id: online, network: true, integrity: ファームウェアの電子署名を更新前に検証する}
interfaces:
  - {kind: usb, use: 給電のみ, reason: データ線を接続していない}
`, Model, p.HTTPS, p.HTTP, p.SSH, reason, SecretEnv)
}
