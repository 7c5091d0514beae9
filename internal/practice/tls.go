package practice

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rsa"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"math/big"
	"time"
)

// tlsConfig takes TLS 1.2 and 1.3 with good suites only, and an elliptic key.
func (d *Device) tlsConfig() (*tls.Config, error) {
	var key crypto.Signer
	key, err := ecdsa.GenerateKey(elliptic.P256(), d.o.Rand)
	conf := &tls.Config{
		MinVersion:   tls.VersionTLS12,
		CipherSuites: []uint16{tls.TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256, tls.TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384},
		NextProtos:   []string{"http/1.1"},
	}
	if d.has("small-key") {
		key, err = rsa.GenerateKey(d.o.Rand, 1024)
		conf.CipherSuites = []uint16{tls.TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256, tls.TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384}
	}
	if err != nil {
		return nil, err
	}
	if d.has("weak-suite") {
		conf.CipherSuites = append(conf.CipherSuites, tls.TLS_ECDHE_ECDSA_WITH_RC4_128_SHA)
	}
	if d.has("old-tls") {
		conf.MinVersion = tls.VersionTLS10
		conf.CipherSuites = append(conf.CipherSuites, tls.TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA, tls.TLS_ECDHE_ECDSA_WITH_AES_256_CBC_SHA)
	}
	now := d.o.Now()
	name := "practice-" + d.Make
	tpl := &x509.Certificate{SerialNumber: big.NewInt(now.Unix()), Subject: pkix.Name{CommonName: name},
		NotBefore: now.Add(-time.Hour), NotAfter: now.AddDate(1, 0, 0), DNSNames: []string{name + ".local"}}
	der, err := x509.CreateCertificate(d.o.Rand, tpl, tpl, key.Public(), key)
	if err != nil {
		return nil, err
	}
	conf.Certificates = []tls.Certificate{{Certificate: [][]byte{der}, PrivateKey: key}}
	return conf, nil
}
