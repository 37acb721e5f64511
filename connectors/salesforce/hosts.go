package salesforce

import (
	"errors"
	"fmt"
	"net/url"
	"regexp"
	"strings"
)

// hosts decides who may receive secrets. The login host of a connection comes from a customer and
// the instance URL from the network, so neither is believed without this.
type hosts struct {
	trusted map[string]bool // lower case, with the port if it has one
}

var (
	hostShape    = regexp.MustCompile(`^[a-z0-9]([a-z0-9-]*[a-z0-9])?(\.[a-z0-9]([a-z0-9-]*[a-z0-9])?)+$`)
	trustedShape = regexp.MustCompile(`^([a-z0-9.-]+|\[[0-9a-f:]+\])(:[0-9]{1,5})?$`)
)

const (
	maxURL      = 300 // a host name has at most 253 characters
	loginMend   = "use https://login.salesforce.com, https://test.salesforce.com or a My Domain such as https://NAME.my.salesforce.com, or let the operator add the host to the trusted hosts"
	tenantMend  = "only https hosts below salesforce.com may receive tokens; for another cloud the operator adds the host to the trusted hosts"
	trustedMend = "want a host or host:port, without scheme and path"
)

func newHosts(extra []string) (hosts, error) {
	h := hosts{trusted: make(map[string]bool, len(extra))}
	for _, e := range extra {
		e = strings.ToLower(e)
		if !trustedShape.MatchString(e) {
			return hosts{}, fmt.Errorf("TrustedHosts %q: %s", e, trustedMend)
		}
		h.trusted[e] = true
	}
	return h, nil
}

// login checks where people sign in: it sees the client secret, codes and refresh tokens.
func (h hosts) login(raw string) (string, error) {
	canonical, err := h.check(raw, func(host string) bool {
		return host == "login.salesforce.com" || host == "test.salesforce.com" ||
			strings.HasSuffix(host, ".my.salesforce.com")
	})
	if err != nil {
		return "", fmt.Errorf("%w: %s", err, loginMend)
	}
	return canonical, nil
}

// instance checks where an org lives: it sees access tokens and data.
func (h hosts) instance(raw string) (string, error) {
	canonical, err := h.check(raw, func(host string) bool {
		return strings.HasSuffix(host, ".salesforce.com")
	})
	if err != nil {
		return "", fmt.Errorf("%w: %s", err, tenantMend)
	}
	return canonical, nil
}

// check refuses whatever two readers of a URL could read differently, before it looks at the host.
func (h hosts) check(raw string, usual func(host string) bool) (string, error) {
	if raw == "" || len(raw) > maxURL {
		return "", errors.New("the URL is empty or too long")
	}
	for i := range len(raw) {
		if raw[i] <= ' ' || raw[i] >= 0x7f || strings.IndexByte(`@?#\%`, raw[i]) >= 0 {
			return "", errors.New("the URL holds a user name, a query or a character that no such URL needs")
		}
	}
	u, err := url.Parse(raw)
	if err != nil || u.Opaque != "" || u.Host == "" {
		return "", errors.New("this is not a URL of the form https://host")
	}
	if u.Path != "" && u.Path != "/" {
		return "", errors.New("the URL has a path")
	}
	host := strings.ToLower(u.Host)
	switch {
	case h.trusted[host] && (u.Scheme == "https" || u.Scheme == "http"):
	case u.Scheme != "https":
		return "", errors.New("the URL does not begin with https://")
	case !hostShape.MatchString(host) || !usual(host):
		return "", errors.New("the host is not one of Salesforce's")
	}
	return u.Scheme + "://" + host, nil
}
