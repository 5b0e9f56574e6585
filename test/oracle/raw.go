package main

import (
	"context"
	"fmt"
	"os/exec"
	"regexp"
	"sort"
	"strings"
	"sync"
	"time"
)

var (
	rawMapping  = regexp.MustCompile(`^(\d+): (0x.*)$`)
	rawLocation = regexp.MustCompile(`^ *(\d+): (0x\S+) (.*)$`)
	rawSample   = regexp.MustCompile(`^ *(-?\d+(?: +-?\d+)*): ?([\d ]*)$`)
	rawMapped   = regexp.MustCompile(`^M=(\d+) ?`)
)

// It writes the ids of a stack by adding to a string, which takes forever
// where a stack has a million of them.
const rawTimeLimit = 20 * time.Second

// pprofProgram is what "go tool pprof" runs, asked for once.
var pprofProgram = sync.OnceValues(func() (string, error) {
	output, err := exec.Command("go", "tool", "-n", "pprof").Output()
	return strings.TrimSpace(string(output)), err
})

// describeRaw spells out what "go tool pprof -raw" prints of a file: the ids
// of locations and mappings are replaced by what they stand for.
func describeRaw(path string) ([]string, error) {
	program, err := pprofProgram()
	if err != nil {
		return nil, err
	}
	limited, cancel := context.WithTimeout(context.Background(), rawTimeLimit)
	defer cancel()
	output, err := exec.CommandContext(limited, program, "-raw", "-symbolize=none", path).Output()
	if limited.Err() != nil {
		return nil, fmt.Errorf("no text within %v", rawTimeLimit)
	}
	if err != nil {
		if failed, is := err.(*exec.ExitError); is {
			err = fmt.Errorf("%s", strings.TrimSpace(string(failed.Stderr)))
		}
		return nil, err
	}
	return normaliseRaw(strings.Split(string(output), "\n"))
}

// sections splits the text; what stands before "Samples:" is the header.
func sections(lines []string) map[string][]string {
	parts := map[string][]string{}
	at := "header"
	for _, line := range lines {
		switch line {
		case "Samples:":
			at = "samples"
		case "Locations":
			at = "locations"
		case "Mappings":
			at = "mappings"
		default:
			if line != "" {
				parts[at] = append(parts[at], line)
			}
		}
	}
	return parts
}

func normaliseRaw(lines []string) ([]string, error) {
	parts := sections(lines)
	result := append([]string{}, parts["header"]...)

	mappings := map[string]string{}
	seen := map[string]bool{}
	for i, line := range parts["mappings"] {
		found := rawMapping.FindStringSubmatch(line)
		if found == nil {
			return nil, fmt.Errorf("not a mapping: %q", line)
		}
		mappings[found[1]] = found[2]
		if i == 0 {
			result = append(result, "main mapping "+found[2])
		}
		if !seen[found[2]] {
			result = append(result, "mapping "+found[2])
		}
		seen[found[2]] = true
	}

	locations := map[string]string{}
	last := ""
	for _, line := range parts["locations"] {
		found := rawLocation.FindStringSubmatch(line)
		if found == nil {
			// the second and later lines of an inlined location
			locations[last] += "\n" + strings.TrimSpace(line)
			continue
		}
		last = found[1]
		rest := found[3]
		if mapped := rawMapped.FindStringSubmatch(rest); mapped != nil {
			rest = "(" + mappings[mapped[1]] + ") " + rest[len(mapped[0]):]
		}
		locations[last] = found[2] + " " + rest
	}

	var samples []string
	for i, line := range parts["samples"] {
		if i == 0 {
			result = append(result, "types "+line)
			continue
		}
		found := rawSample.FindStringSubmatch(line)
		if found == nil {
			// labels of the sample before
			if len(samples) == 0 {
				return nil, fmt.Errorf("not a sample: %q", line)
			}
			samples[len(samples)-1] += "\n" + strings.TrimSpace(line)
			continue
		}
		var text strings.Builder
		text.WriteString("sample " + strings.Join(strings.Fields(found[1]), " "))
		for _, id := range strings.Fields(found[2]) {
			text.WriteString("\n" + locations[id])
		}
		samples = append(samples, text.String())
	}
	result = append(result, samples...)
	sort.Strings(result)
	return result, nil
}
