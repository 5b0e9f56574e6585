// count prints COUNTS.tsv for the profiles named on its command line, with
// the package github.com/google/pprof/profile as the reader.  With -detail
// it prints more about each file, for README.md.
package main

import (
	"bufio"
	"bytes"
	"flag"
	"fmt"
	"log"
	"os"
	"path/filepath"
	"sort"
	"strconv"
	"strings"

	"github.com/google/pprof/profile"
)

func main() {
	detail := flag.Bool("detail", false, "print totals of all sample types, labels and mappings")
	flag.Parse()
	if !*detail {
		fmt.Println("file\tformat\tsample_types\tsamples\tunique_stacks\tlocations\tfunctions\ttotal_default")
	}
	for _, path := range flag.Args() {
		data, err := os.ReadFile(path)
		if err != nil {
			log.Fatal(err)
		}
		name := filepath.Base(path)
		if strings.HasSuffix(path, ".folded") {
			folded(name, data, *detail)
			continue
		}
		format := "pprof"
		if bytes.HasPrefix(data, []byte{0x1f, 0x8b}) {
			format = "pprof gz"
		}
		p, err := profile.ParseData(data)
		if err != nil {
			log.Fatal(path, ": ", err)
		}
		counts(name, format, p, *detail)
	}
}

func counts(name, format string, p *profile.Profile, detail bool) {
	var types []string
	def := len(p.SampleType) - 1
	for i, t := range p.SampleType {
		types = append(types, t.Type+"/"+t.Unit)
		if t.Type == p.DefaultSampleType {
			def = i
		}
	}
	totals := make([]int64, len(types))
	stacks, names := map[string]bool{}, map[string]bool{}
	labels, numLabels := map[string]map[string]bool{}, map[string]int{}
	labelled, depth, inlined := 0, 0, 0
	for _, s := range p.Sample {
		for i, v := range s.Value {
			totals[i] += v
		}
		var ids, fns []string
		for _, l := range s.Location {
			ids = append(ids, strconv.FormatUint(l.ID, 10))
			if len(l.Line) == 0 {
				fns = append(fns, fmt.Sprintf("%#x", l.Address))
			}
			for _, ln := range l.Line {
				fns = append(fns, ln.Function.Name)
			}
		}
		stacks[strings.Join(ids, ",")] = true
		names[strings.Join(fns, "\x00")] = true
		depth = max(depth, len(fns))
		if len(s.Label) > 0 {
			labelled++
		}
		for k, vs := range s.Label {
			if labels[k] == nil {
				labels[k] = map[string]bool{}
			}
			for _, v := range vs {
				labels[k][v] = true
			}
		}
		for k := range s.NumLabel {
			numLabels[k]++
		}
	}
	for _, l := range p.Location {
		if len(l.Line) > 1 {
			inlined++
		}
	}
	if !detail {
		fmt.Printf("%s\t%s\t%s\t%d\t%d\t%d\t%d\t%d\n", name, format, strings.Join(types, ","),
			len(p.Sample), len(stacks), len(p.Location), len(p.Function), totals[def])
		return
	}
	fmt.Printf("* `%s`: totals", name)
	for i := range types {
		fmt.Printf(" %s=%d", types[i], totals[i])
	}
	period := "none"
	if p.PeriodType != nil {
		period = fmt.Sprintf("%d %s/%s", p.Period, p.PeriodType.Type, p.PeriodType.Unit)
	}
	fmt.Printf("; default_sample_type=%q; period %s; duration %d ns; time %d; %d stacks by function names; deepest %d frames; %d locations with inlined frames; %d mappings; %d samples with string labels",
		p.DefaultSampleType, period, p.DurationNanos, p.TimeNanos, len(names), depth, inlined, len(p.Mapping), labelled)
	var keys []string
	for k, v := range labels {
		keys = append(keys, fmt.Sprintf("%s (%d values)", k, len(v)))
	}
	for k, n := range numLabels {
		keys = append(keys, fmt.Sprintf("%s (number, in %d samples)", k, n))
	}
	sort.Strings(keys)
	if len(keys) > 0 {
		fmt.Printf(": %s", strings.Join(keys, ", "))
	}
	fmt.Println(".")
}

// folded counts lines "frame;frame;frame count".
func folded(name string, data []byte, detail bool) {
	stacks, frames := map[string]int64{}, map[string]bool{}
	var lines, total int64
	depth := 0
	sc := bufio.NewScanner(bytes.NewReader(data))
	sc.Buffer(nil, 1<<20)
	for sc.Scan() {
		line := sc.Text()
		i := strings.LastIndexByte(line, ' ')
		if i < 0 {
			log.Fatal(name, ": bad line ", line)
		}
		n, err := strconv.ParseInt(line[i+1:], 10, 64)
		if err != nil {
			log.Fatal(name, ": ", err)
		}
		lines++
		total += n
		stacks[line[:i]] += n
		fs := strings.Split(line[:i], ";")
		for _, f := range fs {
			frames[f] = true
		}
		depth = max(depth, len(fs))
	}
	if detail {
		fmt.Printf("* `%s`: total %d; deepest %d frames.\n", name, total, depth)
		return
	}
	fmt.Printf("%s\tfolded\tsamples/count\t%d\t%d\t%d\t%d\t%d\n", name, lines, len(stacks), len(frames), len(frames), total)
}
