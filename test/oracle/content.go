package main

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"sort"
	"strings"

	"github.com/google/pprof/profile"
)

var zstdMagic = []byte{0x28, 0xB5, 0x2F, 0xFD}

// parseFile reads a pprof file; zstd, which google/pprof does not know, is
// taken off by the zstd program.  Only the protobuf format counts, not the
// older ones that google/pprof reads, too.
func parseFile(path string) (*profile.Profile, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	if bytes.HasPrefix(data, zstdMagic) {
		data, err = exec.Command("zstd", "-dcq", path).Output()
		if err != nil {
			return nil, err
		}
	}
	p, err := profile.ParseData(data)
	if err != nil {
		return nil, err
	}
	return p, p.CheckValid()
}

func mappingText(m *profile.Mapping) string {
	if m == nil {
		return "no mapping"
	}
	return fmt.Sprintf("%#x-%#x+%#x %q %q %v %v %v %v", m.Start, m.Limit, m.Offset,
		m.File, m.BuildID, m.HasFunctions, m.HasFilenames, m.HasLineNumbers, m.HasInlineFrames)
}

func locationText(l *profile.Location) string {
	var text strings.Builder
	fmt.Fprintf(&text, "{%#x folded=%v mapping=(%s)", l.Address, l.IsFolded, mappingText(l.Mapping))
	for _, line := range l.Line {
		fmt.Fprintf(&text, " [%d:%d", line.Line, line.Column)
		if f := line.Function; f != nil {
			fmt.Fprintf(&text, " %q %q %q %d", f.Name, f.SystemName, f.Filename, f.StartLine)
		}
		text.WriteString("]")
	}
	text.WriteString("}")
	return text.String()
}

func labelTexts(s *profile.Sample) string {
	var texts []string
	for key, values := range s.Label {
		texts = append(texts, fmt.Sprintf("%q=%q", key, values))
	}
	for key, values := range s.NumLabel {
		units := make([]string, len(values))
		copy(units, s.NumUnit[key])
		texts = append(texts, fmt.Sprintf("%q=%d%q", key, values, units))
	}
	sort.Strings(texts)
	return strings.Join(texts, " ")
}

func valueTypeText(t *profile.ValueType) string {
	if t == nil || t.Type == "" && t.Unit == "" {
		return "none"
	}
	return fmt.Sprintf("%q/%q", t.Type, t.Unit)
}

// describeContent spells out all that a profile says, in sorted lines.
func describeContent(path string) ([]string, error) {
	p, err := parseFile(path)
	if err != nil {
		return nil, err
	}
	lines := []string{
		fmt.Sprintf("comments %q", p.Comments),
		fmt.Sprintf("period %d of %s", p.Period, valueTypeText(p.PeriodType)),
		fmt.Sprintf("time %d, duration %d", p.TimeNanos, p.DurationNanos),
		fmt.Sprintf("default %q, drop %q, keep %q, documentation %q",
			p.DefaultSampleType, p.DropFrames, p.KeepFrames, p.DocURL),
	}
	types := "types"
	for _, t := range p.SampleType {
		types += " " + valueTypeText(t)
	}
	lines = append(lines, types)
	mappings := map[string]bool{}
	for i, m := range p.Mapping {
		text := mappingText(m)
		if i == 0 {
			lines = append(lines, "main mapping "+text)
		}
		if !mappings[text] {
			lines = append(lines, "mapping "+text)
		}
		mappings[text] = true
	}
	locations := map[*profile.Location]string{}
	for _, l := range p.Location {
		locations[l] = locationText(l)
	}
	for _, s := range p.Sample {
		var text strings.Builder
		fmt.Fprintf(&text, "sample %d %s", s.Value, labelTexts(s))
		for _, l := range s.Location {
			text.WriteString(" ")
			text.WriteString(locations[l])
		}
		lines = append(lines, text.String())
	}
	sort.Strings(lines)
	return lines, nil
}

// printStats prints what a correct reader counts: equal locations and
// functions count once, and only those that samples refer to.
func printStats(paths []string) {
	fmt.Println("file\tsamples\tunique_stacks\tlocations\tfunctions\ttotals")
	for _, path := range paths {
		p, err := parseFile(path)
		if err != nil {
			fmt.Printf("%s\trefused: %v\n", path, err)
			continue
		}
		stacks := map[string]bool{}
		locations := map[string]bool{}
		functions := map[profile.Function]bool{}
		totals := make([]int64, len(p.SampleType))
		texts := map[*profile.Location]string{}
		for _, l := range p.Location {
			texts[l] = locationText(l)
		}
		for _, s := range p.Sample {
			var stack strings.Builder
			for _, l := range s.Location {
				stack.WriteString(texts[l])
				locations[texts[l]] = true
				for _, line := range l.Line {
					if line.Function != nil {
						f := *line.Function
						f.ID = 0
						functions[f] = true
					}
				}
			}
			stacks[stack.String()] = true
			for i, value := range s.Value {
				totals[i] += value
			}
		}
		fmt.Printf("%s\t%d\t%d\t%d\t%d\t%d\n", path, len(p.Sample), len(stacks),
			len(locations), len(functions), totals)
	}
}
