package probe

import (
	"fmt"
	"strconv"
	"strings"
)

// Ranges writes ascending port numbers as "1-21,24,80-90".
func Ranges(ports []int) string {
	var b strings.Builder
	for i := 0; i < len(ports); {
		j := i
		for j+1 < len(ports) && ports[j+1] == ports[j]+1 {
			j++
		}
		if b.Len() > 0 {
			b.WriteByte(',')
		}
		b.WriteString(strconv.Itoa(ports[i]))
		if j > i {
			b.WriteString("-" + strconv.Itoa(ports[j]))
		}
		i = j + 1
	}
	return b.String()
}

// ParseRanges calls each for every port in the text. It refuses numbers outside
// 1–65535 and ranges that do not ascend.
func ParseRanges(s string, each func(port int)) error {
	if s == "" {
		return nil
	}
	last := 0
	for part := range strings.SplitSeq(s, ",") {
		a, b, isRange := strings.Cut(part, "-")
		lo, err := strconv.Atoi(a)
		hi := lo
		if err == nil && isRange {
			hi, err = strconv.Atoi(b)
		}
		if err != nil || lo <= last || hi < lo || hi > 65535 {
			return fmt.Errorf("port range %q", part)
		}
		for p := lo; p <= hi; p++ {
			each(p)
		}
		last = hi
	}
	return nil
}
