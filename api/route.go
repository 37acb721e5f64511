package api

import (
	"context"
	"net/http"
	"slices"
	"strings"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/getkin/kin-openapi/routers"
	"github.com/go-chi/chi/v5"
)

const functionsPrefix = "/functions/v1"

// aliases are names that clients have for a path of the contract. An alias cannot be in the document
// itself: an operation may stand there once.
var aliases = map[string]string{"/crm-disconnect": "/disconnect-crm"}

// match is the operation of the contract that a request is for.
type match struct {
	route  *routers.Route
	params map[string]string
}

type matchKey struct{}

func matchFrom(ctx context.Context) *match {
	m, _ := ctx.Value(matchKey{}).(*match)
	return m
}

// stripPrefix makes /functions/v1/sync/ and /sync the same path, and an alias the path it stands for. An escaped slash is no path of
// ours; without it, the decoded path is the only one that anything after this looks at.
func stripPrefix(p *responder) func(http.Handler) http.Handler {
	return func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if strings.Contains(strings.ToLower(r.URL.RawPath), "%2f") {
				p.fail(w, r, &Error{Code: CodeNotFound})
				return
			}
			u := *r.URL
			if rest, ok := strings.CutPrefix(u.Path, functionsPrefix); ok && (rest == "" || rest[0] == '/') {
				u.Path = rest
			}
			u.Path = "/" + strings.Trim(u.Path, "/")
			if name, ok := aliases[u.Path]; ok {
				u.Path = name
			}
			u.RawPath = ""
			r2 := r.WithContext(r.Context())
			r2.URL = &u
			next.ServeHTTP(w, r2)
		})
	}
}

// findRoute asks the router itself which operation it will serve, so that authentication and
// validation can never be about another one.
func findRoute(p *responder, mux *chi.Mux, spec *openapi3.T) func(http.Handler) http.Handler {
	return func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			rctx := chi.NewRouteContext()
			pattern := mux.Find(rctx, r.Method, r.URL.Path)
			if pattern == "" {
				p.noRoute(w, r, mux)
				return
			}
			item := spec.Paths.Value(pattern)
			if literal := spec.Paths.Value(r.URL.Path); literal != nil {
				item = literal // /sync/sweep is not the sync named sweep, whatever the method
			}
			if allowed := methodsFor(item, rctx); !slices.Contains(allowed, r.Method) && len(allowed) > 0 {
				p.wrongMethod(w, r, allowed)
				return
			}
			m := &match{params: map[string]string{}, route: &routers.Route{Spec: spec, Path: pattern, PathItem: item,
				Method: r.Method, Operation: item.GetOperation(r.Method)}}
			for i, key := range rctx.URLParams.Keys {
				m.params[key] = rctx.URLParams.Values[i]
			}
			x := exchangeFrom(r.Context())
			x.operation, x.route = m.route.Operation.OperationID, pattern
			next.ServeHTTP(w, r.WithContext(context.WithValue(r.Context(), matchKey{}, m)))
		})
	}
}

func (p *responder) noRoute(w http.ResponseWriter, r *http.Request, mux *chi.Mux) {
	var allowed []string
	for _, method := range []string{http.MethodGet, http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete} {
		if mux.Find(chi.NewRouteContext(), method, r.URL.Path) != "" {
			allowed = append(allowed, method)
		}
	}
	if len(allowed) == 0 {
		p.fail(w, r, &Error{Code: CodeNotFound})
		return
	}
	p.wrongMethod(w, r, allowed)
}

func (p *responder) wrongMethod(w http.ResponseWriter, r *http.Request, allowed []string) {
	w.Header().Set("Allow", strings.Join(append(allowed, http.MethodOptions), ", "))
	p.fail(w, r, &Error{Code: CodeMethodNotAllowed})
}

// methodsFor are the methods of a path whose parameters can be what stands in it: of /sync/hubspot those that take a CRM, of
// /sync/{uuid} those that take a sync.
func methodsFor(item *openapi3.PathItem, rctx *chi.Context) []string {
	var fit []string
	for method, op := range item.Operations() {
		ok := true
		for _, parameter := range op.Parameters {
			if parameter.Value.In == openapi3.ParameterInPath {
				ok = ok && parameter.Value.Schema.Value.VisitJSON(rctx.URLParam(parameter.Value.Name)) == nil
			}
		}
		if ok {
			fit = append(fit, method)
		}
	}
	slices.Sort(fit)
	return fit
}
