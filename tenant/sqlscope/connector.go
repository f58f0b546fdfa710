package sqlscope

import (
	"context"
	"database/sql/driver"
	"errors"
	"io"
)

// Connector makes scoped connections. It is safe for concurrent use.
type Connector struct{ cfg Config }

// Connect implements [driver.Connector]. It needs no tenant: a connection is of none.
func (c *Connector) Connect(ctx context.Context) (driver.Conn, error) {
	inner, err := c.cfg.Connector.Connect(ctx)
	if err != nil {
		return nil, err
	}
	return &conn{inner: inner, cfg: &c.cfg}, nil
}

// Driver returns a [Driver], and not that of the connections.
func (c *Connector) Driver() driver.Driver { return Driver{} }

// Close closes the connector inside, where that has something to close.
func (c *Connector) Close() error {
	if closer, ok := c.cfg.Connector.(io.Closer); ok {
		return closer.Close()
	}
	return nil
}

// Driver is the driver of scoped pools. It opens nothing by itself.
type Driver struct{}

// Open implements [driver.Driver]. It is an error: a name of a data source has no scope.
func (Driver) Open(string) (driver.Conn, error) {
	return nil, errors.New("sqlscope: open a pool by OpenDB")
}

// TenantScoped marks the pools of this driver: each statement runs in the tenant of its context.
// gormscope asks for it.
func (Driver) TenantScoped() {}
