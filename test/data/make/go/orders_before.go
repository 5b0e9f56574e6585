//go:build !fast

package main

import (
	"encoding/json"
	"fmt"
	"regexp"
	"time"
)

// parseOrders decodes into maps, and picks the fields out of them.
func parseOrders(body []byte) ([]*Order, error) {
	var list []map[string]any
	if err := json.Unmarshal(body, &list); err != nil {
		return nil, err
	}
	var orders []*Order
	for _, m := range list {
		o, err := parseOrder(m)
		if err != nil {
			return nil, err
		}
		orders = append(orders, o)
	}
	return orders, nil
}

func parseOrder(m map[string]any) (*Order, error) {
	o := &Order{}
	o.ID, _ = m["id"].(string)
	o.Customer, _ = m["customer"].(string)
	o.Email, _ = m["email"].(string)
	o.Zip, _ = m["zip"].(string)
	created, _ := m["created"].(string)
	var err error
	if o.Created, err = time.Parse(time.RFC3339, created); err != nil {
		return nil, err
	}
	items, _ := m["items"].([]any)
	for _, x := range items {
		im, _ := x.(map[string]any)
		var it Item
		it.SKU, _ = im["sku"].(string)
		it.Title, _ = im["title"].(string)
		qty, _ := im["qty"].(float64)
		it.Qty = int(qty)
		it.Price, _ = im["price"].(float64)
		tags, _ := im["tags"].([]any)
		for _, t := range tags {
			it.Tags = append(it.Tags, fmt.Sprint(t))
		}
		o.Items = append(o.Items, it)
	}
	return o, nil
}

// validateOrder compiles its patterns for every order, and every item.
func validateOrder(o *Order) error {
	if !match(`^ORD-\d{6}$`, o.ID) || !match(`^[a-z0-9.]+@[a-z0-9.]+\.[a-z]{2,}$`, o.Email) || !match(`^\d{5}$`, o.Zip) {
		return fmt.Errorf("bad order %q", o.ID)
	}
	for _, it := range o.Items {
		if !match(`^[A-Z]{3}-\d{4}$`, it.SKU) {
			return fmt.Errorf("bad item %q", it.SKU)
		}
	}
	return nil
}

func match(pattern, s string) bool {
	return regexp.MustCompile(pattern).MatchString(s)
}
