// Command views asks google/pprof what its views of profiles show.
//
//	views cases [-pairs] FILE...
//	views random FOLDER COUNT SEED
//	views show FILE VIEW ARGUMENT [OTHER]
//
// cases writes what pprof makes of each file, as rows of COPY's text format:
//
//	file, view, argument, other file, digest, as_is
//
// digest stands for all that a view shows (digest.go and lines.go say how it
// is made).  Stacks are reduced to function names before a view of a call tree
// is applied, since call trees know nothing else; granularities, source lines
// and sums are made of the profile as it is.  as_is says where pprof would show something else
// of the profile as it is, and why: a comma-separated list of
//
//	unnamed  frames without a function have a name for us
//	files    names of source files match, too
//	mapping  names of mapped files match, too
//	inlined  pprof cuts the lines of a location for all samples alike
//
// With -pairs, files that have the same sample types are also added,
// subtracted and compared, each with the next one by name.  random writes profiles that have all that
// makes a difference.  show prints the lines that a digest is made of.
package main

import (
	"bufio"
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"strings"

	"github.com/google/pprof/profile"
)

var zstdMagic = []byte{0x28, 0xB5, 0x2F, 0xFD}

// A source gives a fresh copy of a profile each time, since views change it.
type source struct {
	path     string
	original *profile.Profile
	reduced  *profile.Profile // its names
	index    int              // of the sample type
}

func openSource(path string) (*source, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	if bytes.HasPrefix(data, zstdMagic) {
		if data, err = exec.Command("zstd", "-dcq", path).Output(); err != nil {
			return nil, err
		}
	}
	p, err := profile.ParseData(data)
	if err != nil {
		return nil, err
	}
	if err := p.CheckValid(); err != nil {
		return nil, err
	}
	if len(p.SampleType) == 0 {
		return nil, fmt.Errorf("no sample types")
	}
	index, err := p.SampleIndexByName("")
	if err != nil {
		return nil, err
	}
	return &source{path, p, toNames(clone(p)), index}, nil
}

func (s *source) profile() *profile.Profile { return clone(s.original) }

func (s *source) names() *profile.Profile { return clone(s.reduced) }

// clone copies what views change, which is less than profile.Copy does.
func clone(p *profile.Profile) *profile.Profile {
	copied := &profile.Profile{
		SampleType: p.SampleType, DefaultSampleType: p.DefaultSampleType,
		PeriodType: p.PeriodType, Period: p.Period, Mapping: p.Mapping,
	}
	functions := map[*profile.Function]*profile.Function{}
	locations := map[*profile.Location]*profile.Location{}
	copied.Function = make([]*profile.Function, len(p.Function))
	for i, f := range p.Function {
		g := *f
		copied.Function[i], functions[f] = &g, &g
	}
	copied.Location = make([]*profile.Location, len(p.Location))
	for i, l := range p.Location {
		m := *l
		m.Line = slices.Clone(l.Line)
		for k := range m.Line {
			m.Line[k].Function = functions[m.Line[k].Function]
		}
		copied.Location[i], locations[l] = &m, &m
	}
	copied.Sample = make([]*profile.Sample, len(p.Sample))
	for i, s := range p.Sample {
		t := *s
		t.Location = make([]*profile.Location, len(s.Location))
		for k, l := range s.Location {
			t.Location[k] = locations[l]
		}
		t.Value = slices.Clone(s.Value)
		copied.Sample[i] = &t
	}
	return copied
}

// escape writes a column of COPY's text format.
func escape(text string) string {
	return strings.NewReplacer(`\`, `\\`, "\t", `\t`, "\n", `\n`, "\r", `\r`).Replace(text)
}

func writeCases(out *bufio.Writer, paths []string, pairs bool) {
	var last *source
	slices.Sort(paths)
	for _, path := range paths {
		s, err := openSource(path)
		if err != nil {
			fmt.Fprintf(os.Stderr, "%s: google/pprof refuses it: %v\n", path, err)
			continue
		}
		views := viewsOf(s)
		if pairs && last != nil {
			views = append(views, pairViews(last, s)...)
		}
		for _, v := range views {
			lines, ok := v.lines(s)
			if !ok {
				continue
			}
			asIs := v.differences(s, lines)
			fmt.Fprintf(out, "%s\t%s\t%s\t%s\t%s\t%s\n", escape(path), v.name,
				escape(v.argument), escape(v.otherName()), digest(lines), asIs)
		}
		last = s
	}
}

func show(arguments []string) error {
	s, err := openSource(arguments[0])
	if err != nil {
		return err
	}
	v := view{name: arguments[1], argument: arguments[2]}
	if len(arguments) > 3 {
		if v.other, err = openSource(arguments[3]); err != nil {
			return err
		}
	}
	lines, ok := v.lines(s)
	if !ok {
		return fmt.Errorf("no view %q", v.name)
	}
	fmt.Println(strings.Join(lines, "\n"))
	return nil
}

func main() {
	arguments := os.Args[1:]
	var err error
	switch {
	case len(arguments) > 1 && arguments[0] == "cases":
		out := bufio.NewWriter(os.Stdout)
		if arguments[1] == "-pairs" {
			writeCases(out, arguments[2:], true)
		} else {
			writeCases(out, arguments[1:], false)
		}
		err = out.Flush()
	case len(arguments) == 4 && arguments[0] == "random":
		count, _ := strconv.Atoi(arguments[2])
		seed, _ := strconv.Atoi(arguments[3])
		err = writeRandom(arguments[1], count, int64(seed))
	case len(arguments) >= 4 && arguments[0] == "show":
		err = show(arguments[1:])
	default:
		err = fmt.Errorf("usage: views cases [-pairs] FILE... | random FOLDER COUNT SEED | show FILE VIEW ARGUMENT [OTHER]")
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}
