package simhubspot

import (
	"context"
	"net/http"
	"net/url"
	"slices"
	"strings"
)

// version09 is the version that enforces the portal's own rules on writes.
const version09 = "2026-09"

type versionKey struct{}

// versionOf is the API version that the request was sent to.
func versionOf(r *http.Request) string {
	v, _ := r.Context().Value(versionKey{}).(string)
	return v
}

func isDated(segment string) bool { return segment == "2026-03" || segment == version09 }

// normalise takes the version out of a path, so that all versions are one route: /crm/v3/objects/x
// and /crm/objects/2026-09/x both become /crm/objects/x. ok is false for a path that no version
// has, such as /oauth/v1/token or /crm/2026-09/objects/x.
func normalise(escaped string) (path, version string, ok bool) {
	parts := strings.Split(strings.TrimPrefix(escaped, "/"), "/")
	if len(parts) < 3 {
		return "", "", false
	}
	at := 1
	switch parts[0] {
	case "crm":
		if isDated(parts[2]) || (parts[1] == "associations" && parts[2] == "v4") {
			at = 2
		} else if isDated(parts[1]) {
			return "", "", false
		}
	case "oauth", "account-info", "appinstalls":
	default:
		return "", "", false
	}
	version = parts[at]
	parts = slices.Delete(parts, at, at+1)
	return "/" + strings.Join(parts, "/"), version, known(parts, version)
}

// known tells whether the API of parts exists in that version. The associations API is v4 and
// dated, all else is v3 and dated.
func known(parts []string, version string) bool {
	if isDated(version) {
		return true
	}
	associations := len(parts) > 1 && (parts[1] == "associations" || (len(parts) > 4 && parts[4] == "associations"))
	if associations {
		return version == "v4"
	}
	return version == "v3"
}

// versioned serves every version of the API from the routes of next.
func versioned(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		path, version, ok := normalise(r.URL.EscapedPath())
		if !ok {
			writeError(w, fail(http.StatusNotFound, "", "resource not found"))
			return
		}
		plain, err := url.PathUnescape(path)
		if err != nil {
			writeError(w, invalid("Invalid path"))
			return
		}
		r2 := r.WithContext(context.WithValue(r.Context(), versionKey{}, version))
		u := *r.URL
		u.Path, u.RawPath = plain, path
		r2.URL = &u
		next.ServeHTTP(w, r2)
	})
}
