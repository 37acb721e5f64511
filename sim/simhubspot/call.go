package simhubspot

import (
	"errors"
	"io"
	"mime"
	"net/http"
	"slices"
	"strings"
	"time"

	"crm-connectors/sim"
)

const (
	maxBody       = 3 << 20
	maxSearchBody = 3000
)

// call is one authorised request on its way through a handler.
type call struct {
	r       *http.Request
	version string
	scopes  []string
	body    []byte
}

// handler answers inside the critical section: a status with a JSON body (nil for none), or an error,
// which is an *apiError wherever HubSpot has a body for it.
type handler func(*call) (status int, body any, err error)

// serve makes a route of h. It reads the body first, so that the lock is never held while a client
// is slow, then judges the request and runs h under the lock.
func (s *Sim) serve(h handler) http.HandlerFunc { return s.serveLimited(h, false) }

// serveSearch is serve with the search endpoints' own limit and without rate limit headers.
func (s *Sim) serveSearch(h handler) http.HandlerFunc { return s.serveLimited(h, true) }

func (s *Sim) serveLimited(h handler, search bool) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		body, tooBig := readBody(w, r)
		s.mu.Lock()
		status, out, err := s.admit(w, r, body, tooBig, search, h)
		s.mu.Unlock()
		switch {
		case err != nil:
			writeError(w, err)
		case out == nil:
			w.WriteHeader(status)
		default:
			sim.WriteJSON(w, status, out)
		}
	}
}

func (s *Sim) admit(w http.ResponseWriter, r *http.Request, body []byte, tooBig error, search bool, h handler) (int, any, error) {
	scopes, err := s.bearer(r)
	if err != nil {
		return 0, nil, err
	}
	if err := s.limit(w, search); err != nil {
		return 0, nil, err
	}
	if tooBig != nil {
		return 0, nil, tooBig
	}
	if search && len(body) > maxSearchBody {
		return 0, nil, invalid("The request body is %d characters long; a search may have %d", len(body), maxSearchBody)
	}
	return h(&call{r: r, version: versionOf(r), scopes: scopes, body: body})
}

func readBody(w http.ResponseWriter, r *http.Request) ([]byte, error) {
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxBody))
	var big *http.MaxBytesError
	switch {
	case errors.As(err, &big):
		return nil, fail(http.StatusRequestEntityTooLarge, categoryValidation, "Request body is larger than %d bytes", maxBody)
	case err != nil:
		return nil, invalid("Request body could not be read")
	}
	return body, nil
}

// bearer is the scopes of the request's access token.
func (s *Sim) bearer(r *http.Request) ([]string, *apiError) {
	scheme, token, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	t := s.access[token]
	if !strings.EqualFold(scheme, "Bearer") || t == nil || t.grant.uninstalled {
		return nil, fail(http.StatusUnauthorized, categoryInvalidAuth, "Authentication credentials not found. This API supports OAuth 2.0 authentication "+
			"and you can find more details at https://developers.hubspot.com/docs/methods/auth/oauth-overview")
	}
	if late := s.core.Clock.Now().Sub(t.expires); late >= 0 {
		return nil, fail(http.StatusUnauthorized, categoryExpiredAuth, "The OAuth token used to make this call expired %d second(s) ago.", int(late.Seconds())).
			with("expire time", t.expires.Format(time.RFC3339))
	}
	return t.scopes, nil
}

// need refuses a call whose token has none of the scopes; no scopes at all means that any token will do.
func (c *call) need(anyOf []string) *apiError {
	if len(anyOf) == 0 || slices.ContainsFunc(anyOf, func(sc string) bool { return slices.Contains(c.scopes, sc) }) {
		return nil
	}
	e := fail(http.StatusForbidden, categoryMissingScopes, "This app hasn't been granted all required scopes to make this call. "+
		"Read more about required scopes here: https://developers.hubspot.com/scopes.")
	e.Errors = []errorDetail{{Message: "One or more of the following scopes are required.", Context: map[string][]string{"requiredGranularScopes": anyOf}}}
	e.Links = map[string]string{"scopes": "https://developers.hubspot.com/scopes"}
	return e
}

func writeError(w http.ResponseWriter, err error) {
	var e *apiError
	if !errors.As(err, &e) {
		e = fail(http.StatusInternalServerError, "", "internal error")
	}
	for k, v := range e.header {
		w.Header()[k] = v
	}
	sim.WriteJSON(w, e.code, e)
}

func isJSON(r *http.Request) bool {
	media, _, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	return err == nil && media == "application/json"
}
