// Package browse plays a person's browser that connects a workspace to a simulated CRM: it follows redirects up to the app and agrees
// to every page of the service on the way.
package browse

import (
	"context"
	"errors"
	"fmt"
	"html"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"regexp"
	"strings"
)

const (
	maxPages = 4
	maxPage  = 1 << 20
)

var hiddenField = regexp.MustCompile(`<input type="hidden" name="([^"]*)" value="([^"]*)">`)

// ToApp opens an authorize URL and gives the address below app, which is not opened, that the way ends at.
func ToApp(ctx context.Context, authorizeURL, app string) (*url.URL, error) {
	jar, err := cookiejar.New(nil)
	if err != nil {
		return nil, err
	}
	browser := &http.Client{Jar: jar, CheckRedirect: func(next *http.Request, _ []*http.Request) error {
		if strings.HasPrefix(next.URL.String(), app) {
			return http.ErrUseLastResponse
		}
		return nil
	}}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, authorizeURL, nil)
	if err != nil {
		return nil, err
	}
	for range maxPages {
		resp, err := browser.Do(req)
		if err != nil {
			return nil, err
		}
		page, err := io.ReadAll(io.LimitReader(resp.Body, maxPage))
		if err := errors.Join(err, resp.Body.Close()); err != nil {
			return nil, err
		}
		if resp.StatusCode != http.StatusOK {
			back, err := url.Parse(resp.Header.Get("Location"))
			if err != nil || !strings.HasPrefix(back.String(), app) {
				return nil, fmt.Errorf("the way ends with status %d: %s", resp.StatusCode, page)
			}
			return back, nil
		}
		if req, err = agree(ctx, resp.Request.URL, string(page)); err != nil {
			return nil, err
		}
	}
	return nil, errors.New("it asks again and again")
}

// agree sends the form of a page of the service.
func agree(ctx context.Context, at *url.URL, page string) (*http.Request, error) {
	form := url.Values{"decision": {"allow"}}
	for _, m := range hiddenField.FindAllStringSubmatch(page, -1) {
		form.Set(html.UnescapeString(m[1]), html.UnescapeString(m[2]))
	}
	to, err := at.Parse("oauth-confirm")
	if err != nil {
		return nil, err
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, to.String(), strings.NewReader(form.Encode()))
	if err != nil {
		return nil, err
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	return req, nil
}
