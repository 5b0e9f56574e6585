package main

import (
	"regexp"
	"slices"
	"sort"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/google/pprof/profile"
)

type view struct {
	name     string
	argument string
	other    *source // of a pair
}

func (v view) otherName() string {
	if v.other == nil {
		return ""
	}
	return v.other.path
}

var filters = map[string]func(p *profile.Profile, rx *regexp.Regexp){
	"focus":      func(p *profile.Profile, rx *regexp.Regexp) { p.FilterSamplesByName(rx, nil, nil, nil) },
	"ignore":     func(p *profile.Profile, rx *regexp.Regexp) { p.FilterSamplesByName(nil, rx, nil, nil) },
	"hide":       func(p *profile.Profile, rx *regexp.Regexp) { p.FilterSamplesByName(nil, nil, rx, nil) },
	"show":       func(p *profile.Profile, rx *regexp.Regexp) { p.FilterSamplesByName(nil, nil, nil, rx) },
	"show_from":  func(p *profile.Profile, rx *regexp.Regexp) { p.ShowFrom(rx) },
	"prune_from": func(p *profile.Profile, rx *regexp.Regexp) { p.PruneFrom(rx) },
}

// subtract is what pprof -base and -diff_base make of two profiles.
func subtract(p, base *profile.Profile) *profile.Profile {
	base.Scale(-1)
	return merge(p, base)
}

func mapStacks(p *profile.Profile, change func(stack []*profile.Location) []*profile.Location) {
	for _, s := range p.Sample {
		s.Location = change(s.Location)
	}
}

func hasLabel(label string) profile.TagMatch {
	key, value, _ := strings.Cut(label, "=")
	return func(s *profile.Sample) bool { return slices.Contains(s.Label[key], value) }
}

// lines are what the view shows of a profile's names; ok is false where there
// is nothing to compare.
func (v view) lines(s *source) (lines []string, ok bool) {
	p := s.names()
	if filter := filters[v.name]; filter != nil {
		filter(p, regexp.MustCompile(v.argument))
		return treeLines(p, s.index), true
	}
	switch v.name {
	case "tree":
		return treeLines(p, s.index), true
	case "top":
		return topLines(p, s.index), true
	case "peek":
		return peekLines(p, s.index, v.argument)
	case "callers", "callees":
		return sandwichLines(p, s.index, v.argument, v.name == "callers"), true
	case "invert":
		mapStacks(p, func(stack []*profile.Location) []*profile.Location {
			slices.Reverse(stack)
			return stack
		})
		return treeLines(p, s.index), true
	case "prefix":
		root := &profile.Location{Line: []profile.Line{{Function: &profile.Function{Name: v.argument}}}}
		mapStacks(p, func(stack []*profile.Location) []*profile.Location {
			return append(slices.Clip(stack), root)
		})
		return treeLines(p, s.index), true
	case "tagfocus":
		p.FilterSamplesByTag(hasLabel(v.argument), nil)
		return treeLines(p, s.index), true
	case "base":
		return treeLines(toNames(subtract(s.profile(), v.other.profile())), s.index), true
	case "base_top":
		return topLines(toNames(subtract(s.profile(), v.other.profile())), s.index), true
	case "diff_top":
		return topPairLines(v.other.names(), p, v.other.index, s.index), true
	case "granularity":
		return treeLines(nameBy(s.profile(), v.argument), s.index), true
	case "granularity_top":
		return topLines(nameBy(s.profile(), v.argument), s.index), true
	case "source":
		return sourceLines(s.profile(), s.index, v.argument), true
	case "scale":
		factor, err := strconv.ParseFloat(v.argument, 64)
		if err != nil {
			panic(err)
		}
		scaled := s.profile()
		scaled.Scale(factor)
		return sampleLines(scaled)
	case "merge":
		return sampleLines(merge(s.profile(), v.other.profile()))
	case "merge_lines":
		return typesLines(merge(s.profile(), v.other.profile(), s.profile())), true
	case "subtract":
		return sampleLines(subtract(s.profile(), v.other.profile()))
	case "subtract_lines":
		return typesLines(subtract(s.profile(), v.other.profile())), true
	}
	return nil, false
}

// differences says why a filter of the profile as it is shows something else
// than one of its names: which of the steps to names change the outcome.
func (v view) differences(s *source, expected []string) string {
	filter := filters[v.name]
	if filter == nil {
		return ""
	}
	rx := regexp.MustCompile(v.argument)
	after := digest(expected)
	reducedBy := func(n int) string {
		p := reduce(s.profile(), n)
		filter(p, rx)
		nameFrames(p)
		return digest(treeLines(p, s.index))
	}
	if reducedBy(0) == after {
		return ""
	}
	var causes []string
	for n := len(steps) - 1; n >= 0; n-- {
		before := reducedBy(n)
		if before != after {
			causes = append(causes, steps[n].name)
		}
		after = before
	}
	slices.Reverse(causes)
	return strings.Join(causes, ",")
}

