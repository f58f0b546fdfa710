package redisscope

import (
	"context"
	"fmt"

	"github.com/redis/go-redis/v9"

	"github.com/reevehq/reeve/tenant"
)

// Subscription receives the messages of channels of one tenant.
type Subscription struct {
	client *Client
	tenant tenant.ID
	pubsub *redis.PubSub
}

// Subscribe listens to channels, whose names begin as keys do; see [Client.Key]. There are no
// subscriptions by pattern. The subscription must be closed.
func (c *Client) Subscribe(ctx context.Context, channels ...string) (*Subscription, error) {
	id, err := tenant.Require(ctx)
	if err != nil {
		return nil, err
	}
	if len(channels) == 0 {
		return nil, c.guard.refuse("no channel")
	}
	for _, channel := range channels {
		if !owns(id, channel) {
			return nil, c.guard.refuse("a channel is not the tenant's")
		}
	}
	pubsub := c.plain.Subscribe(ctx, channels...)
	if _, err := pubsub.Receive(ctx); err != nil { // the server's word that it listens
		_ = pubsub.Close()
		return nil, err
	}
	return &Subscription{c, id, pubsub}, nil
}

// Receive waits for the next message. ctx must be of the tenant who subscribed.
func (s *Subscription) Receive(ctx context.Context) (*redis.Message, error) {
	id, err := tenant.Require(ctx)
	if err != nil {
		return nil, err
	}
	if id != s.tenant {
		return nil, fmt.Errorf("%w: the subscription is of another tenant", tenant.ErrMismatch)
	}
	for {
		m, err := s.pubsub.ReceiveMessage(ctx)
		if err != nil {
			return nil, err
		}
		if owns(id, m.Channel) {
			return m, nil
		}
		s.client.foreign.Add(1)
	}
}

// Close ends the subscription.
func (s *Subscription) Close() error { return s.pubsub.Close() }
