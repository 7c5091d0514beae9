package tls

import (
	"bytes"
	"crypto/dsa" //nolint:staticcheck // old devices have such keys; only their size is read
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/hex"
	"strings"
	"time"

	"hoshi/internal/probe"
)

// Certificate states one certificate; ok is false when it cannot be read. day is
// the day of the test in days since 1970; place counts from 0, the server's own.
func Certificate(der []byte, place int, day int) (map[string]any, bool) {
	c, err := x509.ParseCertificate(der)
	if err != nil {
		return nil, false
	}
	kind, bits := keyOf(c)
	names := []string{}
	for _, n := range c.DNSNames {
		if len(names) < 20 {
			names = append(names, probe.Clip(n))
		}
	}
	for _, ip := range c.IPAddresses {
		if len(names) < 20 {
			names = append(names, ip.String())
		}
	}
	sum := sha256.Sum256(der)
	at := time.Unix(int64(day)*86400, 0).UTC()
	return map[string]any{
		"place": place, "name": probe.Clip(c.Subject.String()), "issuer": probe.Clip(c.Issuer.String()), "names": names,
		"key": kind, "bits": bits, "signature": signature(c.SignatureAlgorithm), "hash": hashOf(c.SignatureAlgorithm),
		"from": c.NotBefore.UTC().Format(time.DateOnly), "until": c.NotAfter.UTC().Format(time.DateOnly),
		"inTime":     day > 0 && !at.Add(24*time.Hour).Before(c.NotBefore) && !at.After(c.NotAfter),
		"selfSigned": bytes.Equal(c.RawIssuer, c.RawSubject) && (c.CheckSignature(c.SignatureAlgorithm, c.RawTBSCertificate, c.Signature) == nil || weak(c.SignatureAlgorithm)),
		"sha256":     hex.EncodeToString(sum[:]),
	}, true
}

// weak signature algorithms are no longer checked by the library; the names alone
// say then whether a certificate signs itself.
func weak(a x509.SignatureAlgorithm) bool {
	h := hashOf(a)
	return h == "md5" || h == "sha1" || h == "md2"
}

func keyOf(c *x509.Certificate) (kind string, bits int) {
	switch k := c.PublicKey.(type) {
	case *rsa.PublicKey:
		return "rsa", k.N.BitLen()
	case *ecdsa.PublicKey:
		return "ecdsa", k.Curve.Params().BitSize
	case ed25519.PublicKey:
		return "ed25519", 256
	case *dsa.PublicKey:
		return "dsa", k.P.BitLen()
	}
	return "other", 0
}

func signature(a x509.SignatureAlgorithm) string {
	if a == x509.UnknownSignatureAlgorithm {
		return "other"
	}
	return a.String()
}

func hashOf(a x509.SignatureAlgorithm) string {
	s := strings.ToLower(strings.ReplaceAll(a.String(), "-", ""))
	for _, h := range []string{"md2", "md5", "sha1", "sha256", "sha384", "sha512"} {
		if strings.Contains(s, h) {
			return h
		}
	}
	if a == x509.PureEd25519 {
		return "ed25519"
	}
	return "other"
}
