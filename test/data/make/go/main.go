// shop is a small web shop: an HTTP server on the loopback interface, and a
// paced client in the same process.  It writes runtime/pprof profiles.
//
//	shop -mode cpu|labels|runtime -seconds 10 -out FILE-OR-DIRECTORY
//
// mode cpu:     CPU profile of the server under a fixed request rate
// mode labels:  the same with pprof.Do around each handler
// mode runtime: heap, allocs, goroutine, mutex and block profiles
//
// Built without a tag it parses orders the slow way (orders_before.go), with
// -tags fast the quick way (orders_after.go).
package main

import (
	"bytes"
	"context"
	"flag"
	"fmt"
	"io"
	"log"
	"math/rand"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"runtime"
	"runtime/pprof"
	"sync"
	"sync/atomic"
	"time"
)

func main() {
	mode := flag.String("mode", "cpu", "cpu, labels or runtime")
	seconds := flag.Int("seconds", 10, "how long to run")
	rate := flag.Int("rate", 400, "requests a second")
	out := flag.String("out", "cpu.pb.gz", "output file (a directory in mode runtime)")
	flag.Parse()

	if *mode == "runtime" {
		runtime.MemProfileRate = 32 << 10
		runtime.SetMutexProfileFraction(1)
		runtime.SetBlockProfileRate(20_000)
	}

	shop := NewShop()
	var handler http.Handler = shop.Routes()
	if *mode == "labels" {
		handler = labelled(handler)
	}
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		log.Fatal(err)
	}
	srv := &http.Server{Handler: handler}
	go srv.Serve(ln)

	ctx, cancel := context.WithTimeout(context.Background(), time.Duration(*seconds)*time.Second)
	defer cancel()
	// the workers outlive the load, so that no request is left waiting
	bg := context.Background()
	for i := 0; i < 6; i++ {
		go shop.indexWorker(bg)
	}
	go shop.janitor(bg)
	for i := 0; i < 3; i++ {
		go shop.subscriber(bg, fmt.Sprintf("subscriber-%d", i))
	}

	var f *os.File
	if *mode != "runtime" {
		if f, err = os.Create(*out); err != nil {
			log.Fatal(err)
		}
		if err = pprof.StartCPUProfile(f); err != nil {
			log.Fatal(err)
		}
	} else {
		// the goroutine and heap profiles are taken under load
		time.AfterFunc(time.Duration(*seconds)*time.Second*8/10, func() {
			for _, name := range []string{"goroutine", "heap", "allocs"} {
				writeProfile(*out, name)
			}
		})
	}
	n := load(ctx, "http://"+ln.Addr().String(), *rate)
	if f != nil {
		pprof.StopCPUProfile()
		f.Close()
	} else {
		writeProfile(*out, "mutex")
		writeProfile(*out, "block")
	}
	srv.Close()
	fmt.Printf("%d requests\n", n)
}

func writeProfile(dir, name string) {
	f, err := os.Create(filepath.Join(dir, "go-"+name+".pb.gz"))
	if err != nil {
		log.Fatal(err)
	}
	defer f.Close()
	if err := pprof.Lookup(name).WriteTo(f, 0); err != nil {
		log.Fatal(err)
	}
}

// labelled does what a tracing library does: it labels the goroutine with
// the endpoint and the id of the span, for the time of the request.
func labelled(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		labels := pprof.Labels(
			"endpoint", r.Method+" "+r.URL.Path,
			"span_id", fmt.Sprintf("%016x", rand.Uint64()),
			"tenant", r.Header.Get("X-Tenant"))
		pprof.Do(r.Context(), labels, func(ctx context.Context) {
			next.ServeHTTP(w, r.WithContext(ctx))
		})
	})
}

// load sends requests at a fixed rate from eight workers until ctx ends.
func load(ctx context.Context, base string, rate int) int64 {
	const workers = 8
	client := &http.Client{Timeout: 5 * time.Second, Transport: &http.Transport{MaxIdleConnsPerHost: workers}}
	var n atomic.Int64
	var wg sync.WaitGroup
	for i := 0; i < workers; i++ {
		wg.Add(1)
		go func(i int) {
			defer wg.Done()
			rng := rand.New(rand.NewSource(int64(i) + 42))
			tick := time.NewTicker(time.Second * workers / time.Duration(rate))
			defer tick.Stop()
			for {
				select {
				case <-ctx.Done():
					return
				case <-tick.C:
				}
				if err := request(client, base, rng); err != nil {
					log.Print(err)
					return
				}
				n.Add(1)
			}
		}(i)
	}
	wg.Wait()
	return n.Load()
}

func request(client *http.Client, base string, rng *rand.Rand) error {
	var req *http.Request
	switch p := rng.Intn(20); {
	case p < 12:
		req, _ = http.NewRequest("POST", base+"/orders", bytes.NewReader(batches[rng.Intn(len(batches))]))
		req.Header.Set("Content-Type", "application/json")
	case p < 16:
		req, _ = http.NewRequest("GET", fmt.Sprintf("%s/search?q=%s", base, words[rng.Intn(len(words))]), nil)
	case p < 18:
		req, _ = http.NewRequest("GET", base+"/report", nil)
	case p < 19:
		req, _ = http.NewRequest("GET", base+"/export", nil)
	default:
		req, _ = http.NewRequest("POST", base+"/login", bytes.NewReader([]byte("user=alice&password=secret")))
		req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	req.Header.Set("X-Tenant", []string{"north", "south", "west"}[rng.Intn(3)])
	resp, err := client.Do(req)
	if err != nil {
		return err
	}
	_, err = io.Copy(io.Discard, resp.Body)
	resp.Body.Close()
	return err
}
