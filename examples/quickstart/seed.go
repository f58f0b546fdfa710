package main

import (
	"context"

	"github.com/reevehq/reeve/tenant"
)

// examples returns the invoices of a new data folder. Their ids are 1, 2, 3, … in order.
func examples() []invoice {
	acme, globex := tenant.MustParse("acme"), tenant.MustParse("globex")
	return []invoice{
		{ID: 1, Tenant: acme, Owner: "alice", content: content{Customer: "Initech", Amount: 125_000, Status: "sent"}},
		{ID: 2, Tenant: acme, Owner: "alice", content: content{Customer: "Hooli", Amount: 98_050, Status: "paid"}},
		{ID: 3, Tenant: globex, Owner: "carol", content: content{Customer: "Umbrella", Amount: 430_000, Status: "sent"}},
		{ID: 4, Tenant: acme, Owner: "dave", content: content{Customer: "Soylent", Amount: 7_500, Status: "draft"}},
		{ID: 5, Tenant: globex, Owner: "erin", content: content{Customer: "Tyrell", Amount: 61_200, Status: "paid"}},
	}
}

// seed stores the examples once. The sequence is empty until they all are, and locked
// meanwhile, so a second process waits, and after a crash the next one begins again.
func (s *invoices) seed(ctx context.Context) error {
	tx, err := s.ids.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	defer func() { _ = tx.Rollback() }() // does nothing after Commit
	var seeded bool
	if err := tx.QueryRowContext(ctx, `SELECT EXISTS (SELECT 1 FROM sequence)`).Scan(&seeded); err != nil || seeded {
		return err
	}
	all := examples()
	for _, inv := range all {
		if err := s.seedOne(ctx, inv); err != nil {
			return err
		}
	}
	if _, err := tx.ExecContext(ctx, `INSERT INTO sequence (one, last) VALUES (1, ?)`, len(all)); err != nil {
		return err
	}
	return tx.Commit()
}

func (s *invoices) seedOne(ctx context.Context, inv invoice) error {
	// Example data is there whatever an operator has decided about its tenant.
	ctx, err := tenant.BindUnchecked(ctx, inv.Tenant)
	if err != nil {
		return err
	}
	db, err := s.db(ctx)
	if err != nil {
		return err
	}
	if _, err := db.ExecContext(ctx, `DELETE FROM invoices WHERE id = ?`, inv.ID); err != nil {
		return err
	}
	return insert(ctx, db, inv)
}
