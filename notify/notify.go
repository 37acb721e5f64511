package notify

import (
	"context"
	"math/rand/v2"
	"net/http"
	"sync"
	"time"

	"crm-connectors/connectors"
	"crm-connectors/store"

	"github.com/google/uuid"
	"github.com/rs/zerolog"
)

// Config is what a Notifier needs. Zero durations take the defaults that are named beside them.
type Config struct {
	Store    *store.Store
	Outbound connectors.Outbound // where endpoints may be
	Log      zerolog.Logger
	Observer Observer         // nil: nobody
	Now      func() time.Time // nil: time.Now

	Every  time.Duration // between looks for what is due; 2 s
	Settle time.Duration // how long what happens is collected before it is told; 3 s
	Kept   time.Duration // how long messages that ended are kept; 30 days
}

// Observer is told of each try at a message.
type Observer interface {
	// Notified: result is delivered, retried or failed.
	Notified(event, result string, took time.Duration)
}

// The results that an Observer is told.
const (
	ResultDelivered = "delivered"
	ResultRetried   = "retried"
	ResultFailed    = "failed"
)

const (
	atOnce      = 32 // messages of one process under way
	perEndpoint = 4  // of them to one endpoint
	purgeEvery  = time.Hour
	purgeAtOnce = 5000
)

// Notifier sends what is due, in one process. It is safe for concurrent use.
type Notifier struct {
	cfg    Config
	client *http.Client
	slots  chan struct{}

	mu   sync.Mutex
	busy map[uuid.UUID]int // endpoints with messages under way

	stop    sync.Once
	stopped chan struct{}
	looking sync.WaitGroup
	sending sync.WaitGroup
}

// New makes a Notifier that works after Start.
func New(cfg Config) *Notifier {
	set := func(d *time.Duration, v time.Duration) {
		if *d == 0 {
			*d = v
		}
	}
	set(&cfg.Every, 2*time.Second)
	set(&cfg.Settle, 3*time.Second)
	set(&cfg.Kept, 30*24*time.Hour)
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	client := &http.Client{Transport: cfg.Outbound.Transport(), CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	return &Notifier{cfg: cfg, client: client, slots: make(chan struct{}, atOnce), busy: map[uuid.UUID]int{}, stopped: make(chan struct{})}
}

// Start looks for what is due until Stop is called or ctx ends, which also cuts what is being sent.
func (n *Notifier) Start(ctx context.Context) {
	n.looking.Go(func() {
		var purged time.Time
		for {
			if err := n.Look(ctx); err != nil && ctx.Err() == nil {
				n.cfg.Log.Error().Str("event", "notifications_not_sent").Err(err).Msg("no messages could be taken; it is tried again")
			}
			if n.cfg.Now().Sub(purged) > purgeEvery {
				purged = n.cfg.Now()
				if _, err := n.cfg.Store.PurgeNotifications(ctx, n.cfg.Kept, purgeAtOnce); err != nil && ctx.Err() == nil {
					n.cfg.Log.Error().Str("event", "notifications_not_purged").Err(err).Msg("old messages stay; it is tried again")
				}
			}
			select {
			case <-time.After(n.cfg.Every*3/4 + rand.N(n.cfg.Every/2)): //nolint:gosec // jitter is no secret
			case <-n.stopped:
				return
			case <-ctx.Done():
				return
			}
		}
	})
}

// Stop takes nothing more and waits for what is being sent, or until ctx ends: what it then leaves is due again when its claim runs out.
func (n *Notifier) Stop(ctx context.Context) error {
	n.stop.Do(func() { close(n.stopped) })
	done := make(chan struct{})
	go func() {
		n.looking.Wait()
		n.sending.Wait()
		close(done)
	}()
	select {
	case <-done:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// Look does once what Start does again and again: it makes messages of what happened, and begins to send what is due for as long as there are free
// slots. An endpoint that hangs holds no other up.
func (n *Notifier) Look(ctx context.Context) error {
	if _, err := n.cfg.Store.Gather(ctx, n.cfg.Settle, payload); err != nil {
		return err
	}
	for {
		free := cap(n.slots) - len(n.slots) // only this function takes slots, so that no fewer are free by then
		if free == 0 {
			return nil
		}
		due, err := n.cfg.Store.ClaimNotifications(ctx, free, perEndpoint, n.underWay())
		if err != nil || len(due) == 0 {
			return err
		}
		for _, d := range due {
			n.begin(ctx, d)
		}
	}
}

// Wait returns when nothing is being sent.
func (n *Notifier) Wait() { n.sending.Wait() }

func (n *Notifier) begin(ctx context.Context, due store.DueNotification) {
	n.slots <- struct{}{}
	n.count(due.EndpointID, 1)
	n.sending.Go(func() {
		defer func() {
			n.count(due.EndpointID, -1)
			<-n.slots
		}()
		n.tell(ctx, due)
	})
}

// tell sends one message and records how that ended.
func (n *Notifier) tell(ctx context.Context, due store.DueNotification) {
	end := n.send(ctx, due)
	line := n.cfg.Log.Info()
	result := ResultDelivered
	switch end.Status {
	case store.NotificationWaiting:
		result, line = ResultRetried, n.cfg.Log.Warn()
	case store.NotificationFailed:
		result, line = ResultFailed, n.cfg.Log.Error()
	}
	took := end.Attempt.EndedAt.Sub(end.Attempt.StartedAt)
	if n.cfg.Observer != nil {
		n.cfg.Observer.Notified(due.Event, result, took)
	}
	line.Str("event", "notification").Str("result", result).Stringer("notification_id", due.ID).Stringer("endpoint_id", due.EndpointID).Str("told", due.Event).
		Int("attempt", due.Attempt).Int("http_status", end.Attempt.HTTPStatus).Int64("took_ms", took.Milliseconds()).Str("error", end.Attempt.Error).Msg("a message was sent to an endpoint")
	mine, err := n.cfg.Store.SettleNotification(context.WithoutCancel(ctx), due.Notification, end)
	switch {
	case err != nil:
		n.cfg.Log.Error().Str("event", "notification_not_recorded").Err(err).Stringer("notification_id", due.ID).Msg("how a message ended was not recorded; it is sent again")
	case mine && end.Disable != "":
		n.cfg.Log.Error().Str("event", "notification_endpoint_disabled").Stringer("endpoint_id", due.EndpointID).Str("why", end.Disable).Msg("an endpoint is told nothing more")
	}
}

func (n *Notifier) count(endpoint uuid.UUID, by int) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.busy[endpoint] += by; n.busy[endpoint] == 0 {
		delete(n.busy, endpoint)
	}
}

func (n *Notifier) underWay() []uuid.UUID {
	n.mu.Lock()
	defer n.mu.Unlock()
	all := make([]uuid.UUID, 0, len(n.busy))
	for id := range n.busy {
		all = append(all, id)
	}
	return all
}
