package store

import (
	"context"

	"hoshi/internal/scheme"
)

// A vendor sees its products; an evaluator those whose evaluation it was given.
const productVisible = ` AND ($2 = '*' OR organisation_id = $2
	OR EXISTS (SELECT 1 FROM evaluation e WHERE e.product_id = product.id AND e.evaluator_org_id = $2))`

// InsertProduct adds a product.
func InsertProduct(ctx context.Context, tx *Tx, p scheme.Product) error {
	_, err := tx.exec(ctx, "store.InsertProduct",
		`INSERT INTO product (id, organisation_id, name, version, updated, doc) VALUES ($1, $2, $3, $4, $5, $6)`,
		p.ID, p.OrganisationID, p.Name, p.Version, Time{tx.At}, doc{p})
	return err
}

// Product returns a product that the tenant may see; NotFound else.
func Product(ctx context.Context, tx *Tx, id string, by Tenant) (p scheme.Product, err error) {
	err = tx.load(ctx, "store.Product", `SELECT doc FROM product WHERE id = $1`+productVisible, []any{id, by.arg()}, doc{&p})
	return p, err
}

// Products returns the products of an organisation, the last changed first.
func Products(ctx context.Context, tx *Tx, organisationID string) ([]scheme.Product, error) {
	return docs[scheme.Product](ctx, tx, "store.Products",
		`SELECT doc FROM product WHERE organisation_id = $1 ORDER BY updated DESC, id`, organisationID)
}

// UpdateProduct saves p over version p.Version, which it then raises.
func UpdateProduct(ctx context.Context, tx *Tx, p *scheme.Product) error {
	const op = "store.UpdateProduct"
	old := p.Version
	p.Version++
	n, err := tx.exec(ctx, op, `UPDATE product SET name = $1, version = $2, updated = $3, doc = $4
		WHERE id = $5 AND organisation_id = $6 AND version = $7`,
		p.Name, p.Version, Time{tx.At}, doc{p}, p.ID, p.OrganisationID, old)
	return changed(op, n, err)
}