// isPlain says whether a name means the same to RE2 and to PostgreSQL when it
// is quoted.
func isPlain(name string) bool {
	return name != "" && utf8.ValidString(name) && !strings.ContainsAny(name, "\x00\n\r\t")
}

// functionsOf chooses some functions of a profile: one in the middle of the
// stacks of the first sample, the leaf and root of the heaviest, and a rare one.
func functionsOf(p *profile.Profile, index int) []string {
	weight := map[string]int{}
	var heaviest []string
	var most int64
	for _, s := range p.Sample {
		stack := names(s)
		for _, name := range stack {
			weight[name]++
		}
		if s.Value[index] >= most && len(stack) > 0 {
			most, heaviest = s.Value[index], stack
		}
	}
	var all []string
	for name := range weight {
		if isPlain(name) {
			all = append(all, name)
		}
	}
	sort.Slice(all, func(i, j int) bool {
		if weight[all[i]] != weight[all[j]] {
			return weight[all[i]] > weight[all[j]]
		}
		return all[i] < all[j]
	})
	var chosen []string
	choose := func(name string) {
		if isPlain(name) && !slices.Contains(chosen, name) {
			chosen = append(chosen, name)
		}
	}
	if len(heaviest) > 0 {
		choose(heaviest[len(heaviest)-1])
		choose(heaviest[len(heaviest)/2])
	}
	if len(all) > 0 {
		choose(all[len(all)/20])
		choose(all[len(all)/2])
	}
	return chosen
}

// start gives the first few characters of a name.
func start(name string) string {
	characters := []rune(name)
	return string(characters[:min(len(characters), 5)])
}

// labelsOf gives some string labels of a profile as "key=value".
func labelsOf(p *profile.Profile) []string {
	seen := map[string]bool{}
	for _, s := range p.Sample {
		for key, values := range s.Label {
			for _, value := range values {
				if isPlain(key) && isPlain(value) && !strings.Contains(key, "=") {
					seen[key+"="+value] = true
				}
			}
		}
	}
	var labels []string
	for label := range seen {
		labels = append(labels, label)
	}
	sort.Strings(labels)
	if len(labels) > 3 {
		labels = []string{labels[0], labels[len(labels)/2], labels[len(labels)-1]}
	}
	return labels
}

// A profile of more samples is filtered by fewer expressions.
const largeProfile = 4000

func viewsOf(s *source) []view {
	views := []view{{name: "tree"}, {name: "top"}, {name: "invert"}, {name: "prefix", argument: "a service"},
		{name: "source"}, {name: "scale", argument: "2"}, {name: "scale", argument: "-3"}}
	for _, granularity := range []string{"function", "line", "file", "address"} {
		views = append(views, view{name: "granularity", argument: granularity},
			view{name: "granularity_top", argument: granularity})
	}
	p := s.names()
	functions := functionsOf(p, s.index)
	regexes := []string{"runtime|java", "a", ".*", "no such name", `^[^.]*\.[A-Za-z]`}
	if len(functions) > 0 {
		views = append(views, view{name: "source", argument: "^" + regexp.QuoteMeta(start(functions[0]))})
	}
	for i, function := range functions {
		quoted := regexp.QuoteMeta(function)
		switch i % 4 {
		case 0, 3:
			quoted = "^" + quoted + "$"
		case 1:
			quoted = "^" + regexp.QuoteMeta(start(function))
		}
		regexes = append(regexes, quoted)
		for _, name := range []string{"peek", "callers", "callees"} {
			views = append(views, view{name: name, argument: function})
		}
	}
	if len(p.Sample) > largeProfile && len(regexes) > 6 {
		regexes = []string{regexes[0], regexes[5], regexes[6]}
	}
	for _, name := range []string{"focus", "ignore", "hide", "show", "show_from", "prune_from"} {
		for _, regex := range regexes {
			views = append(views, view{name: name, argument: regex})
		}
	}
	for _, label := range labelsOf(p) {
		views = append(views, view{name: "tagfocus", argument: label})
	}
	return views
}

// pairViews compares a profile with a base, where pprof would subtract it.
func pairViews(base, s *source) []view {
	if _, err := profile.Merge([]*profile.Profile{s.profile(), base.profile()}); err != nil || base.index != s.index {
		return nil
	}
	var views []view
	for _, name := range []string{"base", "base_top", "diff_top", "merge", "merge_lines", "subtract", "subtract_lines"} {
		views = append(views, view{name: name, other: base})
	}
	return views
}
