// Command oracle asks google/pprof what profiles hold.
//
//	oracle compare ORIGINAL REENCODED [ORIGINAL REENCODED ...]
//	oracle compare -list FILE
//	oracle raw (as compare)
//	oracle stats FILE...
//
// compare reads both of each pair with google/pprof's parser and compares
// what they say: samples as a multiset with their stacks spelt out, mappings
// as a set, the rest as it is.  raw does the same with the text that
// "go tool pprof -raw" prints.  Ids, order and what no sample refers to do
// not count.  A list holds two paths a line, divided by a tab.
//
// Both print a line for each pair that differs, and the counts last; the exit
// status is 1 when any does.  An ORIGINAL that google/pprof refuses is counted
// apart; a REENCODED one that it refuses differs.
package main

import (
	"bufio"
	"fmt"
	"os"
	"strings"
)

type pair struct {
	original, reencoded string
}

func readPairs(arguments []string) ([]pair, error) {
	var pairs []pair
	if len(arguments) == 2 && arguments[0] == "-list" {
		file, err := os.Open(arguments[1])
		if err != nil {
			return nil, err
		}
		defer file.Close()
		lines := bufio.NewScanner(file)
		for lines.Scan() {
			original, reencoded, found := strings.Cut(lines.Text(), "\t")
			if !found {
				return nil, fmt.Errorf("not two paths divided by a tab: %q", lines.Text())
			}
			pairs = append(pairs, pair{original, reencoded})
		}
		return pairs, lines.Err()
	}
	if len(arguments)%2 != 0 {
		return nil, fmt.Errorf("an odd number of files")
	}
	for i := 0; i < len(arguments); i += 2 {
		pairs = append(pairs, pair{arguments[i], arguments[i+1]})
	}
	return pairs, nil
}

// A describer turns a file into lines, the same ones for the same content.
type describer func(path string) ([]string, error)

// comparePairs returns whether all agree.
func comparePairs(pairs []pair, describe describer) bool {
	var agree, differ, refused int
	for _, p := range pairs {
		expected, err := describe(p.original)
		if err != nil {
			fmt.Printf("%s: google/pprof refuses it: %v\n", p.original, err)
			refused++
			continue
		}
		found, err := describe(p.reencoded)
		if err != nil {
			fmt.Printf("%s: google/pprof refuses what we wrote: %v\n", p.original, err)
			differ++
			continue
		}
		if only, other := difference(expected, found); only+other != "" {
			fmt.Printf("%s: differs\n  original:   %s\n  re-encoded: %s\n", p.original, only, other)
			differ++
			continue
		}
		agree++
	}
	fmt.Printf("%d files: %d agree, %d differ, %d that google/pprof refuses\n",
		len(pairs), agree, differ, refused)
	return differ == 0
}

// difference gives the first line of each of two sorted lists that the other
// lacks.
func difference(a, b []string) (string, string) {
	for i := 0; i < len(a) || i < len(b); i++ {
		switch {
		case i == len(a):
			return "(nothing more)", shorten(b[i])
		case i == len(b):
			return shorten(a[i]), "(nothing more)"
		case a[i] != b[i]:
			return shorten(a[i]), shorten(b[i])
		}
	}
	return "", ""
}

func shorten(line string) string {
	if len(line) > 600 {
		return line[:600] + "..."
	}
	return line
}

func main() {
	command := ""
	if len(os.Args) > 1 {
		command = os.Args[1]
	}
	describe := map[string]describer{"compare": describeContent, "raw": describeRaw}[command]
	switch {
	case describe != nil:
		pairs, err := readPairs(os.Args[2:])
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(2)
		}
		if !comparePairs(pairs, describe) {
			os.Exit(1)
		}
	case command == "stats":
		printStats(os.Args[2:])
	default:
		fmt.Fprintln(os.Stderr, "usage: oracle compare|raw|stats FILE...")
		os.Exit(2)
	}
}
