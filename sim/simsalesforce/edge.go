package simsalesforce

import (
	"compress/gzip"
	"fmt"
	"io"
	"mime"
	"net/http"
	"net/url"
	"strings"

	"crm-connectors/sim"
)

const (
	maxURI  = 16_384
	maxBody = 8 << 20

	statusNoRoute = 420
)

// limitSize refuses what Salesforce's edge refuses: 414 for the address, 431 with the headers.
func limitSize(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		size := len(r.RequestURI)
		if size > maxURI {
			html(w, http.StatusRequestURITooLong, "URI Too Long")
			return
		}
		for k, vs := range r.Header {
			for _, v := range vs {
				size += len(k) + len(v) + 4
			}
		}
		if size > maxURI {
			html(w, http.StatusRequestHeaderFieldsTooLarge, "Request Header Fields Too Large")
			return
		}
		next.ServeHTTP(w, r)
	})
}

// closed answers in the org's place while it is in maintenance, or at an address that it has left.
func (s *Sim) closed(w http.ResponseWriter, r *http.Request) bool {
	b := s.Behaviour()
	switch home, err := url.Parse(b.InstanceURL); {
	case b.Maintenance == MaintenancePage:
		html(w, http.StatusServiceUnavailable, "We are down for maintenance")
	case err == nil && home.Host != "" && !strings.EqualFold(home.Host, r.Host):
		html(w, statusNoRoute, "No route for host")
	default:
		return false
	}
	return true
}

func html(w http.ResponseWriter, status int, title string) {
	w.Header().Set("Content-Type", "text/html;charset=UTF-8")
	w.WriteHeader(status)
	_, _ = fmt.Fprintf(w, "<html><head><title>%[1]s</title></head><body><h1>%[1]s</h1></body></html>\n", title)
}

// readBody gives the plain bytes of a JSON body.
func readBody(w http.ResponseWriter, r *http.Request) ([]byte, *refusal) {
	var from io.Reader = http.MaxBytesReader(w, r.Body, maxBody)
	if strings.EqualFold(r.Header.Get("Content-Encoding"), "gzip") {
		unzipped, err := gzip.NewReader(from)
		if err != nil {
			return nil, parserError("The request body is not gzip: %s", err)
		}
		from = io.LimitReader(unzipped, maxBody)
	}
	body, err := io.ReadAll(from)
	if err != nil {
		return nil, parserError("The request body could not be read: %s", err)
	}
	if kind, _, _ := mime.ParseMediaType(r.Header.Get("Content-Type")); len(body) > 0 && kind != "application/json" {
		return nil, refuse(http.StatusUnsupportedMediaType, "UNSUPPORTED_MEDIA_TYPE",
			fmt.Sprintf("Content-Type '%s' is not supported; send application/json", r.Header.Get("Content-Type")))
	}
	return body, nil
}

// versions is the one resource that needs no session and costs no call.
func (s *Sim) versions(w http.ResponseWriter, _ *http.Request) {
	type version struct {
		Label   string `json:"label"`
		URL     string `json:"url"`
		Version string `json:"version"`
	}
	var out []version
	for v := oldestVersion; v <= newestVersion; v++ {
		out = append(out, version{releaseName(v), fmt.Sprintf("/services/data/v%d.0", v), fmt.Sprintf("%d.0", v)})
	}
	sim.WriteJSON(w, http.StatusOK, out)
}

// releaseName counts from Spring '26, which is 66: three releases a year, Winter named after the
// year to come.
func releaseName(v int) string {
	since := v - 66 + 3*20 // years before 2026 without negative remainders
	year := 6 + since/3
	season := []string{"Spring", "Summer", "Winter"}[since%3]
	if season == "Winter" {
		year++
	}
	return fmt.Sprintf("%s '%02d", season, year)
}
