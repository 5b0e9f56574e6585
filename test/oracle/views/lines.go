package main

import (
	"fmt"
	"regexp"
	"sort"
	"strings"

	"github.com/google/pprof/internal/graph"
	"github.com/google/pprof/profile"
)

// What pprof's command keeps of frames at each granularity, and what it is
// called with (driver.aggregate): never columns, always inlined frames.
var granularities = map[string]func(p *profile.Profile) error{
	"function": func(p *profile.Profile) error { return p.Aggregate(true, true, false, false, false, false) },
	"line":     func(p *profile.Profile) error { return p.Aggregate(true, true, true, true, false, false) },
	"file":     func(p *profile.Profile) error { return p.Aggregate(true, false, true, false, false, false) },
	"address":  func(p *profile.Profile) error { return p.Aggregate(true, true, true, true, false, true) },
}

// nameBy gives every frame a function whose name is what pprof's graph prints
// of it at a granularity, and nothing else.
func nameBy(p *profile.Profile, granularity string) *profile.Profile {
	if err := granularities[granularity](p); err != nil {
		panic(err)
	}
	_, nodes := graph.CreateNodes(p, &graph.Options{})
	made := map[string]*profile.Function{}
	p.Function = nil
	for _, l := range p.Location {
		l.Line = make([]profile.Line, len(nodes[l.ID]))
		for i, n := range nodes[l.ID] {
			name := n.Info.PrintableName()
			if made[name] == nil {
				made[name] = &profile.Function{ID: uint64(len(p.Function) + 1), Name: name}
				p.Function = append(p.Function, made[name])
			}
			l.Line[i].Function = made[name]
		}
		l.Mapping, l.Address = nil, 0
	}
	p.Mapping = nil
	splitLines(p)
	return p
}

// sourceLines are function, file, line, flat and cum of the nodes of pprof's
// graph by source lines, of the functions that match: what its list adds up.
func sourceLines(p *profile.Profile, index int, regex string) []string {
	// Tells functions without a name from frames without a function.
	const isFunction = "\x01"
	for _, f := range p.Function {
		f.Name = isFunction + f.Name
	}
	if err := granularities["line"](p); err != nil {
		panic(err)
	}
	rx := regexp.MustCompile(regex)
	var lines []string
	for _, n := range newGraph(p, index).Nodes {
		name, ok := strings.CutPrefix(n.Info.Name, isFunction)
		if ok && rx.MatchString(name) {
			lines = append(lines, fmt.Sprintf("%s\t%s\t%d\t%d\t%d", readable(name),
				readable(n.Info.File), n.Info.Lineno, n.Flat, n.Cum))
		}
	}
	sort.Strings(lines)
	return lines
}

// labelText is a sample's labels as key=value, by key.  ok is false where a
// key has more than one value.
func labelText(s *profile.Sample) (text string, ok bool) {
	var labels []string
	for key, values := range s.Label {
		if len(values) != 1 || len(s.NumLabel[key]) > 0 {
			return "", false
		}
		labels = append(labels, readable(key)+"="+readable(values[0]))
	}
	for key, values := range s.NumLabel {
		if len(values) != 1 {
			return "", false
		}
		labels = append(labels, readable(key)+"="+fmt.Sprint(values[0]))
	}
	sort.Strings(labels)
	return strings.Join(labels, ","), true
}

// sampleLines are sample type, value, labels and stack of what the samples
// add up to, of all sample types, without zeros.
func sampleLines(p *profile.Profile) ([]string, bool) {
	nameFrames(p)
	var lines []string
	for index, sampleType := range p.SampleType {
		sums := map[string]int64{}
		for _, s := range p.Sample {
			labels, ok := labelText(s)
			if !ok {
				return nil, false
			}
			stack := names(s)
			for i := range stack {
				stack[i] = readable(stack[i])
			}
			sums[labels+"\t"+strings.Join(stack, ";")] += s.Value[index]
		}
		for sample, value := range sums {
			if value != 0 {
				lines = append(lines, fmt.Sprintf("%s/%s\t%d\t%s", readable(sampleType.Type), readable(sampleType.Unit), value, sample))
			}
		}
	}
	sort.Strings(lines)
	return lines, true
}

// typesLines are the call trees of all sample types by source lines.
func typesLines(p *profile.Profile) []string {
	nameBy(p, "line")
	var lines []string
	for index, sampleType := range p.SampleType {
		lines = append(lines, readable(sampleType.Type)+"/"+readable(sampleType.Unit))
		lines = append(lines, treeLines(p, index)...)
	}
	return lines
}

func merge(profiles ...*profile.Profile) *profile.Profile {
	sum, err := profile.Merge(profiles)
	if err != nil {
		panic(err)
	}
	return sum
}
