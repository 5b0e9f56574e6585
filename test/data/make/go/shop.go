package main

import (
	"compress/gzip"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/csv"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"html/template"
	"io"
	"math/rand"
	"net/http"
	"sort"
	"strconv"
	"strings"
	"sync"
	"time"
)

type Item struct {
	SKU   string   `json:"sku"`
	Title string   `json:"title"`
	Qty   int      `json:"qty"`
	Price float64  `json:"price"`
	Tags  []string `json:"tags"`
}

type Order struct {
	ID       string    `json:"id"`
	Customer string    `json:"customer"`
	Email    string    `json:"email"`
	Zip      string    `json:"zip"`
	Created  time.Time `json:"created"`
	Items    []Item    `json:"items"`
}

var words = strings.Fields(`lamp chair table desk shelf mirror carpet curtain
	pillow blanket basket vase clock candle frame stool bench cabinet drawer rack`)

// batches are the request bodies that the client posts: arrays of 15 orders.
var batches = func() (out [][]byte) {
	rng := rand.New(rand.NewSource(7))
	for i := 0; i < 40; i++ {
		var orders []Order
		for j := 0; j < 15; j++ {
			orders = append(orders, randomOrder(rng))
		}
		b, _ := json.Marshal(orders)
		out = append(out, b)
	}
	return out
}()

func randomOrder(rng *rand.Rand) Order {
	o := Order{
		ID:       fmt.Sprintf("ORD-%06d", rng.Intn(1_000_000)),
		Customer: words[rng.Intn(len(words))] + " ltd",
		Email:    fmt.Sprintf("%s.%d@mail.test", words[rng.Intn(len(words))], rng.Intn(1000)),
		Zip:      fmt.Sprintf("%05d", rng.Intn(100_000)),
		Created:  time.Unix(1_700_000_000+rng.Int63n(10_000_000), 0).UTC(),
	}
	for i := 0; i < 12+rng.Intn(12); i++ {
		o.Items = append(o.Items, Item{
			SKU:   fmt.Sprintf("%s-%04d", strings.ToUpper(words[rng.Intn(len(words))][:3]), rng.Intn(10_000)),
			Title: words[rng.Intn(len(words))] + " " + words[rng.Intn(len(words))],
			Qty:   1 + rng.Intn(9),
			Price: float64(rng.Intn(100_000)) / 100,
			Tags:  []string{words[rng.Intn(len(words))], words[rng.Intn(len(words))]},
		})
	}
	return o
}

// Shop keeps the newest orders, an index of their items, and rendered pages.
type Shop struct {
	mu     sync.RWMutex
	orders []*Order
	index  map[string][]string
	cache  sync.Map
	jobs   chan *Order
	events chan string
	page   *template.Template
}

func NewShop() *Shop {
	return &Shop{
		index:  map[string][]string{},
		jobs:   make(chan *Order, 16),
		events: make(chan string),
		page: template.Must(template.New("report").Funcs(template.FuncMap{
			"money": func(f float64) string { return strconv.FormatFloat(f, 'f', 2, 64) },
		}).Parse(`<h1>{{.Title}}</h1><table>{{range .Rows}}
<tr><td>{{.ID}}</td><td><a href="/c?name={{.Customer}}">{{.Customer}}</a></td>
<td>{{range .Items}}<span title="{{.Title}}">{{.SKU}} {{.Qty}} {{money .Price}}</span>{{end}}</td></tr>{{end}}
</table>`)),
	}
}

func (s *Shop) Routes() *http.ServeMux {
	mux := http.NewServeMux()
	mux.HandleFunc("/orders", s.handleOrders)
	mux.HandleFunc("/search", s.handleSearch)
	mux.HandleFunc("/report", s.handleReport)
	mux.HandleFunc("/export", s.handleExport)
	mux.HandleFunc("/login", s.handleLogin)
	return mux
}

func (s *Shop) handleOrders(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		http.Error(w, err.Error(), 400)
		return
	}
	orders, err := parseOrders(body)
	if err != nil {
		http.Error(w, err.Error(), 400)
		return
	}
	type line struct {
		ID    string  `json:"id"`
		Lines int     `json:"lines"`
		Total float64 `json:"total"`
	}
	var reply []line
	for _, o := range orders {
		if err := validateOrder(o); err != nil {
			http.Error(w, err.Error(), 422)
			return
		}
		total := 0.0
		for _, it := range o.Items {
			total += float64(it.Qty) * it.Price
		}
		s.store(o)
		s.jobs <- o
		reply = append(reply, line{o.ID, len(o.Items), total})
	}
	w.Header().Set("Content-Type", "application/json")
	json.NewEncoder(w).Encode(reply)
}

