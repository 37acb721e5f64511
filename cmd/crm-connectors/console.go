package main

import (
	"net/http"
	"net/url"
	"strings"

	"crm-connectors/api"
	"crm-connectors/console"
	"crm-connectors/handlers"
)

// operators are who may use the console; nil: it is off.
func operators(cfg Config, auth *api.Credentials) *api.Operators {
	if cfg.Console == nil {
		return nil
	}
	return &api.Operators{Keys: auth.Keys, Tokens: auth.Tokens, Role: cfg.Console.Role}
}

// addConsole puts the console beside the API, or at an address of its own.
func (s *service) addConsole(cfg Config, h *handlers.Handlers) error {
	if cfg.Console == nil {
		return nil
	}
	pages, err := console.New(console.Config{Handlers: h, NoTLS: plainLoopback(cfg.Console.Origin), Origin: cfg.Console.Origin, Log: s.log})
	if err != nil {
		return err
	}
	pages = api.WithBrowser(pages)
	if cfg.Console.ListenAddr != "" {
		s.console = pages
		return nil
	}
	routes := s.handler
	s.handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == console.Base || strings.HasPrefix(r.URL.Path, console.Base+"/") {
			pages.ServeHTTP(w, r)
			return
		}
		routes.ServeHTTP(w, r)
	})
	return nil
}

// plainLoopback says that browsers reach an origin of this machine without TLS, where a cookie cannot be kept for TLS alone in every browser.
func plainLoopback(origin string) bool {
	u, err := url.Parse(origin)
	return err == nil && u.Scheme == "http" && isLoopback(u)
}
