package scheme

// Product is an IoT product (IoT製品): a device with the companion services it
// needs (必須付随サービス). Several model numbers can share one application.
type Product struct {
	ID             string       `json:"id"`
	OrganisationID string       `json:"organisation"`
	Version        int64        `json:"version"`
	Name           string       `json:"name"`
	NameEN         string       `json:"nameEn"`
	Summary        string       `json:"summary"`
	SummaryEN      string       `json:"summaryEn"`
	Models         []Model      `json:"models"`
	SameReason     string       `json:"sameReason"` // why several models may share one evaluation
	Manufacturer   Withholdable `json:"manufacturer"`
	Origin         Withholdable `json:"origin"` // country or region of manufacture, 製造国又は地域
	URL            string       `json:"url"`
	Contact        string       `json:"contact"`     // where users ask about the product
	OtherMarks     string       `json:"otherMarks"`  // numbers of other certificates
	AdvisoryURL    string       `json:"advisoryUrl"` // vulnerability information on this product
	ReportURL      string       `json:"reportUrl"`   // where vulnerabilities are reported
	SupportUntil   Day          `json:"supportUntil"`
	Notes          string       `json:"notes"` // その他セキュリティ関連情報
	Assets         []Asset      `json:"assets"`
	Scope          ScopeAnswers `json:"scope"`
}

// Model is one model number (型式番号).
type Model struct {
	Number   string `json:"number"`
	Firmware string `json:"firmware"` // the version that was evaluated
}

// Withholdable is a field that the applicant may keep private (table 3.7-1 allows
// it for the manufacturer's name and the country of manufacture only).
type Withholdable struct {
	Value   string `json:"value"`
	Private bool   `json:"private"`
}

// AssetKind is one of the three kinds of information to protect at ☆1 (守るべき
// 情報資産, report 3.4 with footnotes 10 and 11).
type AssetKind string

const (
	CommunicationSettings AssetKind = "communication-settings" // 通信機能に関する設定情報
	SecuritySettings      AssetKind = "security-settings"      // セキュリティ機能に関する設定情報
	Confidential          AssetKind = "confidential"           // 一般的に機密性が高い情報
)

// AssetKinds lists all kinds.
var AssetKinds = []AssetKind{CommunicationSettings, SecuritySettings, Confidential}

// Asset is one information asset of the product.
type Asset struct {
	Kind   AssetKind `json:"kind"`
	Name   string    `json:"name"`
	Stored string    `json:"stored"` // where it is kept; empty = not stored in the device
	Sent   string    `json:"sent"`   // on which paths it is sent; empty = not sent
}
