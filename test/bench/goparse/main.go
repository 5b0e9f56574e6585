// Goparse times google/pprof's parser, for scripts/bench.
//
//	goparse check FILE...  prints the files that it can parse
//	goparse measure LIST   prints MB/s of uncompressed bytes over all files of
//	                       a list, after a pass to warm up
//
// The time is that of all threads of the process, the garbage collector's
// too.
package main

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"fmt"
	"io"
	"log"
	"os"
	"syscall"

	"github.com/google/pprof/profile"
)

// Bytes of a pass, as in bench_decode.c.
const passBytes = 32 << 20

func readPlain(path string) ([]byte, error) {
	data, err := os.ReadFile(path)
	if err != nil || !bytes.HasPrefix(data, []byte{0x1f, 0x8b}) {
		return data, err
	}
	reader, err := gzip.NewReader(bytes.NewReader(data))
	if err != nil {
		return nil, err
	}
	return io.ReadAll(reader)
}

func processorSeconds() float64 {
	var usage syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &usage); err != nil {
		log.Fatal(err)
	}
	return float64(usage.Utime.Nano()+usage.Stime.Nano()) / 1e9
}

func parse(files [][]byte) {
	for _, file := range files {
		if _, err := profile.ParseUncompressed(file); err != nil {
			log.Fatal(err)
		}
	}
}

func check(paths []string) {
	for _, path := range paths {
		plain, err := readPlain(path)
		if err != nil {
			continue
		}
		if _, err := profile.ParseUncompressed(plain); err == nil {
			fmt.Println(path)
		}
	}
}

func measure(list string) {
	var files [][]byte
	size := 0
	file, err := os.Open(list)
	if err != nil {
		log.Fatal(err)
	}
	for lines := bufio.NewScanner(file); lines.Scan(); {
		plain, err := readPlain(lines.Text())
		if err != nil {
			log.Fatal(err)
		}
		files = append(files, plain)
		size += len(plain)
	}
	passes := passBytes/(size+1) + 1
	parse(files)
	from := processorSeconds()
	for i := 0; i < passes; i++ {
		parse(files)
	}
	fmt.Printf("%.1f\n", float64(size*passes)/1e6/(processorSeconds()-from))
}

func main() {
	switch {
	case len(os.Args) > 2 && os.Args[1] == "check":
		check(os.Args[2:])
	case len(os.Args) == 3 && os.Args[1] == "measure":
		measure(os.Args[2])
	default:
		log.Fatal("usage: goparse check FILE... | measure LIST")
	}
}
