//go:build !production

package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"html"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"regexp"
	"strings"
	"time"

	"github.com/google/uuid"
)

// client calls a running service as one of Conduit's services does.
type client struct {
	base string // without /functions/v1
	key  string
	http *http.Client
}

func newClient(base, key string) *client {
	return &client{base: base, key: key, http: &http.Client{Timeout: 90 * time.Second}}
}

// call sends body as JSON, if there is one, and decodes the answer into out, if that is not nil. It gives the status of any
// answer.
func (c *client) call(ctx context.Context, method, path string, body, out any) (int, error) {
	var payload io.Reader
	if body != nil {
		raw, err := json.Marshal(body)
		if err != nil {
			return 0, fmt.Errorf("encode: %w", err)
		}
		payload = bytes.NewReader(raw)
	}
	req, err := http.NewRequestWithContext(ctx, method, c.base+"/functions/v1"+path, payload)
	if err != nil {
		return 0, err
	}
	req.Header.Set("apikey", c.key)
	req.Header.Set("Content-Type", "application/json")
	resp, err := c.http.Do(req)
	if err != nil {
		return 0, err
	}
	defer func() { _ = resp.Body.Close() }()
	raw, err := io.ReadAll(io.LimitReader(resp.Body, 64<<20))
	if err != nil {
		return resp.StatusCode, err
	}
	if out != nil {
		if err := json.Unmarshal(raw, out); err != nil {
			return resp.StatusCode, fmt.Errorf("%s %s answered %d with what is no JSON: %w", method, path, resp.StatusCode, err)
		}
	}
	return resp.StatusCode, nil
}

// connect walks a workspace through the OAuth flow of a CRM as a person's browser would: start, consent, callback, back
// in the app. It works where the CRM is simulated.
func (c *client) connect(ctx context.Context, crm string, workspace uuid.UUID) error {
	var started struct {
		AuthorizeURL string `json:"authorizeUrl"`
		Message      string `json:"message"`
	}
	status, err := c.call(ctx, http.MethodPost, "/"+crm+"-oauth-start", map[string]any{"workspace_id": workspace}, &started)
	if err != nil {
		return err
	}
	if status != http.StatusOK {
		return fmt.Errorf("start of %s answered %d: %s", crm, status, started.Message)
	}
	back, err := c.consent(ctx, started.AuthorizeURL)
	if err != nil {
		return fmt.Errorf("consent at %s: %w", crm, err)
	}
	if back.Query().Get(crm+"_success") != "1" {
		return fmt.Errorf("connecting %s failed: %s", crm, back.Query().Get("error_description"))
	}
	return nil
}

const maxPages = 3 // the CRM's, ours, and ours when another account is to be replaced

var (
	formAction = regexp.MustCompile(`(?i)<form[^>]*action="([^"]*)"`)
	hiddenName = regexp.MustCompile(`(?i)<input[^>]*type="?hidden"?[^>]*name="([^"]*)"[^>]*value="([^"]*)"`)
	allowValue = regexp.MustCompile(`(?i)<button[^>]*name="([^"]*)"[^>]*value="(allow)"`)
)

// consent opens a consent page, presses Allow there and on every page that follows, and ends in the app.
func (c *client) consent(ctx context.Context, authorizeURL string) (*url.URL, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, authorizeURL, nil)
	if err != nil {
		return nil, err
	}
	jar, err := cookiejar.New(nil)
	if err != nil {
		return nil, err
	}
	browser := &client{http: &http.Client{Timeout: c.http.Timeout, Jar: jar, Transport: c.http.Transport}}
	target, status, page, err := browser.open(req)
	for pressed := 0; err == nil; pressed++ {
		allow := allowValue.FindStringSubmatch(page)
		switch {
		case status >= http.StatusBadRequest && pressed > 0:
			return nil, errors.New(strings.TrimSpace(page))
		case allow == nil: // no page was shown: the redirects have been followed
			return target, nil
		case pressed == maxPages:
			return nil, errors.New("it asks again and again")
		}
		form := url.Values{allow[1]: {allow[2]}}
		for _, m := range hiddenName.FindAllStringSubmatch(page, -1) {
			form.Set(html.UnescapeString(m[1]), html.UnescapeString(m[2]))
		}
		if m := formAction.FindStringSubmatch(page); len(m) == 2 && m[1] != "" {
			if target, err = target.Parse(html.UnescapeString(m[1])); err != nil {
				return nil, err
			}
		}
		if req, err = http.NewRequestWithContext(ctx, http.MethodPost, target.String(), strings.NewReader(form.Encode())); err != nil {
			return nil, err
		}
		req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		target, status, page, err = browser.open(req)
	}
	return nil, err
}

// open follows redirects and gives where they ended, with the status and text of the page there.
func (c *client) open(req *http.Request) (end *url.URL, status int, page string, err error) {
	resp, err := c.http.Do(req)
	if err != nil {
		return nil, 0, "", err
	}
	defer func() { _ = resp.Body.Close() }()
	text, err := io.ReadAll(io.LimitReader(resp.Body, 1<<20))
	return resp.Request.URL, resp.StatusCode, string(text), err
}
