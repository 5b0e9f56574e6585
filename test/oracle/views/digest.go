package main

import (
	"crypto/md5"
	"fmt"
	"sort"
	"strconv"
	"strings"

	"github.com/google/pprof/internal/graph"
	"github.com/google/pprof/internal/report"
	"github.com/google/pprof/profile"
)

// digest is the MD5 of the lines, a newline between them.
func digest(lines []string) string {
	return fmt.Sprintf("%x", md5.Sum([]byte(strings.Join(lines, "\n"))))
}

// A call tree, built from whole stacks.
type node struct {
	name        string
	self, total int64
	children    map[string]*node
}

func (n *node) add(stack []string, value int64) {
	for _, name := range stack {
		child := n.children[name]
		if child == nil {
			child = &node{name: name, children: map[string]*node{}}
			if n.children == nil {
				n.children = map[string]*node{}
			}
			n.children[name] = child
		}
		n = child
	}
	n.self += value
}

// finish sums up totals and says whether the node has anything to show.
func (n *node) finish() bool {
	n.total = n.self
	for name, child := range n.children {
		if !child.finish() {
			delete(n.children, name)
			continue
		}
		n.total += child.total
	}
	return n.self != 0 || len(n.children) > 0
}

// lines are level, total, self and name of each node in pre-order, divided by
// tabs, children ordered by the bytes of their names.
func (n *node) lines(level int, to []string) []string {
	to = append(to, strconv.Itoa(level)+"\t"+strconv.FormatInt(n.total, 10)+"\t"+
		strconv.FormatInt(n.self, 10)+"\t"+readable(n.name))
	names := make([]string, 0, len(n.children))
	for name := range n.children {
		names = append(names, name)
	}
	sort.Strings(names)
	for _, name := range names {
		to = n.children[name].lines(level+1, to)
	}
	return to
}

func newTree() *node {
	return &node{name: "total"}
}

func (n *node) allLines() []string {
	n.finish()
	return n.lines(0, nil)
}

// names of a stack, root first, of a profile whose frames have names.
func names(s *profile.Sample) []string {
	var stack []string
	for i := len(s.Location) - 1; i >= 0; i-- {
		for k := len(s.Location[i].Line) - 1; k >= 0; k-- {
			stack = append(stack, s.Location[i].Line[k].Function.Name)
		}
	}
	return stack
}

func treeLines(p *profile.Profile, index int) []string {
	tree := newTree()
	for _, s := range p.Sample {
		tree.add(names(s), s.Value[index])
	}
	return tree.allLines()
}

func newGraph(p *profile.Profile, index int) *graph.Graph {
	return graph.New(p, &graph.Options{
		SampleValue: func(values []int64) int64 { return values[index] },
		FormatTag:   func(value int64, unit string) string { return fmt.Sprint(value, unit) },
	})
}

// topLines are name, flat and cum of the nodes of pprof's graph, by name.
func topLines(p *profile.Profile, index int) []string {
	var lines []string
	for _, n := range newGraph(p, index).Nodes {
		lines = append(lines, fmt.Sprintf("%s\t%d\t%d", readable(n.Info.Name), n.Flat, n.Cum))
	}
	sort.Strings(lines)
	return lines
}

// topPairLines are name, flat and cum of both, where either has the function.
func topPairLines(a, b *profile.Profile, indexA, indexB int) []string {
	values := map[string][4]int64{}
	for side, nodes := range []graph.Nodes{newGraph(a, indexA).Nodes, newGraph(b, indexB).Nodes} {
		for _, n := range nodes {
			v := values[n.Info.Name]
			v[side], v[2+side] = n.Flat, n.Cum
			values[n.Info.Name] = v
		}
	}
	var lines []string
	for name, v := range values {
		lines = append(lines, fmt.Sprintf("%s\t%d\t%d\t%d\t%d", readable(name), v[0], v[1], v[2], v[3]))
	}
	sort.Strings(lines)
	return lines
}

// peekLines are the edges of a function: "in" or "out", name, weight.  Those
// of recursive functions count calls further in, too, and functions whose
// values cancel out are not in pprof's graph: ok is false then.
func peekLines(p *profile.Profile, index int, function string) ([]string, bool) {
	for _, s := range p.Sample {
		calls := 0
		for _, name := range names(s) {
			if name == function {
				calls++
			}
		}
		if calls > 1 {
			return nil, false
		}
	}
	var lines []string
	found := false
	for _, n := range newGraph(p, index).Nodes {
		if n.Info.Name != function {
			continue
		}
		found = true
		for caller, edge := range n.In {
			if edge.Weight != 0 {
				lines = append(lines, fmt.Sprintf("in\t%s\t%d", readable(caller.Info.Name), edge.Weight))
			}
		}
		for callee, edge := range n.Out {
			if edge.Weight != 0 {
				lines = append(lines, fmt.Sprintf("out\t%s\t%d", readable(callee.Info.Name), edge.Weight))
			}
		}
	}
	sort.Strings(lines)
	return lines, found
}

// sandwichLines are one half of what pprof's flame graph shows when a function
// is selected: its places are the outermost calls (report.StackSource).
func sandwichLines(p *profile.Profile, index int, function string, callers bool) []string {
	set := report.New(p, &report.Options{
		SampleValue: func(values []int64) int64 { return values[index] },
	}).Stacks()
	tree := newTree()
	for i, source := range set.Sources {
		if i == 0 || source.FullName != function {
			continue
		}
		for _, place := range source.Places {
			stack := set.Stacks[place.Stack]
			var half []string
			if callers {
				for at := place.Pos; at > 0; at-- {
					half = append(half, set.Sources[stack.Sources[at]].FullName)
				}
			} else {
				for _, at := range stack.Sources[place.Pos:] {
					half = append(half, set.Sources[at].FullName)
				}
			}
			tree.add(half, stack.Value)
		}
	}
	return tree.allLines()
}
