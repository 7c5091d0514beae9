# The commands of the project. "make test" is the gate; .ci/run calls it.

.PHONY: build test soak fuzz lint bench

build:
	go build -trimpath -o bin/hoshi ./cmd/hoshi

# Installs what is missing (or names it and fails), then runs everything.
test:
	./tools/testdeps
	@test -z "$$(gofmt -l .)" || { echo "not gofmt-ed:"; gofmt -l .; exit 1; }
	go vet ./...
	for os in darwin windows; do GOOS=$$os go build ./internal/assess/... ./internal/probe/... || exit 1; done
	go test -timeout 20m ./...
	cd conformance && go test -timeout 10m ./...

# The long versions: every kill, long random walks, long fuzzing. Not from the cache: it
# does not see that processes which a test starts read HOSHI_SOAK.
soak:
	./tools/testdeps
	HOSHI_SOAK=1 go test -count=1 -timeout 12h ./...
	$(MAKE) fuzz

# Every fuzz target for FUZZTIME each.
FUZZTIME ?= 1m
fuzz:
	@go list ./... | while read -r p; do go test -list '^Fuzz' $$p | grep '^Fuzz' | while read -r f; do \
		echo "$$p $$f"; go test -run '^$$' -fuzz "^$$f\$$" -fuzztime $(FUZZTIME) -fuzzminimizetime 1x $$p </dev/null >/tmp/fuzz.$$$$ 2>&1 || { cat /tmp/fuzz.$$$$; exit 1; }; \
	done || exit 1; done; rm -f /tmp/fuzz.$$$$

lint:
	go vet ./...
	go run honnef.co/go/tools/cmd/staticcheck@v0.8.2 ./...

# Measurements, with peers in the same run; figures and honest limits in bench/README.md.
bench:
	@for p in nginx:nginx-light wrk:wrk nmap:nmap testssl:testssl.sh sslscan:sslscan; do \
		PATH="$$PATH:/usr/sbin" command -v $${p%%:*} >/dev/null || { echo "missing: apt-get install $${p##*:}" >&2; exit 1; }; done
	go test -run '^$$' -bench . -benchtime 1x -timeout 3h ./bench
