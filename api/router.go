package api

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"
	"unicode/utf8"

	"github.com/getkin/kin-openapi/openapi3filter"
	"github.com/go-chi/chi/v5"
	"github.com/rs/zerolog"
)

// Config is what the router needs. Handler and Auth are required.
type Config struct {
	Handler                        StrictServerInterface
	Auth                           Authenticator
	HubSpotHooks                   *HubSpotHooks // nil: this installation has no HubSpot app that could send webhooks
	Members                        Members       // who belongs to which workspace; nil: only what a person's token names
	Log                            zerolog.Logger
	Observer                       Observer                    // nil: nobody
	Origins                        []string                    // browsers' origins that may read answers; empty or with *: every one
	MaxBody                        int64                       // bytes; 0: 1 MiB
	MaxBatchBody                   int64                       // bytes; 0: 32 MiB
	Ready                          func(context.Context) error // for /readyz; an *Error is answered as it is, any other means the database; nil: always ready
	Away                           func(error) bool            // says of an error of the Handler that the database is away; nil: it never is
	Rates                          Rates                       // how many requests are taken, by whom
	HSTS                           bool                        // browsers come over TLS alone, and are told to go on so
	HeldOfCallers, HeldOfStrangers int64                       // bytes of bodies at once; 0: 64 MiB, and 16 MiB of those who have not proved who they are
	RequestTimeout                 time.Duration               // from the first byte to the answer, then 504; 0: two minutes
	Now                            func() time.Time            // for the access log and the rates; nil: time.Now
}

const (
	defaultMaxBody        = 1 << 20
	defaultMaxBatchBody   = 32 << 20
	defaultRequestTimeout = 2 * time.Minute // the gateway gives up after 150 seconds
)

// NewRouter gives the whole HTTP surface of the contract as one handler.
func NewRouter(cfg Config) (http.Handler, error) {
	if cfg.Handler == nil || cfg.Auth == nil {
		return nil, errors.New("the router needs a handler and an authenticator")
	}
	cfg.defaults()
	v, err := NewValidator()
	if err != nil {
		return nil, err
	}
	meter, err := newMeter(cfg.Rates, cfg.Now)
	if err != nil {
		return nil, fmt.Errorf("rates: %w", err)
	}
	p := &responder{log: cfg.Log, away: cfg.Away}
	mux := operations(cfg.Handler, cfg.Members, meter, p)
	if err := everyRouteIsInTheContract(mux, v); err != nil {
		return nil, err
	}

	layers := []func(http.Handler) http.Handler{
		withRequestID,
		accessLog(cfg.Log, cfg.Observer, cfg.Now),
		recoverer(p),
		harden(cfg.HSTS),
		cors(cfg.Origins),
		stripPrefix(p),
		deadline(cfg.RequestTimeout),
		hold(&pool{most: cfg.HeldOfStrangers}),
		health(p, cfg.Ready),
		reference(p),
		findRoute(p, mux, v.spec),
		observed(cfg.Observer),
		authenticate(p, cfg.Auth, cfg.HubSpotHooks, meter, &pool{most: cfg.HeldOfCallers}),
		parameters(p),
		WithBrowser,
		body(p, v, limits{body: cfg.MaxBody, batch: cfg.MaxBatchBody}),
	}
	var h http.Handler = mux
	for i := len(layers) - 1; i >= 0; i-- {
		h = layers[i](h)
	}
	return h, nil
}

func (c *Config) defaults() {
	if c.MaxBody <= 0 {
		c.MaxBody = defaultMaxBody
	}
	if c.MaxBatchBody <= 0 {
		c.MaxBatchBody = defaultMaxBatchBody
	}
	if c.HeldOfCallers <= 0 {
		c.HeldOfCallers = heldOfCallers
	}
	if c.HeldOfStrangers <= 0 {
		c.HeldOfStrangers = heldOfStrangers
	}
	if c.RequestTimeout <= 0 {
		c.RequestTimeout = defaultRequestTimeout
	}
	if c.Observer == nil {
		c.Observer = unwatched{}
	}
	if c.Now == nil {
		c.Now = time.Now
	}
}

