package console

import (
	"net/http"
	"time"

	"crm-connectors/handlers"

	"github.com/go-chi/chi/v5"
	"github.com/rs/zerolog"
)

// Base is the path below which the console is; it needs no gateway's prefix.
const Base = "/console"

// requestTimeout bounds a page; the longest asks a CRM.
const requestTimeout = time.Minute

// Config is what the console needs.
type Config struct {
	Handlers *handlers.Handlers
	NoTLS    bool   // browsers reach it without TLS, which is for the loopback alone: the cookie is then not Secure
	Origin   string // where browsers reach it, as far as that is known; empty: a request says by itself
	Log      zerolog.Logger
	Now      func() time.Time // nil: time.Now
	Slice    time.Duration    // how long one request retries what failed before the page shows how far it is; 0: two seconds
}

// Console is all pages.
type Console struct {
	cfg      Config
	handlers *handlers.Handlers
	pages    pages
	assets   assets
	attempts *attempts
	log      zerolog.Logger
}

// New gives the console as one handler, for all paths below Base.
func New(cfg Config) (http.Handler, error) {
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	if cfg.Slice == 0 {
		cfg.Slice = 2 * time.Second
	}
	c := &Console{cfg: cfg, handlers: cfg.Handlers, attempts: newAttempts(cfg.Now), log: cfg.Log}
	var err error
	if c.assets, err = loadAssets(); err != nil {
		return nil, err
	}
	if c.pages, err = c.loadPages(); err != nil {
		return nil, err
	}
	return c.routes()
}

// menu is what the head of every page leads to, in order.
func menu() []menuItem {
	return []menuItem{
		{"Overview", Base},
		{"Connections", Base + "/connections"},
		{"Writes", Base + "/writes"},
		{"Errors", Base + "/errors"},
		{"Notifications", notificationsBase},
		{"Try it", Base + "/try"},
	}
}

type menuItem struct{ Name, Path string }

func (c *Console) routes() (http.Handler, error) {
	protection := http.NewCrossOriginProtection()
	if c.cfg.Origin != "" {
		if err := protection.AddTrustedOrigin(c.cfg.Origin); err != nil {
			return nil, err
		}
	}
	protection.SetDenyHandler(http.HandlerFunc(c.crossOrigin))
	r := chi.NewRouter()
	r.Use(c.record, headers, c.recoverer, deadline, protection.Handler)
	r.NotFound(c.notFound)
	r.MethodNotAllowed(c.notFound)
	r.Get(staticBase+"{name}", c.assets.serve)
	r.Get(Base+"/sign-in", c.signInPage)
	r.Post(Base+"/sign-in", c.signIn)
	r.Post(Base+"/sign-out", c.signOut)
	r.Group(func(r chi.Router) {
		r.Use(c.signedIn)
		c.overviewRoutes(r)
		c.connectionsRoutes(r)
		c.connectionRoutes(r)
		c.connectRoutes(r)
		c.writesRoutes(r)
		c.writeRoutes(r)
		c.retryRoutes(r)
		c.errorsRoutes(r)
		c.tryRoutes(r)
		c.notificationsRoutes(r)
	})
	return r, nil
}
