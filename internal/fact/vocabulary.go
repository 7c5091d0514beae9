package fact

import "hoshi/internal/i18n"

// Entry is one word of the vocabulary. Rules of an edition may use no other
// name, and a probe may state no other; a new word is added here.
type Entry struct {
	Name    string
	Subject string    // what the subject looks like; "" = the device as a whole
	Shape   string    // the value, in words that a rule author needs
	Doc     i18n.Text // what it says about the device
}

// Vocabulary lists every fact name, sorted.
//
// Subjects: a port is "tcp/443" or "udp/161"; a sign-in interface is its port
// and kind, "tcp/443 form /login"; an account is "admin@tcp/443"; an asset and
// a path have the ids that product.yaml gives them. Names of protocols and kinds
// of sign-in are open words: each protocol brings its own.
var Vocabulary = []Entry{
	{"access.anonymous", "declared path id", `{asked: int, granted: int, what: [string]}`, i18n.Text{
		JA: "サインインせずに、申告された守るべき情報の置き場所を読めたかどうか。",
		EN: "Whether declared places of information assets could be read without signing in."}},
	{"access.coverage", "", `{paths: int, asked: int}`, i18n.Text{
		JA: "サインインなしの読み取りを試した経路の数。",
		EN: "How many declared paths were tried without signing in."}},
	{"access.open", "port and protocol", `{port: string, protocol: string, read: bool, write: bool, writeAsked: bool, what: string}`, i18n.Text{
		JA: "サインインせずに、サービスから読み出せたか、書き込めたか。尋ねたサービスごとに一つあり、どちらもできなかった場合も残す。書き込みは同意がある場合だけ試す（writeAsked）。",
		EN: "Whether a service let anybody read or write without signing in: one for each service that was asked, also when neither was possible. Writing is tried with consent only (writeAsked)."}},
	{"amplification", "port and protocol", `{port: string, protocol: string, question: string, sent: int, received: int, datagrams: int, percent: int}`, i18n.Text{
		JA: "UDP の問い一つに対する応答の大きさ。percent は応答のバイト数を問いのバイト数で割った百分率で、送信元を偽った問いによる攻撃の踏み台になりうる度合い。",
		EN: "How large the answer to one UDP question is; percent is bytes received for each hundred sent, which a question sent in another's name would turn on that other."}},
	{"coap.resource", "port and path", `{port: string, path: string, type: string, answer: string}`, i18n.Text{
		JA: "CoAP サーバーが一覧に挙げた資源と、サインインせずに読み出したときの応答コード（2.05 なら読めた。空なら尋ねていないか応答がない）。",
		EN: "A resource that a CoAP server lists, and the code that reading it without signing in met (2.05: it could be read; empty: not asked, or no answer)."}},
	{"declared.account", "account", `{user: string, port: string, initial: "unique-per-device"|"set-at-first-use"|"shared"|"none"|"unknown", changeable: bool, changeableSaid: bool}`, i18n.Text{
		JA: "申告された利用者アカウントと初期値の決め方（申告に書かれていなければ unknown）。changeableSaid は、値を変えられるかが申告に書かれているか。",
		EN: "A declared account and how its first value is made (unknown: the declaration does not say); changeableSaid: it says whether the value can be changed."}},
	{"declared.asset", "asset id", `{kind: "communication-settings"|"security-settings"|"confidential", name: string, stored: bool, sent: bool}`, i18n.Text{
		JA: "申告された守るべき情報資産。",
		EN: "A declared information asset."}},
	{"declared.path", "path id", `{assets: [string], port: string, local: bool, to: string, network: bool, public: bool, protection: string}`, i18n.Text{
		JA: "守るべき情報を送る経路の申告。local は機器が待ち受ける経路。",
		EN: "A declared path on which assets are sent; local means that the device listens on it."}},
	{"declared.port", "port", `{service: string, reason: string}`, i18n.Text{
		JA: "申告された開放ポートとその理由。",
		EN: "A declared open port with its reason."}},
	{"declared.summary", "", `{assets: int, paths: int, ports: int, accounts: int, updates: int}`, i18n.Text{
		JA: "申告された項目の数。",
		EN: "How many items of each kind are declared."}},
	{"declared.update", "update id", `{network: bool, integrity: string}`, i18n.Text{
		JA: "申告された更新経路。",
		EN: "A declared update path."}},
	{"device.outage", "during which part and its number", `{kind: "reboot"|"hang"|"unknown"|"gone", during: "tcp"|"udp"|"services", seconds: int, rate: int, last: string}`, i18n.Text{
		JA: "検査中に機器がまったく応答しなくなったこと。during が tcp と udp のとき、rate は直前 1 秒間に送った数、last は直前に調べたポート。services のとき、rate は 0、last は直前に送った内容。",
		EN: "A time in which the device did not answer at all. During tcp and udp rate is what was sent in the second before, last the ports asked last; during services rate is 0 and last what was sent last."}},
	{"device.restart", "port and source", `{restarted: bool, at: int, secondsBefore: int, secondsAfter: int, bootsBefore: int, bootsAfter: int}`, i18n.Text{
		JA: "試験の途中で機器が起動し直したか。稼働時間を名のるプロトコルごとに、試験の終わりにもう一度尋ねて比べる。at は最後の起動の時刻（試験開始からのミリ秒。試験の前なら負の値、稼働時間を名のらなければ尋ねた時刻）。",
		EN: "Whether the device started anew during the test: every source of its uptime is asked again at the end and compared. at is when it last started, in milliseconds since the test began (negative: before it; the time of reading where no uptime is told)."}},
	{"device.uptime", "port and source", `{seconds: int, boots: int, at: int}`, i18n.Text{
		JA: "機器が名のった連続稼働時間（秒。名のらなければ -1）と起動の回数または起動ごとに変わる番号（なければ 0）。at は試験開始からの時刻（ミリ秒）。",
		EN: "How long the device says it has been running, in seconds (-1: not told), and how often it started, or a number that changes with each start (0: not told). at is the time of reading, in milliseconds since the test began."}},
	{"device.watch", "", `{outages: int}`, i18n.Text{
		JA: "サービスを試験している間に機器の応答を見守り、応答しなくなったと分かった回数。ポートを調べている間の回数は tcp.scan と udp.scan にある。",
		EN: "How often the device was found not to answer while its services were tested. The scans count for themselves, see tcp.scan and udp.scan."}},
	{"host.mixed", "", `bool`, i18n.Text{
		JA: "試験に使ったパソコン自身の待ち受けが結果に混ざっているか。",
		EN: "Whether listeners of the testing host are mixed into the result."}},
	{"import.file", "file", `{tool: string, version: string, made: string, target: string, sha256: string}`, i18n.Text{
		JA: "ほかの道具の出力から取り込んだファイル。どの道具のどのバージョンが、いつ、どのアドレスを調べたか。",
		EN: "A file taken in from another tool: which tool and version looked at which address, and when."}},
	{"mdns.service", "port and service name", `{name: string, type: string, port: string, host: string, text: [string]}`, i18n.Text{
		JA: "機器が mDNS で広告しているサービスと、そのポート（分からなければ空）。",
		EN: "A service that the device advertises by mDNS, and its port (empty when not told)."}},
	{"natpmp.answer", "port", `{natpmp: bool, pcp: bool, outer: string}`, i18n.Text{
		JA: "求めに応じてポートを開けるプロトコル（NAT-PMP、PCP）に応答したか、外側のアドレスを教えたか。ポートを開ける求めは試験では出さない。",
		EN: "Whether the gateway answers the protocols that open ports on request (NAT-PMP, PCP) and which outer address it told. The test never asks for a port."}},
	{"ntp.answer", "port", `{time: bool, control: bool, private: bool}`, i18n.Text{
		JA: "NTP サーバーが応答した問い。control は管理用の mode 6、private は mode 7（monlist）に中身のある応答を返したこと。",
		EN: "What an NTP server answers: the time; control: management questions of mode 6; private: those of mode 7 (monlist), with content."}},
	{"service.detail", "port, protocol and key", `{port: string, protocol: string, key: string, value: string}`, i18n.Text{
		JA: "サービスが自分について名のったこと（型名、バージョン、題名など）。",
		EN: "Something a service says about itself, such as a model name, a version or a title."}},
	{"service.protocol", "port", `{protocol: string, over: string, tls: bool, understood: bool, software: string, excerpt: string}`, i18n.Text{
		JA: "開いている TCP ポートで使われているプロトコル。silent は無応答、other は未知のプロトコルで、その応答の抜粋を残す。understood は、そのプロトコルでのサインインの入口をすべて調べられること。",
		EN: "What speaks on an open TCP port: silent gave no answer, other is unknown and leaves an excerpt of what it said. understood: every way to sign in that the protocol has is looked for."}},
	{"signin.change", "account and sign-in interface", `{account: string, door: string, oldRefused: bool, newAccepted: bool, complete: bool}`, i18n.Text{
		JA: "人が認証値を変えた後、前の値が拒否され、新しい値でサインインできたか。",
		EN: "Whether the old value was refused and the new one accepted after a person changed it."}},
	{"signin.coverage", "", `{interfaces: int, firstUses: int, changes: int}`, i18n.Text{
		JA: "見つかったサインインの入口の数と、出荷時の値と値の変更を試した数。",
		EN: "How many sign-in interfaces were found, and at how many the value from the factory and a change of the value were seen."}},
	{"signin.default", "sign-in interface", `{tried: int, accepted: [string], forced: [string], why: ""|"locked"|"no-answer"|"not-understood"|"declared-refused"|"no-user", wait: int, complete: bool}`, i18n.Text{
		JA: "よく知られた初期値または申告された共通の初期値でサインインできたか。forced は、値を変えるまでほかに何もできなかったもの。why は、試し終えられなかった理由: locked サインインを受け付けない状態だった（wait は機器が示した待ち時間、秒）、no-answer 応答がない、not-understood 応答を理解できない、declared-refused 申告された値が拒否された。",
		EN: "Whether a commonly known or declared shared default value was accepted; forced: those with which nothing worked but changing them. why they could not all be tried: locked (sign-ins were turned away; wait: the seconds that the device stated), no-answer, not-understood, declared-refused (the declared value was)."}},
	{"signin.firstuse", "account and sign-in interface", `{account: string, door: string, forced: bool}`, i18n.Text{
		JA: "出荷時の値でサインインしたとき、値を変えるまでほかに何もできなかったか。",
		EN: "Whether nothing worked but changing the value after a sign-in with the one from the factory."}},
	{"signin.interface", "sign-in interface", `{port: string, kind: string, encrypted: bool}`, i18n.Text{
		JA: "ネットワーク経由の利用者認証の入口。",
		EN: "A way to sign in over the network."}},
	{"signin.limit", "sign-in interface", `{attempts: int, limited: bool, after: int, how: string, guessesPerDay: int, scope: "account"|"source"|"all"|"unknown", otherAccount: "limited"|"checked"|"unknown", otherSource: "limited"|"checked"|"unknown", lasts: "none"|"always"|"seen"|"stated"|"until-unlocked"|"not-seen", watched: int, why: ""|"locked"|"no-answer"|"not-understood"|"declared-refused"|"no-user", wait: int, complete: bool}`, i18n.Text{
		JA: "誤った認証の繰り返しに対する制限。guessesPerDay は、一人が一つずつ試すとして一日に試せる回数。otherAccount と otherSource は、制限の間に別のアカウントと別の送信元アドレスで試したときの応答で、scope はそこから分かる制限の範囲（送信元を変えれば試せるときは source）。lasts は制限の終わり方: seen 終わりを見た、stated 機器が時間を示した、until-unlocked 人が解除するまでと示した、not-seen 見ていた間（watched 秒）には終わらなかった。why と wait は signin.default と同じで、no-user は、値を試せる利用者が分からなかったこと。",
		EN: "What repeated wrong sign-ins met. guessesPerDay holds for one attacker who makes one attempt at a time. otherAccount and otherSource: what another account and another source address met while the limit stood; scope follows from them (source when another address evades it). lasts: how the limit ends: seen; stated by the device; until-unlocked by a person, as the device says; or not-seen in the time watched (seconds). why and wait as in signin.default; no-user: nobody was known whose value could be tried."}},
	{"snmp.version", "port", `{v1: bool, v2c: bool, v3: bool, engine: string}`, i18n.Text{
		JA: "応答した SNMP のバージョン。v1 と v2c は認証値 public に応答した場合だけ分かる。",
		EN: "The SNMP versions that answered; v1 and v2c show only when they take the community public."}},
	{"ssh.algorithm", "port", `{kex: [string], hostKey: [string], cipher: [string], mac: [string]}`, i18n.Text{
		JA: "SSH サーバーが受け入れると示した鍵交換、ホスト鍵、暗号、MAC の方式。",
		EN: "The methods of key exchange, host key, cipher and MAC that an SSH server offers."}},
	{"ssh.hostkey", "port", `{keys: [{key: "rsa"|"ecdsa"|"ed25519"|"dsa"|"other", bits: int, sha256: string}], complete: bool}`, i18n.Text{
		JA: "SSH サーバーが示したホスト鍵の種類と長さ。",
		EN: "The kinds and sizes of the host keys that an SSH server showed."}},
	{"tcp.after", "", `{asked: int, ended: [string]}`, i18n.Text{
		JA: "試験の終わりに、開いていた TCP ポートがまだ接続を受け付けるか。ended は、受け付けなくなったポート（サービスが止まったか、このコンピューターを締め出している）。",
		EN: "Whether at the end of the test the open TCP ports still take connections; ended are those that do not: the service has ended, or keeps this computer out."}},
	{"tcp.coverage", "", `{asked: int, open: int, closed: int, filtered: int, undecided: int}`, i18n.Text{
		JA: "TCP 全ポートのうち、状態を確かめられた数。",
		EN: "How many of all TCP ports were settled, and how."}},
	{"tcp.open", "port", `bool`, i18n.Text{
		JA: "開いている TCP ポート。",
		EN: "An open TCP port."}},
	{"tcp.scan", "", `{method: "syn"|"connect", silent: int, tries: int, outages: int}`, i18n.Text{
		JA: "TCP ポートの調べ方。応答のなかったポートの数、そのようなポートに試した最大の回数、機器の応答が途絶えた回数。",
		EN: "How TCP ports were asked: ports that never answered, most tries at one of them, times that the device stopped answering."}},
	{"tls.certificate", "port", `{certificates: [{place: int, name: string, names: [string], issuer: string, key: "rsa"|"ecdsa"|"ed25519"|"dsa"|"other", bits: int, signature: string, hash: string, from: string, until: string, inTime: bool, selfSigned: bool, sha256: string}], complete: bool}`, i18n.Text{
		JA: "TLS で示された証明書。place は送られた順（0 が機器自身の証明書）。inTime は試験の日に有効期間内だったか。",
		EN: "The certificates shown in TLS; place is the order as sent (0 = the device's own), inTime whether they were valid on the day of the test."}},
	{"tls.group", "port", `{groups: [string], dhBits: int, complete: bool}`, i18n.Text{
		JA: "受け入れられた鍵共有のグループ（曲線など）と、DH の素数のうち最も小さいものの長さ（0 は DH なし）。",
		EN: "The key exchange groups (such as curves) that were accepted, and the size of the smallest DH prime (0 = none)."}},
	{"tls.suite", "port", `{suites: [string], asked: int, complete: bool}`, i18n.Text{
		JA: "受け入れられた TLS 暗号スイート。",
		EN: "The TLS cipher suites that were accepted."}},
	{"tls.version", "port", `{versions: [string], asked: [string], complete: bool}`, i18n.Text{
		JA: "受け入れられた TLS のバージョン。",
		EN: "The TLS versions that were accepted."}},
	{"udp.coverage", "", `{asked: int, open: int, answered: int, closed: int, filtered: int, undecided: int, method: "pool"|"link"|"single"|"sockets"|"questions"}`, i18n.Text{
		JA: "UDP ポートのうち、状態を確かめられた数。answered は、開いているもののうち応答があった数。method は確かめ方（pool と link は送信元アドレスを替えながら、single と sockets は一つの送信元から、questions は既知のサービスだけに尋ねた）。",
		EN: "How many UDP ports were settled, and how; answered counts the open ones that answered. method: from many source addresses (pool, link), from one (single, sockets), or known services only (questions)."}},
	{"udp.open", "port", `{service: string, answered: bool}`, i18n.Text{
		JA: "開いている UDP ポート。answered が偽なら、応答はないが、閉じたポートを知らせる機器が、このポートだけは閉じていると言わなかった。",
		EN: "An open UDP port. Without an answer it is open because the device, which tells of closed ports, never told so of this one."}},
	{"udp.scan", "", `{silent: int, tries: int, outages: int, estimate: int}`, i18n.Text{
		JA: "UDP ポートの調べ方。まったく応答のなかったポートの数、そのようなポートに試した最大の回数、機器の応答が途絶えた回数、既知のサービスだけに尋ねた場合に全ポートならかかる秒数の見積もり（0 は見積もれない、または不要）。",
		EN: "How UDP ports were asked: ports that never answered, most tries at one of them, times that the device stopped answering, and, when only known services were asked, the estimate in seconds for all ports (0 = none possible or needed)."}},
	{"upnp.service", "port and control path", `{port: string, type: string, reads: [string], changes: [string], called: [string], answered: [string], complete: bool}`, i18n.Text{
		JA: "UPnP のサービスが受け付ける操作。changes は設定などを変える操作で、一覧にするだけで呼び出さない。answered は、読むだけの操作のうち、サインインせずに呼び出して応答があったもの。",
		EN: "The actions that a UPnP service offers. changes may change something and are listed only, never called; answered are those that only read and that answered a call without signing in."}},
}

// Known reports whether the vocabulary has the name.
func Known(name string) bool {
	for _, e := range Vocabulary {
		if e.Name == name {
			return true
		}
	}
	return false
}
