package sweep

import (
	"encoding/binary"
	"math/rand/v2"
)

// chunk is how many neighbouring ports are asked in random order before the next
// chunk, itself drawn at random: ports that are settled make short ranges.
const (
	chunk  = 1024
	chunks = 64
)

// wellKnown are ports of services often found on devices, asked first so that
// canaries and findings come early.
var wellKnown = []int{
	80, 443, 22, 23, 21, 8080, 53, 554, 8443, 1883, 8883, 502, 631, 25, 110, 111, 135, 139, 143, 389, 445, 465, 515, 587, 993, 995,
	7, 9, 13, 19, 37, 49, 79, 81, 82, 88, 113, 123, 161, 199, 548, 553, 623, 873, 902, 1080, 1433, 1723, 1900, 1935, 2000, 2049, 2222,
	2323, 2375, 2376, 3000, 3128, 3306, 3389, 3702, 4321, 4433, 4567, 4786, 5000, 5001, 5060, 5061, 5222, 5353, 5357, 5431, 5432, 5555,
	5683, 5684, 5900, 5985, 6379, 6666, 6667, 7000, 7547, 7681, 8000, 8001, 8008, 8009, 8060, 8081, 8082, 8086, 8088, 8089, 8090, 8181,
	8200, 8291, 8554, 8888, 9000, 9090, 9100, 9200, 9443, 9530, 9999, 10000, 10001, 20000, 30005, 32400, 34567, 37777, 44818, 47808,
	49152, 49153, 49154, 50000, 52869, 54321, 55443, 60000, 65535,
}

// Order lists all 65,535 ports in an order that depends on the seed alone:
// well-known ports first, then chunks in random order, random within.
func Order(seed uint64) []int {
	var key [32]byte
	binary.LittleEndian.PutUint64(key[:], seed)
	src := rand.NewChaCha8(key)
	draw := func(n int) int { // Lemire's method is not needed: n is tiny against 2^64
		return int(src.Uint64() % uint64(n))
	}
	shuffle := func(p []int) {
		for i := len(p) - 1; i > 0; i-- {
			j := draw(i + 1)
			p[i], p[j] = p[j], p[i]
		}
	}
	out := make([]int, 0, 65535)
	var taken [65536]bool
	for _, p := range wellKnown {
		taken[p] = true
		out = append(out, p)
	}
	shuffle(out)
	order := make([]int, chunks)
	for i := range order {
		order[i] = i
	}
	shuffle(order)
	for _, c := range order {
		begin := len(out)
		for p := c * chunk; p < (c+1)*chunk; p++ {
			if p > 0 && !taken[p] {
				out = append(out, p)
			}
		}
		shuffle(out[begin:])
	}
	return out
}
