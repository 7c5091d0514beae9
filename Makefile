# The commands of the project. "make test" is the gate; .ci/run calls it.

.PHONY: build test soak lint bench

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

# The long versions: every kill, long random walks, long fuzzing.
soak:
	./tools/testdeps
	HOSHI_SOAK=1 go test -timeout 12h ./...

lint:
	go vet ./...
	go run honnef.co/go/tools/cmd/staticcheck@v0.8.2 ./...

# Measurements, with peers in the same run; figures and honest limits in bench/README.md.
bench:
	@for p in nginx:nginx-light wrk:wrk nmap:nmap testssl:testssl.sh sslscan:sslscan; do \
		PATH="$$PATH:/usr/sbin" command -v $${p%%:*} >/dev/null || { echo "missing: apt-get install $${p##*:}" >&2; exit 1; }; done
	go test -run '^$$' -bench . -benchtime 1x -timeout 3h ./bench
