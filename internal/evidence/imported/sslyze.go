package imported

import (
	"encoding/json"
	"time"

	"hoshi/internal/probe"
)

type sslyzeRun struct {
	Version string `json:"sslyze_version"`
	Started string `json:"date_scans_started"`
	Results []struct {
		Location struct {
			IP   string `json:"ip_address"`
			Port int    `json:"port"`
		} `json:"server_location"`
		Result map[string]json.RawMessage `json:"scan_result"`
	} `json:"server_scan_results"`
}

var sslyzeVersions = map[string]string{"ssl_2_0_cipher_suites": "SSL 2.0", "ssl_3_0_cipher_suites": "SSL 3.0", "tls_1_0_cipher_suites": "TLS 1.0",
	"tls_1_1_cipher_suites": "TLS 1.1", "tls_1_2_cipher_suites": "TLS 1.2", "tls_1_3_cipher_suites": "TLS 1.3"}

// sslyze reads the file of sslyze --json_out, versions 5 and 6.
func sslyze(b []byte) (File, error) {
	var run sslyzeRun
	if err := json.Unmarshal(b, &run); err != nil || run.Results == nil {
		return File{}, ErrForeign
	}
	f := File{Tool: "sslyze", Version: probe.Clip(run.Version)}
	days := 0
	if len(run.Started) >= 10 {
		if t, err := time.Parse(time.DateOnly, run.Started[:10]); err == nil {
			f.Made, days = t.Format(time.DateOnly), int(t.Unix()/86400)
		}
	}
	m := map[string]*seen{}
	for _, r := range run.Results {
		if r.Location.Port < 1 || r.Location.Port > 65535 || r.Result == nil || len(m) >= 64 {
			continue
		}
		if err := f.address(r.Location.IP); err != nil {
			return File{}, err
		}
		s := &seen{whole: true}
		m[probe.TCP(r.Location.Port)] = s
		for key, name := range sslyzeVersions {
			var part struct {
				Status string `json:"status"`
				Result *struct {
					Accepted []struct {
						Suite struct {
							Name string `json:"name"`
						} `json:"cipher_suite"`
					} `json:"accepted_cipher_suites"`
				} `json:"result"`
			}
			if raw, ok := r.Result[key]; !ok || json.Unmarshal(raw, &part) != nil || part.Result == nil || part.Status != "COMPLETED" {
				continue
			}
			s.put(&s.asked, name)
			for _, a := range part.Result.Accepted {
				s.put(&s.versions, name)
				s.put(&s.suites, a.Suite.Name)
			}
		}
		var info struct {
			Result *struct {
				Deployments []struct {
					Chain []struct {
						PEM string `json:"as_pem"`
					} `json:"received_certificate_chain"`
				} `json:"certificate_deployments"`
			} `json:"result"`
		}
		if raw, ok := r.Result["certificate_info"]; ok && json.Unmarshal(raw, &info) == nil && info.Result != nil {
			for _, d := range info.Result.Deployments {
				for i, c := range d.Chain {
					s.certificate(c.PEM, i, days)
				}
			}
		}
	}
	if f.Target == "" {
		return File{}, ErrForeign
	}
	f.ports(m)
	return f, nil
}
