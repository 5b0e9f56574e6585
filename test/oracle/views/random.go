package main

import (
	"fmt"
	"math/rand"
	"os"
	"path/filepath"

	"github.com/google/pprof/profile"
)

// Names that filters treat in ways of their own, and plain ones.
var randomNames = []string{
	"main", "runtime.mallocgc", "runtime.(*mheap).alloc", ".ppc64", "f(int)", "java.lang.Thread.run",
	"(anonymous namespace)::f(int)", "a::operator()(int) const", "operator()", "(x)", "A.B", "b", "naïve",
	"two words", "\xff\xfe bytes", "back\\slash", "",
}

var randomFiles = []string{"", "main.go", "java/Thread.java", "runtime/malloc.go", "/src/a.c",
	"/src/lib/..//./a.c", "./main.go", "../../b/./c/..", "/../up.c", "./", "dir//", "\xff/../x"}

// writeRandom writes profiles with recursion, inlined frames, frames without
// lines or names, paths that are not clean, columns, empty stacks,
// negative values and labels.
func writeRandom(folder string, count int, seed int64) error {
	for i := 0; i < count; i++ {
		p := randomProfile(rand.New(rand.NewSource(seed + int64(i))))
		file, err := os.Create(filepath.Join(folder, fmt.Sprintf("random-%03d.pb.gz", i)))
		if err != nil {
			return err
		}
		if err := p.Write(file); err != nil {
			return err
		}
		if err := file.Close(); err != nil {
			return err
		}
	}
	return nil
}

func randomProfile(r *rand.Rand) *profile.Profile {
	p := &profile.Profile{
		SampleType: []*profile.ValueType{{Type: "samples", Unit: "count"}, {Type: "cpu", Unit: "nanoseconds"}},
		PeriodType: &profile.ValueType{Type: "cpu", Unit: "nanoseconds"},
		Period:     10000000,
	}
	base := uint64(r.Intn(4)) << 30
	for i, file := range []string{"/bin/main", "/lib/java.so", "", "//", "lib//a.so/"} {
		start := base + uint64(i)<<20
		p.Mapping = append(p.Mapping, &profile.Mapping{
			ID: uint64(i + 1), Start: start, Limit: start + 1<<20, File: file,
		})
	}
	functions := 3 + r.Intn(20) + r.Intn(2)*100 // many: seldom recursive
	for i := 0; i < functions; i++ {
		name := fmt.Sprint("runtime.f", i)
		if functions < 100 || r.Intn(3) == 0 {
			name = randomNames[r.Intn(len(randomNames))]
		}
		p.Function = append(p.Function, &profile.Function{
			ID:       uint64(i + 1),
			Name:     name,
			Filename: randomFiles[r.Intn(len(randomFiles))],
		})
	}
	for i := 0; i < 3+r.Intn(2*functions); i++ {
		l := &profile.Location{ID: uint64(i + 1), Address: base + uint64(r.Intn(5<<20))}
		if m := r.Intn(len(p.Mapping) + 1); m > 0 {
			l.Mapping = p.Mapping[m-1]
		}
		lines := []int{1, 1, 1, 1, 2, 3, 0}[r.Intn(7)]
		for k := 0; k < lines; k++ {
			l.Line = append(l.Line, profile.Line{
				Line:     int64(r.Intn(20)),
				Column:   int64(r.Intn(3)),
				Function: p.Function[r.Intn(len(p.Function))],
			})
		}
		p.Location = append(p.Location, l)
	}
	for i := 0; i < r.Intn(150); i++ {
		s := &profile.Sample{Value: []int64{int64(r.Intn(12)) - 2, int64(r.Intn(1000)) - 100}}
		for k := r.Intn(12); k > 0; k-- {
			s.Location = append(s.Location, p.Location[r.Intn(len(p.Location))])
		}
		if r.Intn(2) == 0 {
			s.Label = map[string][]string{"thread": {fmt.Sprint("t", r.Intn(4))}}
		}
		if r.Intn(5) == 0 {
			// not 0, which google/pprof forgets when it reads
			s.NumLabel = map[string][]int64{"bytes": {int64(1+r.Intn(3)) << 10}}
		}
		p.Sample = append(p.Sample, s)
	}
	return p
}
