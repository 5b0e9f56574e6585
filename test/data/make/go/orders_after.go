//go:build fast

package main

import (
	"encoding/json"
	"fmt"
	"regexp"
)

// parseOrders decodes straight into the structs.
func parseOrders(body []byte) ([]*Order, error) {
	var orders []*Order
	if err := json.Unmarshal(body, &orders); err != nil {
		return nil, err
	}
	return orders, nil
}

var (
	reID    = regexp.MustCompile(`^ORD-\d{6}$`)
	reEmail = regexp.MustCompile(`^[a-z0-9.]+@[a-z0-9.]+\.[a-z]{2,}$`)
	reZip   = regexp.MustCompile(`^\d{5}$`)
	reSKU   = regexp.MustCompile(`^[A-Z]{3}-\d{4}$`)
)

// validateOrder uses patterns that are compiled once.
func validateOrder(o *Order) error {
	if !reID.MatchString(o.ID) || !reEmail.MatchString(o.Email) || !reZip.MatchString(o.Zip) {
		return fmt.Errorf("bad order %q", o.ID)
	}
	for _, it := range o.Items {
		if !reSKU.MatchString(it.SKU) {
			return fmt.Errorf("bad item %q", it.SKU)
		}
	}
	return nil
}