// operations is the generated binding around the handlers.
func operations(handler StrictServerInterface, members Members, m *meter, p *responder) *chi.Mux {
	mux := chi.NewRouter()
	strict := NewStrictHandlerWithOptions(handler, []StrictMiddlewareFunc{neverEmpty, workspaceRate(m), membership(members)}, StrictHTTPServerOptions{
		RequestErrorHandlerFunc: func(w http.ResponseWriter, r *http.Request, err error) {
			p.fail(w, r, &Error{Code: CodeValidationFailed, Message: "The body could not be read", Err: err})
		},
		ResponseErrorHandlerFunc: p.fail,
	})
	HandlerWithOptions(strict, ChiServerOptions{BaseRouter: mux,
		ErrorHandlerFunc: func(w http.ResponseWriter, r *http.Request, err error) { p.fail(w, r, bindingFailure(err)) }})
	return mux
}

// neverEmpty turns a handler's missing answer into a failure: an empty 200 would look like success.
func neverEmpty(next StrictHandlerFunc, operation string) StrictHandlerFunc {
	return func(ctx context.Context, w http.ResponseWriter, r *http.Request, request any) (any, error) {
		response, err := next(ctx, w, r, request)
		if err == nil && response == nil {
			err = fmt.Errorf("%s gave neither an answer nor an error", operation)
		}
		return response, err
	}
}

// bindingFailure names the parameter that the generated code could not read; validation has let few
// such through, such as a header that was sent twice.
func bindingFailure(err error) error {
	var format *InvalidParamFormatError
	var many *TooManyValuesForParamError
	var required *RequiredParamError
	switch {
	case errors.As(err, &format):
		return invalid(format.ParamName, "is not in the expected form")
	case errors.As(err, &many):
		return invalid(many.ParamName, "must be sent once")
	case errors.As(err, &required):
		return invalid(required.ParamName, "is required")
	}
	return &Error{Code: CodeValidationFailed, Err: err}
}

// parameters holds path, query and headers against the contract.
func parameters(p *responder) func(http.Handler) http.Handler {
	options := &openapi3filter.Options{ExcludeRequestBody: true, AuthenticationFunc: openapi3filter.NoopAuthenticationFunc}
	return func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			m := matchFrom(r.Context())
			if name := unstorable(m, r); name != "" {
				p.fail(w, r, invalid(name, "must be text without NUL characters"))
				return
			}
			err := openapi3filter.ValidateRequest(r.Context(), &openapi3filter.RequestValidationInput{
				Request: bodiless(r), PathParams: m.params, Route: m.route, Options: options})
			if err != nil {
				p.fail(w, r, parameterFailure(err))
				return
			}
			next.ServeHTTP(w, r)
		})
	}
}

// bodiless is r for who has no business with its body, and would read all of it whatever its size.
func bodiless(r *http.Request) *http.Request {
	r2 := *r
	r2.Body = http.NoBody
	return &r2
}

// unstorable names a query parameter of the contract that Postgres could not take as text.
func unstorable(m *match, r *http.Request) string {
	query := r.URL.Query()
	for _, parameter := range m.route.Operation.Parameters {
		for _, value := range query[parameter.Value.Name] {
			if findNUL("", value) != "" || !utf8.ValidString(value) {
				return parameter.Value.Name
			}
		}
	}
	return ""
}

// deadline ends a request that takes longer than anybody would wait.
func deadline(timeout time.Duration) func(http.Handler) http.Handler {
	return func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			ctx, cancel := context.WithTimeout(r.Context(), timeout)
			defer cancel()
			next.ServeHTTP(w, r.WithContext(ctx))
		})
	}
}

// everyRouteIsInTheContract guards against generated code that is older than the embedded document.
func everyRouteIsInTheContract(mux *chi.Mux, v *Validator) error {
	return chi.Walk(mux, func(method, pattern string, _ http.Handler, _ ...func(http.Handler) http.Handler) error {
		item := v.spec.Paths.Value(pattern)
		if item == nil || item.GetOperation(method) == nil {
			return fmt.Errorf("%s %s is served but not in the contract", method, pattern)
		}
		return nil
	})
}
