package main

import (
	"fmt"
	"path/filepath"
	"strings"
	"unicode/utf8"

	"github.com/google/pprof/profile"
)

// displayName is what a frame is called: by its function, else as pprof writes
// a frame without one (graph.NodeInfo).
func displayName(l *profile.Location, f *profile.Function) string {
	switch {
	case f != nil && f.Name != "":
		return f.Name
	case l.Mapping != nil && l.Mapping.File != "":
		return "[" + filepath.Base(l.Mapping.File) + "]"
	}
	return "<unknown>"
}

// Steps from a profile to its bare names, in order; each takes away one thing
// that filters look at.
var steps = []struct {
	name  string
	apply func(p *profile.Profile)
}{
	{"unnamed", nameFrames},
	{"files", func(p *profile.Profile) {
		for _, f := range p.Function {
			f.Filename = ""
		}
	}},
	{"mapping", func(p *profile.Profile) {
		for _, l := range p.Location {
			l.Mapping = nil
		}
		p.Mapping = nil
	}},
	{"inlined", splitLines},
}

// nameFrames gives every frame a function with the name that it is shown by.
func nameFrames(p *profile.Profile) {
	made := map[string]*profile.Function{}
	function := func(name string) *profile.Function {
		if made[name] == nil {
			made[name] = &profile.Function{ID: uint64(len(p.Function) + 1), Name: name}
			p.Function = append(p.Function, made[name])
		}
		return made[name]
	}
	for i, f := range p.Function {
		f.ID = uint64(i + 1)
	}
	for _, l := range p.Location {
		if len(l.Line) == 0 {
			l.Line = []profile.Line{{}}
		}
		for i := range l.Line {
			if f := l.Line[i].Function; f == nil || f.Name == "" {
				l.Line[i].Function = function(displayName(l, f))
			}
		}
	}
}

// splitLines makes each name a location of its own.
func splitLines(p *profile.Profile) {
	made := map[string]*profile.Location{}
	split := map[*profile.Location][]*profile.Location{}
	var locations []*profile.Location
	for _, l := range p.Location {
		for _, line := range l.Line {
			name := line.Function.Name
			if made[name] == nil {
				made[name] = &profile.Location{
					ID:   uint64(len(locations) + 1),
					Line: []profile.Line{{Function: line.Function}},
				}
				locations = append(locations, made[name])
			}
			split[l] = append(split[l], made[name])
		}
	}
	p.Location = locations
	for _, s := range p.Sample {
		var stack []*profile.Location
		for _, l := range s.Location {
			stack = append(stack, split[l]...)
		}
		s.Location = stack
	}
}

// reduce takes the first n steps.
func reduce(p *profile.Profile, n int) *profile.Profile {
	for _, step := range steps[:n] {
		step.apply(p)
	}
	return p
}

func toNames(p *profile.Profile) *profile.Profile {
	return reduce(p, len(steps))
}

// readable writes a name as SQL text shows it: bytes that are not UTF-8, and
// zero bytes, as \xNN.
func readable(name string) string {
	if utf8.ValidString(name) && !strings.Contains(name, "\x00") {
		return name
	}
	var text strings.Builder
	for i := 0; i < len(name); {
		r, n := utf8.DecodeRuneInString(name[i:])
		if r == 0 || r == utf8.RuneError && n == 1 {
			fmt.Fprintf(&text, `\x%02x`, name[i])
		} else {
			text.WriteString(name[i : i+n])
		}
		i += n
	}
	return text.String()
}