func (s *Shop) store(o *Order) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.orders = append(s.orders, o)
	if len(s.orders) > 2000 {
		s.orders = append([]*Order(nil), s.orders[1000:]...)
	}
}

func (s *Shop) recent(n int) []*Order {
	s.mu.RLock()
	defer s.mu.RUnlock()
	if len(s.orders) < n {
		n = len(s.orders)
	}
	return append([]*Order(nil), s.orders[len(s.orders)-n:]...)
}

func (s *Shop) handleSearch(w http.ResponseWriter, r *http.Request) {
	q := strings.ToLower(r.URL.Query().Get("q"))
	type hit struct {
		ID    string
		Score int
	}
	var hits []hit
	for _, o := range s.recent(300) {
		score := 0
		for _, it := range o.Items {
			score += strings.Count(strings.ToLower(it.Title), q) * 2
			for _, t := range it.Tags {
				if strings.EqualFold(t, q) {
					score++
				}
			}
		}
		if score > 0 {
			hits = append(hits, hit{o.ID, score})
		}
	}
	sort.Slice(hits, func(i, j int) bool {
		if hits[i].Score != hits[j].Score {
			return hits[i].Score > hits[j].Score
		}
		return hits[i].ID < hits[j].ID
	})
	if len(hits) > 50 {
		hits = hits[:50]
	}
	json.NewEncoder(w).Encode(hits)
}

func (s *Shop) handleReport(w http.ResponseWriter, r *http.Request) {
	var b strings.Builder
	err := s.page.Execute(&b, map[string]any{"Title": "Orders & items", "Rows": s.recent(12)})
	if err != nil {
		http.Error(w, err.Error(), 500)
		return
	}
	s.cache.Store(fmt.Sprintf("report-%d", rand.Intn(200)), b.String())
	io.WriteString(w, b.String())
}

func (s *Shop) handleExport(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Type", "application/gzip")
	zw := gzip.NewWriter(w)
	defer zw.Close()
	cw := csv.NewWriter(zw)
	defer cw.Flush()
	for _, o := range s.recent(60) {
		for _, it := range o.Items {
			cw.Write([]string{o.ID, o.Created.Format(time.RFC3339), o.Customer, it.SKU, it.Title,
				strconv.Itoa(it.Qty), strconv.FormatFloat(it.Price, 'f', 2, 64), strings.Join(it.Tags, ";")})
		}
	}
}

func (s *Shop) handleLogin(w http.ResponseWriter, r *http.Request) {
	if err := r.ParseForm(); err != nil {
		http.Error(w, err.Error(), 400)
		return
	}
	key := stretch(r.Form.Get("password"), r.Form.Get("user"), 4000)
	fmt.Fprintln(w, hex.EncodeToString(key))
}

func stretch(password, salt string, rounds int) []byte {
	mac := hmac.New(sha256.New, []byte(password))
	sum := []byte(salt)
	for i := 0; i < rounds; i++ {
		mac.Reset()
		mac.Write(sum)
		sum = mac.Sum(sum[:0])
	}
	return sum
}

// indexWorker adds the items of new orders to the index, under the lock
// that the readers need too.
func (s *Shop) indexWorker(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			return
		case o := <-s.jobs:
			s.indexOrder(o)
			select {
			case s.events <- o.ID:
			default:
			}
		}
	}
}

func (s *Shop) indexOrder(o *Order) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, it := range o.Items {
		for _, w := range strings.Fields(it.Title) {
			list := s.index[w]
			if i := sort.SearchStrings(list, o.ID); i == len(list) || list[i] != o.ID {
				list = append(list, "")
				copy(list[i+1:], list[i:])
				list[i] = o.ID
			}
			if len(list) > 200 {
				list = append([]string(nil), list[100:]...)
			}
			s.index[w] = list
		}
	}
}

func (s *Shop) janitor(ctx context.Context) {
	t := time.NewTicker(500 * time.Millisecond)
	defer t.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-t.C:
			i := 0
			s.cache.Range(func(k, _ any) bool {
				if i++; i%3 == 0 {
					s.cache.Delete(k)
				}
				return true
			})
		}
	}
}

func (s *Shop) subscriber(ctx context.Context, name string) {
	seen := map[string]int{}
	for {
		select {
		case <-ctx.Done():
			return
		case id := <-s.events:
			seen[id]++
			time.Sleep(5 * time.Millisecond)
		}
	}
}
