package main

import (
	"context"
	"errors"
	"mime"
	"net/http"
	"strconv"
	"strings"
	"unicode"

	"github.com/go-json-experiment/json"
	"github.com/labstack/echo/v4"

	"github.com/reevehq/reeve/authz"
	"github.com/reevehq/reeve/tenant"
)

// invoice is an invoice as the API shows it.
type invoice struct {
	ID     int64     `json:"id"`
	Tenant tenant.ID `json:"tenant"`
	Owner  string    `json:"owner"` // the user who created it
	content
}

// content is the part of an invoice that clients write.
type content struct {
	Customer string `json:"customer"`
	Amount   int64  `json:"amount"` // in cents
	Status   string `json:"status"` // draft, sent or paid
}

const (
	maxInvoiceBody = 4 << 10
	maxCustomer    = 200             // bytes
	maxAmount      = 100_000_000_000 // cents; well within what every JSON reader keeps exact
	pageSize       = 100
)

// object is the invoice as policies see it.
func (inv invoice) object() authz.Object {
	obj := authz.Object{
		Type:   "invoice",
		Tenant: inv.Tenant,
		Attributes: authz.Values{
			"owner":    inv.Owner,
			"customer": inv.Customer,
			"amount":   inv.Amount,
			"status":   inv.Status,
		},
	}
	if inv.ID != 0 {
		obj.ID = strconv.FormatInt(inv.ID, 10)
	}
	return obj
}

// allow returns a function that says whether the caller may do action to an invoice.
func allow(ctx context.Context, action authz.Action) func(invoice) error {
	return func(inv invoice) error {
		_, err := authz.Check(ctx, action, inv.object())
		return err
	}
}

// listInvoices answers with those invoices that the caller may read, at most a page of
// them. The next page is named by a Link header (RFC 8288).
func (a *app) listInvoices(c echo.Context) error {
	ctx := c.Request().Context()
	after, ok := pageStart(c)
	if !ok {
		return errPage
	}
	page, err := a.invoices.list(ctx, after, pageSize+1)
	if err != nil {
		return err
	}
	if len(page) > pageSize {
		page = page[:pageSize]
		c.Response().Header().Set("Link", `</invoices?after=`+strconv.FormatInt(page[pageSize-1].ID, 10)+`>; rel="next"`)
	}
	keepRouteDecision(ctx)
	readable := []invoice{}
	for _, inv := range page {
		err := allow(ctx, "read")(inv)
		if errors.Is(err, authz.ErrDenied) || errors.Is(err, authz.ErrHidden) {
			continue
		}
		if err != nil {
			return err
		}
		readable = append(readable, inv)
	}
	return c.JSON(http.StatusOK, readable)
}

func (a *app) getInvoice(c echo.Context) error {
	ctx := c.Request().Context()
	id, err := invoiceID(c)
	if err != nil {
		return err
	}
	inv, err := a.invoices.get(ctx, id)
	if err != nil {
		return err
	}
	if err := allow(ctx, "read")(inv); err != nil {
		return err
	}
	return c.JSON(http.StatusOK, inv)
}

// createInvoice stores an invoice of the caller's own: owner and tenant are never read
// from the request.
func (a *app) createInvoice(c echo.Context) error {
	ctx := c.Request().Context()
	caller, ok := authz.FromContext(ctx)
	if !ok {
		return authz.ErrNoCaller
	}
	body, err := readContent(c, content{Status: "draft"})
	if err != nil {
		return err
	}
	inv := invoice{Tenant: caller.Tenant(), Owner: caller.User().String(), content: body}
	if err := allow(ctx, "create")(inv); err != nil {
		return err
	}
	if inv, err = a.invoices.create(ctx, inv); err != nil {
		return err
	}
	c.Response().Header().Set("Location", "/invoices/"+strconv.FormatInt(inv.ID, 10))
	return c.JSON(http.StatusCreated, inv)
}

func (a *app) updateInvoice(c echo.Context) error {
	ctx := c.Request().Context()
	id, err := invoiceID(c)
	if err != nil {
		return err
	}
	body, err := readContent(c, content{})
	if err != nil {
		return err
	}
	inv, err := a.invoices.update(ctx, id, body, allow(ctx, "update"))
	if err != nil {
		return err
	}
	return c.JSON(http.StatusOK, inv)
}

func (a *app) deleteInvoice(c echo.Context) error {
	ctx := c.Request().Context()
	id, err := invoiceID(c)
	if err != nil {
		return err
	}
	if err := a.invoices.remove(ctx, id, allow(ctx, "delete")); err != nil {
		return err
	}
	return c.NoContent(http.StatusNoContent)
}

// invoiceID reads the id of the route. A text that is no id is answered as an id that nobody has.
func invoiceID(c echo.Context) (int64, error) {
	id, ok := parseID(c.Param("id"))
	if !ok {
		return 0, errNoInvoice
	}
	return id, nil
}

// pageStart reads the query: nothing, or the last id of the page before.
func pageStart(c echo.Context) (int64, bool) {
	query := c.QueryParams()
	if c.Request().URL.RawQuery == "" {
		return 0, true
	}
	if len(query) != 1 || len(query["after"]) != 1 {
		return 0, false
	}
	return parseID(query["after"][0])
}

// parseID accepts the one way to write an id: decimal digits without sign or leading zero.
func parseID(s string) (int64, bool) {
	id, err := strconv.ParseInt(s, 10, 64)
	if err != nil || id < 1 || strconv.FormatInt(id, 10) != s {
		return 0, false
	}
	return id, true
}

// readContent reads the body over the given defaults. Unknown, repeated and misspelt
// names are refused, so that a client which sends an owner learns that it has no effect.
func readContent(c echo.Context, body content) (content, error) {
	r := c.Request()
	if mediaType, _, err := mime.ParseMediaType(r.Header.Get("Content-Type")); err != nil || mediaType != "application/json" {
		return content{}, errMediaType
	}
	reader := http.MaxBytesReader(c.Response(), r.Body, maxInvoiceBody)
	if err := json.UnmarshalRead(reader, &body, json.RejectUnknownMembers(true)); err != nil {
		var tooLarge *http.MaxBytesError
		if errors.As(err, &tooLarge) {
			return content{}, errTooLarge
		}
		return content{}, errInvoice
	}
	if !body.valid() {
		return content{}, errInvoice
	}
	return body, nil
}

func (b content) valid() bool {
	switch b.Status {
	case "draft", "sent", "paid":
	default:
		return false
	}
	return b.Amount > 0 && b.Amount <= maxAmount &&
		b.Customer != "" && len(b.Customer) <= maxCustomer && b.Customer == strings.TrimSpace(b.Customer) &&
		!strings.ContainsFunc(b.Customer, func(r rune) bool { return !unicode.IsPrint(r) })
}
