// The path lets it import google/pprof's internal packages.
module github.com/google/pprof/views

go 1.26.0

require github.com/google/pprof v0.0.0-20261016150608-1facf8f91b50
