package scheme

import "fmt"

// CorporateNumber is a 法人番号: thirteen digits, the first of which checks the rest.
type CorporateNumber string

// CorporateNumberFault says what is wrong with a corporate number.
type CorporateNumberFault string

const (
	CorporateNumberLength CorporateNumberFault = "length" // not thirteen characters
	CorporateNumberDigits CorporateNumberFault = "digits" // something other than ASCII digits
	CorporateNumberCheck  CorporateNumberFault = "check"  // the check digit does not fit
)

func (f CorporateNumberFault) Error() string { return "corporate number: " + string(f) }

// Validate checks length, digits and the check digit of the National Tax Agency:
// 9 − (Σ Pn·Qn mod 9), n counted from the right of the twelve base digits, Qn 1
// for odd n and 2 for even n. It does not know whether the number was ever issued.
func (c CorporateNumber) Validate() error {
	if len(c) != 13 {
		return CorporateNumberLength
	}
	sum := 0
	for i := 1; i < 13; i++ {
		d := int(c[i]) - '0'
		if d < 0 || d > 9 {
			return CorporateNumberDigits
		}
		if n := 13 - i; n%2 == 0 {
			d *= 2
		}
		sum += d
	}
	if c[0] < '0' || c[0] > '9' {
		return CorporateNumberDigits
	}
	if int(c[0]-'0') != 9-sum%9 {
		return CorporateNumberCheck
	}
	return nil
}

// String groups the digits for reading: "7 0000 1205 0002".
func (c CorporateNumber) String() string {
	if len(c) != 13 {
		return string(c)
	}
	return fmt.Sprintf("%s %s %s %s", c[:1], c[1:5], c[5:9], c[9:])
}
